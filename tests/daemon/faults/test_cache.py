"""A cache that is damaged, foreign or full: at worst it is of no use; an answer is never wrong."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from advisor import folders
from advisor.cache.store import FORMAT
from advisor.client.address import find, secure
from advisor.client.dial import dial
from advisor.client.errors import DaemonError
from tests.daemon.hubs import SECONDS, kill, until

from .conftest import Fresh, Project, audited, runs
from .editor import Editor

TINY = 64 << 10
"""Bytes of a disk that the log and an entry or two fill."""


def entries() -> list[Path]:
    """The files of the traces that are kept on the disk."""
    return [path for path in (folders.cache() / "traces").rglob("*") if path.is_file()]


def damages(data: bytes) -> dict[str, bytes]:
    """What can become of a file, by name."""
    dice = random.Random(7)
    flipped = bytearray(data)
    if data:
        flipped[len(data) // 2] ^= 0x10
    return {
        "flipped": bytes(flipped),
        "cut short": data[: len(data) // 2],
        "empty": b"",
        "head only": data[:20],
        "longer": data + b"\0",
        "random": dice.randbytes(len(data)),
        "random after its head": data[:15] + dice.randbytes(len(data)),
    }


def test_every_damaged_entry_is_dropped_and_made_anew(project: Project, fresh: Fresh):
    before = set(entries())
    ways = list(damages(b""))
    for number, _ in enumerate(ways):
        project.net(f"net{number}.py")
    wanted = audited(project.folder)
    assert wanted == fresh.json(project.folder)
    kept = sorted(set(entries()) - before)
    assert len(kept) == len(ways)
    for path, way in zip(kept, ways, strict=True):
        path.write_bytes(damages(path.read_bytes())[way])
    kill(find())
    assert audited(project.folder) == wanted
    assert runs() == (0, len(ways)), "none was used"
    kill(find())
    assert audited(project.folder) == wanted
    assert runs() == (len(ways), 0), "all were made anew"


def test_everything_in_the_cache_is_rubbish(project: Project, fresh: Fresh):
    path = project.net()
    wanted = audited(path)
    kill(find())
    dice = random.Random(8)
    for entry in entries():
        entry.write_bytes(dice.randbytes(1 + dice.randrange(10_000)))
    assert entries()
    with Editor(project.folder, trusted=True) as editor:
        editor.open(path, path.read_text())
        assert editor.findings(path) == fresh.findings(path) != []
        assert editor.logged() == []
    assert audited(path) == wanted


@pytest.mark.parametrize("what", ["file", "folder of files", "link", "gone"])
def test_the_cache_is_not_what_it_was(project: Project, fresh: Fresh, tmp_path: Path, what: str):
    """Also under the feet of a daemon that uses it."""
    audited(project.net("first.py"))
    traces = folders.cache() / "traces"
    shutil.rmtree(traces)
    if what == "file":
        traces.write_text("")
    elif what == "folder of files":
        traces.mkdir()
        (traces / f"v{FORMAT}").write_text("")
    elif what == "link":
        traces.symlink_to(tmp_path / "nowhere")
    path = project.net()
    assert audited(path) == fresh.json(path)
    if traces.is_symlink() or traces.is_file():
        traces.unlink()
    else:
        shutil.rmtree(traces, ignore_errors=True)


@pytest.mark.parametrize("full", ["disk", "limit"])
def test_a_full_disk_costs_the_cache_and_nothing_else(project: Project, fresh: Fresh, full: str):
    command = on_full_disk() if full == "disk" else WITH_LIMIT
    before = set(entries())
    with daemon(command) as said:
        for name in ("first.py", "second.py"):
            path = project.net(name)
            assert audited(path) == audited(path) == fresh.json(path)
        assert sum(runs()) == 4
        with Editor(project.folder, trusted=True) as editor:
            editor.open(path, path.read_text())
            assert editor.findings(path) == fresh.findings(path) != []
            assert editor.logged() == []
    assert said == []
    assert set(entries()) == before


WITH_LIMIT = ("sh", "-c", 'ulimit -f 1 && exec "$@"', "sh")
"""Runs a program that can write no file longer than half a kilobyte: its process's number fits, nothing else."""


def on_full_disk() -> tuple[str, ...]:
    """Runs a program for which the folder of caches and logs is a disk of its own, tiny and full."""
    cache = folders.cache()
    cache.mkdir(parents=True, exist_ok=True)
    mount = f"mount -t tmpfs -o size={TINY} full {cache}"
    own = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    if not shutil.which("unshare") or subprocess.run([*own, mount], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a disk of their own")
    return (*own, f'{mount}; head -c {2 * TINY} /dev/zero > {cache}/filler 2> /dev/null; exec "$@"', "sh")


@contextmanager
def daemon(command: Sequence[str]) -> Iterator[list[str]]:
    """A daemon run by ``command``. The list has, in the end, what it said on stderr."""
    kill(find())
    said: list[str] = []
    secure(find(), make=True)
    line = [*command, sys.executable, "-m", "advisor.daemon", "hub"]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, cwd="/")
    try:
        until(lambda: there() or process.poll() is not None)
        yield said
    finally:
        kill(find())
        said += process.communicate(timeout=SECONDS)[1].splitlines()


def there() -> bool:
    """Whether a daemon takes clients."""
    try:
        dial("script", start=False).close()
    except DaemonError:
        return False
    return True
