"""Files that are being edited in memory: what they held, and what they hold now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..texts import Texts
from .edits import Edit, apply, by_file
from .writing import Original, Rewrite, read


class Overlay:
    """Edited texts over what is on the disk. Files go by the path that leads to them without links, and are read once:
    when an edit of theirs is first thought of. ``now`` are the texts of those that were edited."""

    def __init__(self) -> None:
        self.now: dict[Path, str] = {}
        self._originals: dict[Path, Original] = {}
        self._real: dict[Path, Path] = {}

    def real(self, file: str) -> Path:
        """The path without links of a file."""
        path = Path(file)
        if path not in self._real:
            self._real[path] = path.resolve()
        return self._real[path]

    def text(self, file: str) -> str:
        """What a file holds now, line ends as they are in it. Raises :class:`.writing.WriteError`."""
        real = self.real(file)
        if real not in self._originals:
            self._originals[real] = read(real)
        return self.now.get(real, self._originals[real].text)

    def after(self, edits: Sequence[Edit]) -> dict[Path, str]:
        """What the edited files would hold after more edits. Raises :class:`.writing.WriteError`."""
        return {**self.now, **{self.real(f): apply(self.text(f), theirs) for f, theirs in by_file(edits).items()}}

    def texts(self, now: dict[Path, str] | None = None) -> Texts:
        """The edited files, or ``now`` in their place, by all paths that they are known by."""
        now = self.now if now is None else now
        return Texts({**now, **{path: now[real] for path, real in self._real.items() if real in now}})

    def rewrites(self) -> list[Rewrite]:
        """What is to be written: files whose text is another now."""
        found = ((original, self.now.get(path, original.text)) for path, original in self._originals.items())
        return [Rewrite(original, text) for original, text in found if text != original.text]
