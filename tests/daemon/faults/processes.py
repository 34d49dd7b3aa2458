"""What runs and what lies about: everything that a test started, directly or not, and what it leaves behind."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

from advisor.client.address import find, holder

_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """In here processes whose parents have gone become children of this one, on Linux: none can hide."""
    if not sys.platform.startswith("linux"):
        yield
        return
    prctl = ctypes.CDLL(None).prctl
    prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def below(pid: int) -> list[psutil.Process]:
    """The processes that descend from ``pid`` and are alive; none when it is gone."""
    try:
        found = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in found if alive(process)]


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that only waits for its parent to take note of its end does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def strays(known: Iterable[int] = ()) -> set[int]:
    """What descends from this process without being ``known``, the daemon that holds the lock, or below them."""
    roots = {*known, holder(find()) or 0} - {0}
    own = roots.union(*({p.pid for p in below(root)} for root in roots))
    return {p.pid for p in below(os.getpid())} - own


def crowded() -> list[str]:
    """The daemon's processes that are more than a worker at rest has: a keeper, a zygote and the child that waits."""
    found = []
    for analyst in below(holder(find()) or 0):
        if "analyst" not in _command(analyst):
            continue
        for keeper in analyst.children():
            more = below(keeper.pid)[2:]
            found += [" ".join(_command(process)) for process in more]
    return found


def litter(folder: Path) -> set[str]:
    """What lies in the folder of temporary files and is no living worker's own."""
    scratches = set()
    for process in below(os.getpid()):
        command = _command(process)
        if any(part.endswith("main.py") for part in command):
            with contextlib.suppress(ValueError):  # another program's last argument
                scratches.add(Path(json.loads(command[-1])["scratch"]).name)
    return {path.name for path in folder.iterdir()} - scratches


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []  # it has just ended
