"""What files hold: the unsaved text of an editor's buffers over what is on the disk.

A :class:`Texts` is made anew for each request. Buffers go by the path that the request uses, and hold what the file
would if it were saved; that of a notebook (``.ipynb``) is its code as one Python module, see
:mod:`.discovery.notebooks`.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from .recent import Recent

Stamp = tuple[int, ...] | str
"""Differs whenever what a file holds does: times, size and inode of one on the disk; a buffer's digest."""

SETTLED_NS = 100_000_000
"""A file changed within this time before it was looked at may change again without its stamp showing it: file systems
count time in ticks. What is concluded from such a stamp is not kept."""

MOST_DIGESTED = 64 << 20
"""A larger file is not read: its stamp stands for what it holds."""

_CHUNK = 1 << 20
_numbers = itertools.count()
_digests: Recent[str, tuple[Stamp, str]] = Recent(20_000)


class Texts:
    """The buffers of one request, and the disk below them as it was when each file was first asked about."""

    __slots__ = ("_digests", "_stamps", "buffers", "number")

    def __init__(self, buffers: Mapping[Path, str] = MappingProxyType({})) -> None:
        self.number = next(_numbers)  # tells one request from another without keeping its buffers
        self.buffers: Mapping[Path, str] = MappingProxyType(dict(buffers))
        self._digests: dict[Path, str] = {}
        self._stamps: dict[Path, Stamp | None] = {}

    def get(self, path: Path) -> str | None:
        """The unsaved text of ``path``, None where the disk says what it holds."""
        return self.buffers.get(path)

    def digest(self, path: Path) -> str | None:
        """SHA-256 of what ``path`` holds now (a buffer's as UTF-8), in hexadecimal; None where there is no such file,
        and the stamp of one above :data:`MOST_DIGESTED` bytes.

        The disk is looked at each time, and read where the file changed since it was last.
        """
        return self._of_buffer(path) if path in self.buffers else disk_digest(path)

    def stamp(self, path: Path) -> Stamp | None:
        """The stamp of ``path``; None where there is no file. The disk is looked at once in a request."""
        found = self._stamps.get(path, "")
        if found == "":
            buffered = bool(self.buffers) and path in self.buffers
            found = self._stamps[path] = self._of_buffer(path) if buffered else disk_stamp(path)
        return found

    def unsaved(self, path: Path) -> bool:
        """Whether ``path`` has a buffer that says something else than the disk."""
        return path in self.buffers and self._of_buffer(path) != disk_digest(path)

    def _of_buffer(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = hashlib.sha256(self.buffers[path].encode(errors="surrogatepass")).hexdigest()
        return self._digests[path]


def disk_stamp(path: Path) -> tuple[int, ...] | None:
    """The stamp of a regular file on the disk, links followed; None for anything else."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a null byte in the path
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev


def settled(stamp: Stamp | None) -> bool:
    """Whether a file with this stamp, taken now, cannot change any more without its stamp doing so too."""
    if not isinstance(stamp, tuple):
        return True
    return max(stamp[:2]) < time.time_ns() - SETTLED_NS


def disk_digest(path: Path) -> str | None:
    """SHA-256 of a regular file on the disk in hexadecimal, its stamp where it is large; None for what is none or
    cannot be read."""
    stamp = disk_stamp(path)
    if stamp is None:
        return None
    if stamp[2] > MOST_DIGESTED:
        return "stamp " + " ".join(map(str, stamp)) if os.access(path, os.R_OK) else None
    known = _digests.get(str(path))
    if known is not None and known[0] == stamp:
        return known[1]
    sure = settled(stamp)
    made = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                made.update(data)
    except OSError:
        return None
    if sure and disk_stamp(path) == stamp:
        _digests.put(str(path), (stamp, made.hexdigest()))
    return made.hexdigest()
