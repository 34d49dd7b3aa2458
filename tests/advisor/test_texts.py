"""What files hold: buffers over the disk, and stamps and digests that change with it."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from advisor.recent import Recent
from advisor.texts import Texts, disk_digest, settled


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_buffer_hides_the_disk_and_has_the_digest_of_its_text(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("saved = 1\n")
    plain, edited = Texts(), Texts({path: "édité = 1\n"})
    assert (plain.get(path), edited.get(path)) == (None, "édité = 1\n")
    assert (plain.digest(path), edited.digest(path)) == (sha("saved = 1\n"), sha("édité = 1\n"))
    assert plain.stamp(path) != edited.stamp(path)
    assert (plain.unsaved(path), edited.unsaved(path)) == (False, True)
    assert not Texts({path: "saved = 1\n"}).unsaved(path)


def test_what_is_no_file_has_neither_stamp_nor_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    for path in (tmp_path, tmp_path / "gone.py", tmp_path / "pipe.py", tmp_path / "nul\0.py"):
        assert (Texts().stamp(path), Texts().digest(path)) == (None, None)
    assert Texts({tmp_path / "gone.py": "x"}).digest(tmp_path / "gone.py") == sha("x")


def test_the_disk_is_looked_at_for_each_digest_and_once_for_stamps(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("a")
    texts = Texts()
    before = texts.stamp(path)
    for text in ("b", "c", "d"):  # within a tick of the file system's clock, and of equal size
        path.write_text(text)
        assert texts.digest(path) == sha(text)
    path.write_text("longer")
    assert texts.stamp(path) == before != Texts().stamp(path)


def test_a_stamp_is_trusted_only_when_the_file_has_come_to_rest(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("a")
    assert not settled(Texts().stamp(path))
    stamp = Texts().stamp(path)
    assert isinstance(stamp, tuple)
    assert settled((stamp[0] - 10**9, stamp[1] - 10**9, *stamp[2:]))
    assert settled("a buffer's digest")


def test_an_old_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    for text in ("a", "b"):
        path.write_text(text)
        os.utime(path, ns=(1, 1))
        assert Texts().digest(path) == sha(text)


def test_what_was_used_longest_ago_is_forgotten() -> None:
    kept: Recent[str, str] = Recent(5, len)
    kept.put("a", "12")
    kept.put("b", "34")
    assert kept.get("a") == "12"
    kept.put("c", "56")
    assert (kept.get("a"), kept.get("b"), kept.get("c"), len(kept)) == ("12", None, "56", 2)
    kept.put("d", "x" * 100)
    assert (kept.get("d"), len(kept)) == ("x" * 100, 1)


def test_threads_that_ask_at_once_get_the_same() -> None:
    kept: Recent[int, object] = Recent(3)
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(kept.setdefault(1, object()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, got))) == 1


def test_a_large_file_goes_by_its_stamp(tmp_path: Path) -> None:
    file = tmp_path / "weights.bin"
    with file.open("wb") as opened:
        opened.truncate(4 << 30)  # a hole: reading it would take seconds
    was = disk_digest(file)
    assert was is not None
    assert was == disk_digest(file)
    assert was.startswith("stamp ")
    with file.open("r+b") as opened:
        opened.truncate((4 << 30) + 1)
    assert disk_digest(file) != was
