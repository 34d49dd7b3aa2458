"""Keys and proofs."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from advisor.cache.dependencies import fixed, key, listing, pack, prove, settle, stamp, unpack
from advisor.texts import Texts

HERE = Path(sys.executable)


def request(line: int, where: str, **changes: object) -> dict[str, object]:
    attempt = {"source": "call-site", "where": where, "args": ["3"], "kwargs": {}}
    candidate = {"name": "Net", "line": line, "end_line": line + 5, "attempts": [attempt], "inputs": []}
    return {"file": "/p/net.py", "seconds": 20.0, "candidates": [candidate], "hints": [{"where": where}], **changes}


def test_lines_and_limits_are_no_part_of_a_request() -> None:
    assert fixed(request(3, "net.py:9"))[0] == fixed(request(4, "net.py:10", seconds=1.0, buffers={"/p/a.py": ""}))[0]
    assert fixed(request(3, "net.py:9"))[1] == ["net.py:9"]
    assert fixed(request(3, "net.py:9"))[0] != fixed(request(3, "net.py:9", file="/p/other.py"))[0]


def test_where_numbers_stand_in_the_file_itself_moves_with_it_and_elsewhere_it_does_not() -> None:
    def told(line: int, file: str) -> Any:
        asked: Any = request(3, "net.py:9")
        asked["candidates"][0]["attempts"][0]["places"] = {"args": [[None, [file, line, 4, line, 6]]], "kwargs": {}}
        return fixed(asked)[0]

    assert told(9, "/p/net.py") == told(10, "/p/net.py") != fixed(request(3, "net.py:9"))[0]
    assert told(9, "/p/train.py") != told(10, "/p/train.py")


def test_which_places_are_the_same_is_part_of_a_request() -> None:
    one, two = request(3, "net.py:9"), request(3, "net.py:9", hints=[{"where": "net.py:10"}])
    assert fixed(one)[0] != fixed(two)[0]


def test_keys() -> None:
    plain = fixed(request(3, "net.py:9"))[0]
    first = key("digest", plain, HERE, {"HOME": "/h"})
    assert first == key("digest", plain, HERE, {"HOME": "/h", "EDITOR": "vi"})
    assert first != key("digest", plain, HERE, {"HOME": "/other"})
    assert first != key("other", plain, HERE, {"HOME": "/h"})
    assert first != key("digest", plain, Path("/usr/bin/env"), {"HOME": "/h"})


def test_a_stamp_sees_what_is_installed(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(HERE)
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    own = tmp_path / "own"
    own.mkdir()
    seen = [stamp(python, {})]
    (site / "einops").mkdir()
    seen.append(stamp(python, {}))
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\n")
    seen.append(stamp(python, {}))
    seen.append(stamp(python, {"PYTHONPATH": str(own)}))
    (own / "torch.py").write_text("")
    seen.append(stamp(python, {"PYTHONPATH": str(own)}))
    (tmp_path / ".local" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    seen.append(stamp(python, {"HOME": str(tmp_path)}))
    assert len({pack(s) for s in seen}) == len(seen)
    assert stamp(python, {}) == stamp(python, {})


def test_a_listing_has_what_can_be_imported(tmp_path: Path) -> None:
    was = listing(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "no-package").mkdir()
    assert listing(tmp_path) == was
    assert listing(tmp_path, {tmp_path / "unsaved.py": ""}) != was
    assert listing(tmp_path, {tmp_path / "deeper" / "unsaved.py": ""}) == was
    (tmp_path / "package").mkdir()
    package = listing(tmp_path)
    (tmp_path / "package").rmdir()
    (tmp_path / "package").write_text("")
    assert len({was, package, listing(tmp_path)}) == 2
    (tmp_path / "c.so").write_text("")
    assert listing(tmp_path) != was
    assert listing(tmp_path / "nowhere") != was


@pytest.mark.parametrize("place", ["lib/python3.11", "lib/python3.11/site-packages", "own"])
def test_a_stamp_sees_what_an_interpreter_starts_with(tmp_path: Path, place: str) -> None:
    for folder in ("bin", "lib/python3.11/site-packages", "own"):
        (tmp_path / folder).mkdir(parents=True)
    python = tmp_path / "bin" / "python"
    python.symlink_to(HERE)
    file = tmp_path / place / "sitecustomize.py"
    file.write_text("a = 1\n")
    was = stamp(python, {"PYTHONPATH": str(tmp_path / "own")})
    file.write_text("a = 2\n")
    assert stamp(python, {"PYTHONPATH": str(tmp_path / "own")}) != was


@pytest.mark.skipif(not Path("/usr/local/lib").is_dir(), reason="no Debian")
def test_a_stamp_of_the_systems_interpreter_sees_what_is_installed_locally(tmp_path: Path) -> None:
    sites = stamp(Path("/usr/bin/python3"), {})[4]
    local = [str(p / "dist-packages") for p in Path("/usr/local/lib").glob("python*")]
    assert {*local} <= sites.keys()


@pytest.mark.parametrize("settle", [True, False])
def test_a_folder_that_becomes_a_package_is_seen(tmp_path: Path, settle: bool) -> None:
    for name in ("package", "my-package"):
        (tmp_path / name).mkdir()
        if settle:
            time.sleep(0.15)  # what the folder holds is remembered then
        was = listing(tmp_path)
        assert listing(tmp_path, {tmp_path / name / "__init__.py": ""}) != was
        (tmp_path / name / "notes.txt").write_text("")
        assert listing(tmp_path) == was
        (tmp_path / name / "__init__.py").write_text("")
        assert listing(tmp_path) != was


def test_a_link_that_leads_to_itself_hides_nothing(tmp_path: Path) -> None:
    for name in ("loop", "loop.py", "loop.egg-info"):
        (tmp_path / name).symlink_to(name)
    was = listing(tmp_path)
    (tmp_path / "a.py").write_text("")
    assert listing(tmp_path) != was


def test_what_says_which_packages_are_installed_is_listed(tmp_path: Path) -> None:
    was = listing(tmp_path)
    (tmp_path / "mine.egg-info").mkdir()
    assert listing(tmp_path) != was


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "a.py").write_text("a = 1\n")
    (tmp_path / "settings.yaml").write_text("a: 1\n")
    time.sleep(0.03)
    return tmp_path


def reads(project: Path, *files: str) -> dict[str, object]:
    return {"complete": True, "files": [str(project / f) for f in files], "folders": [str(project)]}


def test_a_proof_holds_while_nothing_changed(project: Path) -> None:
    proof = prove(
        reads(project, "a.py", "settings.yaml", "absent.json", "own.py"),
        {str(project / "own.py")},
        Texts(),
        time.time_ns(),
    )
    assert proof is not None
    assert str(project / "own.py") not in proof.files
    assert proof.holds(Texts())
    assert proof.holds(Texts({project / "a.py": "a = 1\n"}))
    assert not proof.holds(Texts({project / "a.py": "a = 2\n"}))
    (project / "absent.json").write_text("{}")
    assert not proof.holds(Texts())
    (project / "absent.json").unlink()
    assert proof.holds(Texts())
    (project / "settings.yaml").write_text("a: 2\n")
    assert not proof.holds(Texts())


def test_what_changed_since_is_not_proven(project: Path) -> None:
    before = time.time_ns()
    assert prove(reads(project, "a.py"), (), Texts(), before) is not None
    (project / "a.py").write_text("a = 2\n")
    assert prove(reads(project, "a.py"), (), Texts(), before) is None
    assert prove(reads(project, "a.py"), (), Texts({project / "a.py": "a = 2\n"}), before) is not None
    (project / "settings.yaml").unlink()
    assert prove({**reads(project, "settings.yaml"), "folders": []}, (), Texts(), before) is None


def test_where_a_link_leads_is_part_of_a_proof(project: Path) -> None:
    link = project / "latest"
    link.symlink_to("a")
    said = {"links": {str(link): f"{link.lstat().st_mode:o} a", str(project / "absent"): None}}
    time.sleep(0.03)
    proof = prove({**reads(project), **said}, (), Texts(), time.time_ns())
    assert proof is not None
    assert proof.holds(Texts())
    assert prove({**reads(project), "links": {str(link): "120777 b"}}, (), Texts(), time.time_ns()) is None
    link.unlink()
    link.symlink_to("b")
    assert not proof.holds(Texts())
    link.unlink()
    link.symlink_to("a")
    assert proof.holds(Texts())
    (project / "absent").write_text("")
    assert not proof.holds(Texts())


def test_a_traced_file_that_changed_and_changed_back_is_not_proven(project: Path) -> None:
    own = str(project / "own.py")
    Path(own).write_text("a = 1\n")
    before = settle([Path(own), project])
    assert prove(reads(project), (own,), Texts(), before) is not None
    for text in ("a = 2\n", "a = 1\n"):
        Path(own).write_text(text)
    assert prove({**reads(project), "folders": []}, (own,), Texts(), before) is None
    assert prove({**reads(project), "folders": []}, (own,), Texts({Path(own): ""}), before) is not None


def test_settling_outlasts_a_tick_of_the_file_system(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("")
    since = settle([path, tmp_path / "absent"])
    assert prove(reads(tmp_path, "a.py"), (), Texts(), since) is not None


def test_bytes() -> None:
    plain = {"a": [1, 2.5, None, True, "\ud800", b"x"], "b": {"c": {}}}
    assert unpack(pack(plain)) == plain
    for data in (b"\xc1", b"\x81\x80\x01", b"\x81\x90\x01"):
        with pytest.raises(ValueError, match="no msgpack"):
            unpack(data)
    with pytest.raises((ValueError, OverflowError)):
        pack(1 << 70)
