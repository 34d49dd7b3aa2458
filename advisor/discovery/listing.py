"""Which Python files a folder holds, also for one who asks again and again."""

from __future__ import annotations

import fnmatch
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..texts import SETTLED_NS

SKIPPED = frozenset(
    {
        *("node_modules", "__pycache__", "build", "dist", "site-packages", "venv", "env"),
        *("wandb", "checkpoints", "eggs"),
    }
)


def python_files(path: Path, exclude: Iterable[str] = ()) -> Iterator[Path]:
    """``path`` itself if it is no folder that can be searched, else the Python files below it in sorted order.

    Hidden folders, virtual environments, caches and build results are skipped, as is whatever matches ``exclude``
    (shell patterns, against the path relative to ``path`` and each of its components).
    """
    if not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
        yield path
        return
    patterns = tuple(exclude)
    yield from Listing(path).walk(lambda found: not _excluded(found, path, patterns))


def skipped(name: str) -> bool:
    """Whether a folder called ``name`` holds nothing that its project's people wrote."""
    return name.startswith(".") or name in SKIPPED


def _excluded(path: Path, top: Path, patterns: tuple[str, ...]) -> bool:
    relative = path.relative_to(top)
    return any(
        fnmatch.fnmatch(relative.as_posix(), p) or any(fnmatch.fnmatch(part, p) for part in relative.parts)
        for p in (pattern.rstrip("/") for pattern in patterns)
    )


@dataclass(frozen=True, slots=True)
class _Folder:
    """What one folder held: its Python files, its documents (Markdown) and the folders to go on with, each sorted."""

    changed: tuple[int, ...]
    files: tuple[Path, ...] = ()
    documents: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    environment: bool = False
    settled: bool = False


class Listing:
    """The Python files below ``top``. A folder is read when it is first come to, and again when it is another one
    or its times of change are. Methods may be called from any thread."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._known: dict[Path, _Folder] = {}
        self._lock = threading.Lock()

    def walk(self, keep: Callable[[Path], bool] = lambda path: True) -> Iterator[Path]:
        """The files, each folder's own before those of its folders; a file or folder that ``keep`` refuses is left
        out with all that is below it."""
        seen: set[Path] = set()
        waiting = [self.top]
        while waiting:
            path = waiting.pop()
            seen.add(path)
            folder = self._look(path)
            if folder.environment and path != self.top:
                continue
            yield from filter(keep, folder.files)
            waiting += [f for f in reversed(folder.folders) if keep(f)]
        with self._lock:
            for gone in self._known.keys() - seen:
                del self._known[gone]

    def documents(self) -> list[Path]:
        """The Markdown files of the top, then those of its folders."""
        top = self._look(self.top)
        return [*top.documents, *(d for f in top.folders for d in self._look(f).documents)]

    def _look(self, path: Path) -> _Folder:
        known = self._known.get(path)
        try:
            found = path.stat()
            changed = found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev
            if known is None or not known.settled or known.changed != changed:
                known = _read(path, changed)
        except OSError:  # gone, or not ours to read: nothing of it can be audited either
            known = _Folder(())
        with self._lock:
            self._known[path] = known
        return known


def _read(path: Path, changed: tuple[int, ...]) -> _Folder:
    now = time.time_ns()
    files: list[str] = []
    documents: list[str] = []
    folders: list[str] = []
    environment = False
    with os.scandir(path) as entries:
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                if not skipped(name):
                    folders.append(name)
            elif name.endswith(".py") and not _leads_to_folder(entry):
                files.append(name)
            elif name.endswith(".md"):
                documents.append(name)
            elif name == "pyvenv.cfg":
                environment = True

    def paths(names: list[str]) -> tuple[Path, ...]:
        return tuple(path / name for name in sorted(names))

    rest = max(changed[:2]) < now - SETTLED_NS
    return _Folder(changed, paths(files), paths(documents), paths(folders), environment, rest)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself is for whoever reads it to tell
        return False
