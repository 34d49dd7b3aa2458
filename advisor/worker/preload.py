"""Installed libraries that the zygote imports before it forks, so that no child has to.

They are imported like torch itself: outside the children's confinement, but inside the zygote's namespaces, which
leave it no network and nothing to write to. Only what lies in the interpreter's own ``site-packages`` is, never a
project's source, and only by name of the request. What raises ends the zygote, whose modules would be half imported;
the client starts another and asks for that library no more.

A library whose own files are audited has its numbers followed. One that was imported without stays so: the client
starts another zygote for it.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .load.downloads import no_downloads
from .load.place import library_of
from .numbers.loading import following

_SITES = ("site-packages", "dist-packages")

_imported: dict[str, tuple[str | None, float]] = {}
"""Top-level name → its source file and when it was imported (seconds since the epoch), for all that came along."""
_followed: set[str] = set()
"""Those of them whose numbers are followed."""


def missing(names: Iterable[str]) -> list[str]:
    """Those of ``names`` that are installed and not imported yet."""
    new = [name for name in names if name not in sys.modules]
    if not new:
        return []
    with _installed_only():
        return [name for name in new if _is_installed(name)]


def load(name: str, followed: bool) -> list[str]:
    """Import one library for good, ``followed`` with its numbers traced; the names of all libraries that are imported
    and not followed. Raises whatever it raises, and RuntimeError when it leaves threads running, with which nothing can
    be forked safely.
    """
    known = set(sys.modules)
    threads = _threads()
    started = time.time()
    with _installed_only(), no_downloads(), following(_within(name) if followed else _nowhere):
        importlib.import_module(name)
    if _threads() > threads:
        raise RuntimeError(f"importing {name} leaves threads running")
    for top in {new.partition(".")[0] for new in set(sys.modules) - known} - sys.stdlib_module_names:
        _imported.setdefault(top, (getattr(sys.modules.get(top), "__file__", None), started))
    _followed.update([name] if followed else [])
    gc.collect()
    gc.freeze()
    return [top for top in _imported if top not in _followed]


def _within(name: str) -> Callable[[str], bool]:
    return lambda file: library_of(Path(file)) == name


def _nowhere(_file: str) -> bool:
    return False


def is_followed(top: str) -> bool:
    """Whether the numbers of a library that was imported here are followed."""
    return top in _followed


def origins() -> dict[str, str | None]:
    """Top-level name → source file of all that was imported here."""
    return {top: origin for top, (origin, _) in _imported.items()}


def is_current(top: str, file: Path) -> bool:
    """Whether ``file`` of the library ``top`` is as it was when that was imported."""
    return file.stat().st_mtime < _imported[top][1]


def _is_installed(name: str) -> bool:
    found = importlib.util.find_spec(name)
    return found is not None and found.origin is not None and any(p in _SITES for p in Path(found.origin).parts)


@contextmanager
def _installed_only() -> Iterator[None]:
    """Imports without folders of projects: those that PYTHONPATH and editable installs add."""
    path = list(sys.path)
    library = sysconfig.get_path("stdlib")
    sys.path[:] = [p for p in path if p.startswith(library) or p.endswith((".zip", *_SITES))]
    editable = [f for f in sys.meta_path if getattr(f, "__module__", "").startswith("__editable__")]
    for finder in editable:
        sys.meta_path.remove(finder)
    try:
        yield
    finally:
        sys.path[:] = path
        sys.meta_path.extend(editable)


def _threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())
