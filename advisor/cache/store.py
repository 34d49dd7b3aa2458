"""Entries on the disk: one file each, which may be lost, damaged or foreign at any time.

Several processes may use one folder. A file is written beside its place and renamed, so that nobody reads half of it;
one that is damaged is removed. What was used longest ago goes first once all are larger than allowed. A disk that is
full or read-only costs the entries, never a trace; the log tells of it once.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import stat
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

FORMAT = 2
"""Raised when entries change their form; another version's folder is not looked at."""
MAX_BYTES = 256 << 20

_MAGIC = b"advisor-trace\0" + bytes([FORMAT])
_DIGEST_BYTES = 16
_MOST_BYTES = 256 << 20
"""An entry that unpacks to more is damaged."""
_KEPT = 4
"""Entries of one key: states of the files it imports, between which somebody goes to and fro."""
_ROOM = 0.8
"""How full the folder is left when it was too full."""
_STALE_SECONDS = 3600.0
_NAME = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{32}")

_log = logging.getLogger(__name__)


class Store:
    """The entries below ``folder``, at most ``max_bytes`` in all. Methods may be called from any thread."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder / f"v{FORMAT}"
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._total: int | None = None
        self._told = False

    def read(self, key: str) -> Iterator[tuple[Path, bytes]]:
        """The entries of ``key`` and their files, the one used last first. Damaged ones are removed."""
        for path in self._of(key) if self._is_ours() else ():
            try:
                with path.open("rb") as file:
                    data = file.read(_MOST_BYTES)
            except OSError:
                continue  # another process removed it
            body = _body(data)
            if body is None:
                self.remove(path)
            else:
                yield path, body

    def used(self, path: Path) -> None:
        """Note that an entry was of use, so that it stays."""
        try:
            os.utime(path)
        except OSError:
            return  # another process removed it, or the folder is read-only: then nothing is removed either

    def remove(self, path: Path) -> None:
        """Remove an entry, for good."""
        try:
            path.unlink(missing_ok=True)
        except OSError as e:
            self._tell(e)

    def write(self, key: str, body: bytes) -> None:
        """Keep an entry of ``key``."""
        packed = zlib.compress(body, 1)
        data = _MAGIC + _checksum(packed) + packed
        if len(data) > self.max_bytes:
            return
        try:
            path = self._folder(key) / f"{key}.{_checksum(body).hex()}"
            _write(path, data)
            for old in self._of(key)[_KEPT:]:
                self.remove(old)
            self._make_room(len(data))
        except OSError as e:
            self._tell(e)

    def _folder(self, key: str) -> Path:
        """The folder of ``key``'s entries, made if need be. Raises OSError where others could write there."""
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if not self._is_ours():
            raise PermissionError(f"{self.folder} is not a folder of yours")
        if hasattr(os, "getuid") and stat.S_IMODE(self.folder.lstat().st_mode) & 0o077:
            self.folder.chmod(0o700)
        folder = self.folder / key[:2]
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _is_ours(self) -> bool:
        """Whether the folder is one and belongs to the user: what others write is not read."""
        try:
            found = self.folder.lstat()
        except OSError:
            return False  # there is none yet
        return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())

    def _of(self, key: str) -> list[Path]:
        folder = self.folder / key[:2]
        found: list[tuple[int, str]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith(f"{key}.") and entry.is_file(follow_symlinks=False):
                        found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
        except FileNotFoundError:
            return []  # none yet, or another process is removing them just now
        except OSError as e:
            self._tell(e)
            return []
        return [folder / name for _, name in sorted(found, reverse=True)]

    def _make_room(self, written: int) -> None:
        """Look through the folder when, by what was written since it was looked at, it may be too full."""
        with self._lock:
            if self._total is not None and self._total + written <= self.max_bytes:
                self._total += written
                return
            entries = sorted(self._all())
            total = sum(size for _, size, _ in entries)
            if total > self.max_bytes:
                for _, size, path in entries:
                    self.remove(path)
                    total -= size
                    if total <= self.max_bytes * _ROOM:
                        break
            # Others write here too: half of the room that is left is theirs.
            self._total = total + (self.max_bytes - total) // 2

    def _all(self) -> Iterator[tuple[int, int, Path]]:
        """When each entry was used, its bytes and its file. Removes what writers that died left behind."""
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            try:
                found = path.lstat()
            except OSError:
                continue  # another process removed it
            if not stat.S_ISREG(found.st_mode):
                continue  # none of ours
            if _NAME.fullmatch(path.name):
                yield found.st_mtime_ns, found.st_size, path
            elif found.st_mtime < time.time() - _STALE_SECONDS:
                self.remove(path)

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            _log.warning("traces cannot be kept in %s (%s); they are kept in memory only", self.folder, error)


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


def _body(data: bytes) -> bytes | None:
    """What an entry's file holds; None for one that is damaged or no entry."""
    head = len(_MAGIC)
    packed = data[head + _DIGEST_BYTES :]
    if data[:head] != _MAGIC or data[head : head + _DIGEST_BYTES] != _checksum(packed):
        return None
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(packed, _MOST_BYTES)
    except zlib.error:
        return None
    return body if unpacker.eof else None


def _write(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix="new-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise
