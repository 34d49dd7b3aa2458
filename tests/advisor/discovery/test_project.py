from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from advisor.discovery.index import Index
from advisor.discovery.listing import Listing, python_files
from advisor.discovery.outline import Import
from advisor.discovery.project import Project, root
from advisor.texts import Texts

from .helpers import write


def test_a_namespace_package_starts_where_the_files_own_imports_do(tmp_path: Path) -> None:
    write(tmp_path, {"ns/inner/net.py": "import os\nfrom ns.inner.cfg import W\n", "ns/inner/cfg.py": "W = 1\n"})
    assert root(tmp_path / "ns/inner/net.py") == tmp_path
    assert root(tmp_path / "ns/inner/cfg.py") == tmp_path / "ns/inner"


def test_root_is_the_nearest_marked_folder(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "", "pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/net.py": ""})
    assert root(tmp_path / "pkg/sub/net.py") == tmp_path
    (tmp_path / "pkg/setup.py").touch()
    assert root(tmp_path / "pkg/sub") == tmp_path / "pkg"


def test_an_installed_package_belongs_to_its_folder_and_searches_only_itself(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": "",
            ".venv/lib/site-packages/pkg/net.py": "class Net: pass\n",
            ".venv/lib/site-packages/pkg/use.py": "from .net import Net\nNet(1)\n",
            ".venv/lib/site-packages/other/use.py": "from pkg.net import Net\nNet(2)\n",
        },
    )
    net = tmp_path / ".venv/lib/site-packages/pkg/net.py"
    project = Project(root(net))
    assert project.root.name == "site-packages"
    assert project.dotted(net) == "pkg.net"
    assert [o.source.path.parent.name for o in project.mentioning({"Net"}, net)] == ["pkg"]


def test_files_of_others_are_skipped(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "b.py": "",
            "a/net.py": "",
            "a/notes.txt": "",
            "node_modules/x.py": "",
            ".hidden/x.py": "",
            "my-env/pyvenv.cfg": "",
            "my-env/lib/x.py": "",
            "__pycache__/x.py": "",
            "third/x.py": "",
            "a/generated.py": "",
        },
    )
    found = python_files(tmp_path, exclude=["third/", "*/generated.py"])
    assert [p.relative_to(tmp_path).as_posix() for p in found] == ["b.py", "a/net.py"]
    assert list(python_files(tmp_path / "third/x.py")) == [tmp_path / "third/x.py"]


def test_lookup_follows_re_exports(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "src/lib/__init__.py": "from .a import Net as Renamed, Net\nfrom . import loop\n",
            "src/lib/a.py": "from .b import *\n",
            "src/lib/b.py": "class Net: pass\n",
            "src/lib/loop.py": "from .loop import Gone\n",
            "use.py": "",
        },
    )
    project = Project(tmp_path)
    use = project.outline(tmp_path / "use.py")
    assert use is not None
    definition = project.lookup(use, Import("lib", "Net", 0))
    assert definition is not None
    assert definition[0].source.path == tmp_path / "src/lib/b.py"
    assert project.lookup(use, Import("lib.loop", "Gone", 0)) is None
    assert project.lookup(use, Import("torch.nn", "Module", 0)) is None


def test_a_file_is_parsed_again_only_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisor.texts.SETTLED_NS", 0)
    write(tmp_path, {"net.py": "class A: pass\n"})
    path, index = tmp_path / "net.py", Index()
    first = Project(tmp_path, index=index).outline(path)
    assert first is not None
    assert Project(tmp_path, index=index).outline(path) is first
    path.write_text("class Changed: pass\n")
    second = Project(tmp_path, index=index).outline(path)
    assert second is not None
    assert list(second.classes) == ["Changed"]


