"""Which files of the user's a request depended on: what Python opened, and the folders through which it imported.

An audit hook hears of every file that is opened, those of an import that fails later among them. Whether a path exists
is asked of ``os.stat``, which has no event, so that function is replaced meanwhile. What a compiled library opens by
itself is not heard of.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import preload
from ..trace.frames import OURS, TORCH
from .buffers import absolute
from .importing import Place
from .patches import replaced

_SITES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_STDLIB = sysconfig.get_path("stdlib")
_LIBRARIES = tuple(
    f"{folder}{os.sep}"
    for name in ("stdlib", "platstdlib", "purelib", "platlib")
    for folder in dict.fromkeys((sysconfig.get_path(name), os.path.realpath(sysconfig.get_path(name))))
)
_ZIP = f"{Path(_STDLIB).parent}{os.sep}python{sys.version_info.major}{sys.version_info.minor}.zip"
_LEFT_OUT = (*dict.fromkeys((*_LIBRARIES, TORCH, OURS)), _ZIP, "/proc/", "/dev/", "/sys/")
_WRITING = os.O_WRONLY | os.O_TRUNC
_BEYOND = frozenset(
    (
        *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn"),
        *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "subprocess.Popen"),
    )
)
"""Events after which more than files may have decided what the models are."""
_LISTING = frozenset(("os.listdir", "os.scandir"))
_HEARD = _BEYOND | _LISTING | {"open", "import", "sqlite3.connect"}
_FINDERS = ("<frozen ", OURS, f"{_STDLIB}{os.sep}pkgutil.py", f"{_STDLIB}{os.sep}importlib{os.sep}")
"""Where code stands that lists folders for the modules in them, of which the listing of a folder tells enough."""

_current: Reads | None = None
_hooked = False


class Reads:
    """What a request read so far. ``scratch`` is the folder whose files are its own."""

    def __init__(self, scratch: str) -> None:
        self._scratch = (scratch + os.sep, os.path.realpath(scratch) + os.sep)
        self._complete = True
        self._files: dict[str, None] = {}
        self._asked: dict[str, None] = {}
        self._listed: dict[str, None] = {}

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of an audit event; called by the hook."""
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & _WRITING):
                self._note(self._files, path)
        elif event in _LISTING:
            if not sys._getframe(2).f_code.co_filename.startswith(_FINDERS):
                self._note(self._listed, "." if arguments[0] is None else arguments[0])
        elif event == "import":
            self._note(self._files, arguments[1])  # the file of a compiled module, otherwise None
        elif event == "sqlite3.connect":
            self._note(self._files, arguments[0])
        else:
            self._complete = False

    def ask(self, path: Any) -> None:
        """Take note that the code asked whether there is ``path``."""
        self._note(self._asked, path)

    def event(self, place: Place) -> dict[str, Any]:
        """The event that tells of it, for a request about the file at ``place``."""
        files = {_source(p): None for p in self._files}
        folders = dict.fromkeys([*map(str, place.import_folders()), *map(absolute, sys.path_importer_cache)])
        for path in list(self._asked):
            if not Path(path).is_dir():
                files[path] = None
            if not Path(path).is_file():  # what is not there may come as either
                folders[path] = None
        files.update(_preloaded(place))
        return {
            "event": "reads",
            "files": [p for p in files if self._counts(p, place)],
            "folders": [p for p in folders if self._counts(p, place)],
            "complete": self._complete
            and not any(self._counts(p, place) for p in self._listed)
            and all(preload.is_current(place.top, Path(p)) for p in _preloaded(place)),
        }

    def _note(self, where: dict[str, None], path: Any) -> None:
        if isinstance(path, (str, bytes, os.PathLike)):
            where[absolute(path)] = None

    def _counts(self, path: str, place: Place) -> bool:
        folder = path + os.sep
        if folder.startswith((*self._scratch, OURS)):
            return False
        return place.owns(path) or not (folder.startswith(_LEFT_OUT) or any(s in folder for s in _SITES))


@contextmanager
def reading() -> Iterator[Reads]:
    """What is read inside the block, by a process whose current folder is its scratch folder."""
    global _current, _hooked
    if not _hooked:
        sys.addaudithook(_hook)  # for good: hooks cannot be taken off
        _hooked = True
    before, _current = _current, Reads(str(Path.cwd()))
    try:
        stat = _telling(os.stat)
        old = getattr(pathlib, "_NormalAccessor", None)  # Python 3.10 keeps a reference of its own there
        with replaced([(os, "stat", stat), (old, "stat", staticmethod(stat))]):
            yield _current
    finally:
        _current = before


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _HEARD and _current is not None:
        _current.hear(event, arguments)


def _telling(original: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
    def stat(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        if _current is not None:
            _current.ask(path)
        return original(path, *args, **kwargs)

    return stat


def _source(path: str) -> str:
    """The file itself, for a source file's compiled form in ``__pycache__`` the source file."""
    if not path.endswith(".pyc"):
        return path
    try:
        return importlib.util.source_from_cache(path)
    except ValueError:  # compiled by other means
        return path


def _preloaded(place: Place) -> dict[str, None]:
    """Files of the file's own package where the zygote imported that, a library, before the request."""
    if place.top not in preload.origins():
        return {}
    loaded = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] == place.top]
    return {
        file: None for m in loaded if isinstance(file := getattr(m, "__file__", None), str) and Path(file).is_file()
    }
