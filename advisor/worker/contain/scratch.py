"""The one folder that a job may write to, fresh for each request and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from . import linux

TMPFS_BYTES = 512 << 20
_SHARED_MEMORY = "/dev/shm"


class Scratch:
    """A folder made anew by :meth:`fresh` and removed by :meth:`drop`.

    With ``isolated`` (the zygote has mounts of its own) it is a file system in memory, as is /dev/shm: bounded in
    size, and gone with everything in it at once. Otherwise it is an ordinary folder.
    """

    def __init__(self, base: str, isolated: bool) -> None:
        self._isolated = isolated
        self._base = base
        self.private_shm = isolated and Path(_SHARED_MEMORY).is_dir()
        self._mounts = [base, *([_SHARED_MEMORY] if self.private_shm else [])] if isolated else []

    def fresh(self) -> str:
        """Make it and return its path."""
        for target in self._mounts:
            flags = linux.MS_NOSUID | linux.MS_NODEV
            linux.mount("advisor", target, "tmpfs", flags, f"size={TMPFS_BYTES},mode=700")
        folder = Path(self._base, "job")
        folder.mkdir()
        return str(folder)

    def used(self) -> int:
        """Bytes that files in memory take."""
        total = 0
        for target in self._mounts:
            state = os.statvfs(target)
            total += (state.f_blocks - state.f_bfree) * state.f_frsize
        return total

    def drop(self) -> None:
        """Remove it, whatever modes and names the job gave to what is in there."""
        for target in self._mounts:
            linux.unmount(target)
        if not self._isolated:
            for folder, _, _ in os.walk(Path(self._base, "job")):  # top down: each is opened before it is listed
                for entry in os.scandir(folder):
                    if entry.is_dir(follow_symlinks=False):
                        with contextlib.suppress(OSError):
                            Path(entry.path).chmod(0o700)
            shutil.rmtree(Path(self._base, "job"))