def test_a_file_that_may_still_change_unseen_is_not_kept(tmp_path: Path) -> None:
    index = Index()
    for text in ("class A: pass\n", "class B: pass\n", "class C: pass\n"):  # within a tick of the clock, of one size
        write(tmp_path, {"net.py": text})
        found = Project(tmp_path, index=index).outline(tmp_path / "net.py")
        assert found is not None
        assert list(found.classes) == [text[6]]


def test_the_next_request_sees_files_that_came_went_and_changed(tmp_path: Path) -> None:
    index = Index()
    write(tmp_path, {"net.py": "class Net: pass\n", "a/one.py": "", "b/two.py": "from net import Net\nNet(1)\n"})

    def users() -> list[str]:
        project = Project(tmp_path, index=index)
        return [o.source.path.name for o in project.mentioning({"Net"}, tmp_path / "net.py")]

    assert users() == ["two.py"]
    write(tmp_path, {"a/one.py": "from net import Net\nNet(2)\n", "c/d/three.py": "from net import Net\nNet(3)\n"})
    assert users() == ["one.py", "two.py", "three.py"]
    shutil.rmtree(tmp_path / "c")
    (tmp_path / "b/two.py").rename(tmp_path / "a/zwei.py")
    assert users() == ["one.py", "zwei.py"]


def test_a_folder_is_read_again_only_when_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisor.discovery.listing.SETTLED_NS", 0)
    write(tmp_path, {"a/one.py": "", "b/two.py": ""})
    listing, read = Listing(tmp_path), []
    scan = os.scandir
    monkeypatch.setattr("os.scandir", lambda path: read.append(Path(path).name) or scan(path))
    first = list(listing.walk())
    assert [p.name for p in first] == ["one.py", "two.py"]
    assert len(read) == 3
    assert list(listing.walk()) == first
    assert len(read) == 3
    write(tmp_path, {"b/three.py": ""})
    assert [p.name for p in listing.walk()] == ["one.py", "three.py", "two.py"]
    assert read[3:] == ["b"]


def test_a_folder_that_becomes_a_virtual_environment_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": "", "tools/lib/x.py": ""})
    listing = Listing(tmp_path)
    assert len(list(listing.walk())) == 2
    write(tmp_path, {"tools/pyvenv.cfg": ""})
    assert [p.name for p in listing.walk()] == ["net.py"]


def test_unsaved_text_counts_in_other_files_and_in_ones_that_are_not_written_yet(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": "class Net: pass\n", "old.py": "from net import Net\nNet(1)\n", ".x/y.py": ""})
    texts = Texts(
        {
            tmp_path / "old.py": "",
            tmp_path / "new.py": "from net import Net\nNet(2)\n",
            tmp_path / ".x" / "z.py": "from net import Net\nNet(3)\n",
            tmp_path.parent / "elsewhere.py": "from net import Net\nNet(4)\n",
        }
    )
    found = Project(tmp_path, texts).mentioning({"Net"}, tmp_path / "net.py")
    assert [o.source.path.name for o in found] == ["new.py"]
    use = Project(tmp_path, texts).outline(tmp_path / "new.py")
    assert use is not None
    assert next(Project(tmp_path, texts).files_of(use, use.imports["Net"])) == tmp_path / "net.py"


def test_installed_packages_are_not_explained_by_each_others_documents(tmp_path: Path) -> None:
    text = "```python\nfrom pkg import Net\nNet(1)\n```\n"
    write(tmp_path, {"site-packages/pkg/README.md": text, "site-packages/other/README.md": text})
    project = Project(tmp_path / "site-packages")
    examples = project.examples(tmp_path / "site-packages/pkg/net.py")
    assert [o.source.path.parent.name for o in examples] == ["pkg"]


def test_files_that_do_not_parse_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": "class Net: pass\n", "broken.py": "Net(\n", "user.py": "from net import Net\nNet(1)\n"})
    project = Project(tmp_path)
    found = project.mentioning({"Net"}, tmp_path / "net.py")
    assert [o.source.path.name for o in found] == ["user.py"]
