"""Which files of the user's a request depended on: what Python opened, and the folders through which it imported.

An audit hook hears of every file that is opened, those of an import that fails later among them. Whether a path exists
and where a link leads is asked of ``os.stat`` and its kin, which have no events, so that these functions are replaced
meanwhile. What a compiled library opens by itself is heard of only for the functions in ``compiled.py``.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import stat
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import preload
from ..trace.frames import OURS, TORCH
from .buffers import absolute
from .compiled import openings
from .patches import replaced
from .place import Place

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
_HEARD = _BEYOND | _LISTING | {"open", "import", "sqlite3.connect", "ctypes.dlopen"}
_IMPORTLIB = f"{_STDLIB}{os.sep}importlib{os.sep}"
_FINDERS = (
    *("<frozen importlib", OURS, f"{_STDLIB}{os.sep}pkgutil.py"),
    *(f"{_IMPORTLIB}_bootstrap", f"{_IMPORTLIB}metadata{os.sep}"),
)
"""Where code stands that lists folders for the modules in them and for what is installed, of which the listing of a
folder tells enough."""
_CTYPES = f"{_STDLIB}{os.sep}ctypes{os.sep}"

_FILE = f"{stat.S_IFREG >> 12:o}"
"""How the mode of a regular file begins, in octal."""
_lstat, _readlink = os.lstat, os.readlink
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
        self._searched: dict[str, None] = {}
        self._links: dict[str, str | None] = {}
        self._changed: dict[str, None] = {}
        self._native: dict[str, None] = {}
        """Compiled libraries that were loaded by name, and the code that did so."""

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of an audit event; called by the hook."""
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & _WRITING):
                self._note(self._files, path)
        elif event in _LISTING:
            finds = sys._getframe(2).f_code.co_filename.startswith(_FINDERS)
            self._note(self._searched if finds else self._listed, "." if arguments[0] is None else arguments[0])
            self._complete &= not isinstance(arguments[0], int)  # a folder without a name
        elif event == "import":
            self._note(self._files, arguments[1])  # the file of a compiled module, otherwise None
        elif event == "sqlite3.connect":
            self._note(self._files, arguments[0])
        elif event == "ctypes.dlopen":
            if isinstance(arguments[0], str) and os.sep in arguments[0]:
                self._note(self._native, arguments[0])
            self._native[_caller()] = None
        else:
            self._complete = False

    def files(self) -> list[str]:
        """What was opened or imported so far, by absolute path."""
        return list(self._files)

    def opened(self, path: Any) -> None:
        """Take note that ``path`` was opened for reading."""
        self._note(self._files, path)

    def ask(self, path: Any, itself: bool = False, folder: int | None = None) -> None:
        """Take note that the code asked whether there is ``path``, below the open ``folder`` if there is one; or only
        what it is ``itself``, link or not: this asks for the listing of no folder, and of nothing behind a link."""
        self._complete &= folder is None
        if itself:
            seen = _itself(path)
            self.look(path, seen)
            if seen is None or not seen.startswith(_FILE):
                return
        self._note(self._asked, path)

    def look(self, path: Any, seen: str | None) -> None:
        """Take note that the code saw what ``path`` itself is: what :func:`_itself` says of it."""
        if isinstance(path, (str, bytes, os.PathLike)):
            name = absolute(path)
            if self._links.setdefault(name, seen) != seen:
                self._changed[name] = None

    def event(self, place: Place) -> dict[str, Any]:
        """The event that tells of it, for a request about the file at ``place``."""
        files = {_source(p): None for p in self._files}
        folders = dict.fromkeys(
            [*map(str, place.import_folders()), *map(absolute, sys.path_importer_cache), *self._searched]
        )
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
            "links": {p: seen for p, seen in self._links.items() if self._counts(p, place)},
            "complete": self._complete
            and not any(self._counts(p, place) for p in (*self._listed, *self._changed, *self._native))
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
        old = getattr(pathlib, "_NormalAccessor", None)  # Python 3.10 keeps references of its own there
        asking = {name: _telling(name, getattr(os, name)) for name in ("stat", "lstat", "access", "readlink")}
        changes = [(os, name, new) for name, new in asking.items()]
        changes += [(old, name, staticmethod(asking[name])) for name in ("stat", "readlink")]
        with replaced([*changes, *openings(_opened)]):
            yield _current
    finally:
        _current = before


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _HEARD and _current is not None:
        _current.hear(event, arguments)


def _opened(path: Any) -> None:
    if _current is not None:
        _current.opened(path)


def _telling(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """The function ``name`` of ``os``, which asks what a path is; all but ``stat`` see links."""

    def asking(path: Any, *args: Any, **kwargs: Any) -> Any:
        if _current is not None:
            if name == "access":
                _current.ask(path)
            _current.ask(path, name != "stat" or not kwargs.get("follow_symlinks", True), kwargs.get("dir_fd"))
        return original(path, *args, **kwargs)

    return asking


def _itself(path: Any) -> str | None:
    """The mode of ``path`` itself and, for a link, where it leads; None where there is nothing."""
    try:
        mode = _lstat(path).st_mode
        return f"{mode:o} {os.fsdecode(_readlink(path))}" if stat.S_ISLNK(mode) else f"{mode:o}"
    except (OSError, ValueError, TypeError):  # ValueError and TypeError: no path at all, as the caller is about to hear
        return None


def _caller() -> str:
    """The file of the code that had ``ctypes`` load a library."""
    frame = sys._getframe(3)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_CTYPES):
        frame = frame.f_back
    return frame.f_code.co_filename


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
