"""What is installed beside us: rules and cost models come and go with it."""

from __future__ import annotations

import sysconfig
import time
from pathlib import Path

PACKAGES = Path(sysconfig.get_path("purelib"))
"""The folder of our own packages."""
_LOOK_SECONDS = 3.0


class Installed:
    """Whether packages were installed or removed in a folder: its time of change, read every few seconds at most."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._looked, self._stamp = folder, float("-inf"), 0

    def stamp(self) -> int:
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            try:
                self._stamp = self._folder.stat().st_mtime_ns
            except OSError:
                self._stamp = 0  # none is a state as good as any: it may be there again later
        return self._stamp
