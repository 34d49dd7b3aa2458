"""Entries on the disk."""

from __future__ import annotations

import errno
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.cache.store import FORMAT, Store

KEY, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "traces")


def entries(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def bodies(store: Store, key: str = KEY) -> list[bytes]:
    return [body for _, body in store.read(key)]


def age(path: Path, seconds: int) -> None:
    os.utime(path, (path.stat().st_atime - seconds, path.stat().st_mtime - seconds))


def test_what_was_written_is_read(store: Store) -> None:
    assert bodies(store) == []
    store.write(KEY, b"one")
    store.write(OTHER, b"two")
    assert bodies(store) == [b"one"]
    assert bodies(Store(store.folder.parent), OTHER) == [b"two"]


def test_folders_are_the_owners_alone(store: Store) -> None:
    store.write(KEY, b"one")
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    store.folder.chmod(0o755)
    store.write(KEY, b"two")
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_the_newest_few_of_a_key_are_kept_the_one_used_last_first(store: Store) -> None:
    for n in range(6):
        store.write(KEY, b"%d" % n)
        for path, body in store.read(KEY):
            age(path, 10)
            assert body
    assert sorted(bodies(store)) == [b"2", b"3", b"4", b"5"]
    path = next(p for p, body in store.read(KEY) if body == b"3")
    store.used(path)
    assert bodies(store)[0] == b"3"


def test_what_was_used_longest_ago_goes_first(store: Store, tmp_path: Path) -> None:
    small = Store(tmp_path / "small", max_bytes=20_000)
    for n in range(40):
        small.write(f"{n:02x}" * 32, os.urandom(1000))
        for path in entries(small.folder):
            age(path, 10)
        if n:
            small.used(next(p for p, _ in small.read("00" * 32)))
    assert sum(p.stat().st_size for p in entries(small.folder)) <= 20_000
    assert len(bodies(small, "00" * 32)) == 1
    assert bodies(small, "01" * 32) == []
    assert len(bodies(small, "27" * 32)) == 1


def test_an_entry_larger_than_all_may_be_is_not_kept(tmp_path: Path) -> None:
    small = Store(tmp_path / "small", max_bytes=1000)
    small.write(KEY, os.urandom(2000))
    assert bodies(small) == []


def test_what_dead_writers_left_is_removed(store: Store, tmp_path: Path) -> None:
    store.write(KEY, b"one")
    folder = entries(store.folder)[0].parent
    old, new = folder / "new-1", folder / "new-2"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    age(old, 10_000)
    Store(store.folder.parent).write(OTHER, b"two")
    assert not old.exists()
    assert new.exists()


@settings(max_examples=60, deadline=None)
@given(damage=st.binary(max_size=40), cut=st.integers(0, 100), offset=st.integers(0, 80))
def test_damaged_files_are_misses_and_removed(
    tmp_path_factory: pytest.TempPathFactory, damage: bytes, cut: int, offset: int
) -> None:
    store = Store(tmp_path_factory.mktemp("traces"))
    store.write(KEY, b"one" * 20)
    (path,) = entries(store.folder)
    whole = path.read_bytes()
    path.write_bytes((whole[:offset] + damage + whole[offset + len(damage) :])[:cut])
    kept = path.read_bytes() == whole
    assert bodies(store) == ([b"one" * 20] if kept else [])
    assert path.exists() == kept


def test_folders_and_links_among_the_entries(store: Store, tmp_path: Path) -> None:
    store.write(KEY, b"one")
    folder = entries(store.folder)[0].parent
    (folder / f"{KEY}.{'0' * 32}").mkdir()
    (folder / f"{KEY}.{'1' * 32}").symlink_to(tmp_path / "nowhere")
    assert bodies(store) == [b"one"]
    store.write(OTHER, b"two")
    assert bodies(store, OTHER) == [b"two"]


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr("tempfile.mkstemp", full)
        store.write(KEY, b"one")
        store.write(KEY, b"two")
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    assert bodies(store) == []
    store.write(KEY, b"three")
    assert bodies(store) == [b"three"]


def test_a_disk_that_fills_up_meanwhile_leaves_no_halves(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(KEY, b"one")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        store.write(KEY, b"two")
    assert len(entries(store.folder)) == 1


@pytest.mark.parametrize("make", [lambda p: p.write_text("a file"), lambda p: p.symlink_to("/")])
def test_no_folder_of_ours(tmp_path: Path, make: Callable[[Path], object], caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "traces").mkdir()
    make(tmp_path / "traces" / f"v{FORMAT}")
    store = Store(tmp_path / "traces")
    store.write(KEY, b"one")
    assert bodies(store) == []
    assert "in memory only" in caplog.text


def test_what_others_wrote_is_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(KEY, b"one")
    other = os.getuid() + 1
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: other)
        assert bodies(store) == []
    assert bodies(store) == [b"one"]


WRITE = """
import sys
from pathlib import Path
from advisor.cache.store import Store
store = Store(Path(sys.argv[1]), max_bytes=30_000)
for n in range(60):
    store.write(f"{n % 7:02x}" * 32, (sys.argv[2] + str(n)).encode() * 50)
    for key in range(7):
        for _, body in store.read(f"{key:02x}" * 32):
            assert body in {(w + str(m)).encode() * 50 for w in "xyz" for m in range(60)}
"""


def test_several_processes_at_once(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path / "traces"), who], cwd=tmp_path) for who in "xyz"
    ]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert all(len(bodies(Store(tmp_path / "traces"), f"{key:02x}" * 32)) > 0 for key in range(7))
