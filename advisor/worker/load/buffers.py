"""Texts that an editor has not saved, in place of what the disk holds: for imports, ``inspect``, ``runpy``, ``open``.

A file that exists as a buffer only is importable where its folder exists. Each look at a buffer is an audit event like
the opening of the file that it stands for, so that the hook in ``reads.py`` hears of it.
"""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import io
import linecache
import os
import pathlib
import sys
import tokenize
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from typing import Any

from .patches import replaced

_buffers: dict[str, bytes] = {}
"""Absolute path, as given and with links resolved → the bytes that the file would have."""


def held(path: Any) -> bytes | None:
    """What the buffer of ``path`` says, None for a path without one."""
    if not _buffers or not isinstance(path, (str, bytes, os.PathLike)):
        return None
    return _buffers.get(absolute(path))


def absolute(path: str | bytes | os.PathLike[Any]) -> str:
    """``path`` from the root on, without ``.`` and ``..``; links stay."""
    name = os.fsdecode(path)
    return os.path.normpath(name if name.startswith(os.sep) else pathlib.Path(name).absolute())


def read(path: str | pathlib.Path) -> bytes:
    """What ``path`` holds, by its buffer or the disk. Raises OSError."""
    data = _looked_at(path)
    return pathlib.Path(path).read_bytes() if data is None else data


def paths() -> list[str]:
    """The files that have a buffer."""
    return list(_buffers)


@contextmanager
def unsaved(texts: Mapping[str, str]) -> Iterator[None]:
    """Inside the block the files that ``texts`` names hold these texts."""
    if not texts:
        yield
        return
    for path, text in texts.items():
        data = _encoded(text)
        for name in dict.fromkeys((path, os.path.realpath(path))):
            _buffers[name] = data
            lines = io.StringIO(text, newline=None).readlines()
            linecache.cache[name] = (len(data), None, lines, name)  # without a time it is not checked against the disk
    new = frozenset(path for path in _buffers if not pathlib.Path(path).is_file())
    changes: list[tuple[Any, str, Any]] = [
        (SourceFileLoader, "get_data", _get_data(SourceFileLoader.get_data)),
        (SourceFileLoader, "path_stats", _path_stats(SourceFileLoader.path_stats)),
        (FileFinder, "find_spec", _find_spec(FileFinder.find_spec, new)),
        (builtins, "open", _open(builtins.open)),
        (io, "open", _open(io.open)),
        (getattr(pathlib, "_NormalAccessor", None), "open", staticmethod(_open(io.open))),  # Python 3.10
        (io, "open_code", _open_code(io.open_code)),
    ]
    try:
        with replaced(changes):
            yield
    finally:
        for name in _buffers:
            linecache.cache.pop(name, None)
        _buffers.clear()


def _encoded(text: str) -> bytes:
    """``text`` in the encoding that it declares, else in UTF-8."""
    data = text.encode(errors="surrogatepass")
    try:
        return text.encode(tokenize.detect_encoding(io.BytesIO(data).readline)[0])
    except (SyntaxError, UnicodeError):  # unknown, or it lacks a character: compiling the file says so
        return data


def _looked_at(path: Any) -> bytes | None:
    data = held(path)
    if data is not None:
        sys.audit("open", path, "r", os.O_RDONLY)
    return data


def _get_data(original: Callable[..., bytes]) -> Callable[..., bytes]:
    def get_data(self: SourceFileLoader, path: str) -> bytes:
        data = _looked_at(path)
        return original(self, path) if data is None else data

    return get_data


def _path_stats(original: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
    """A file without times has no compiled form that could be taken for it."""

    def path_stats(self: SourceFileLoader, path: str) -> Mapping[str, Any]:
        if held(path) is not None:
            raise OSError(f"{path} is not saved")
        return original(self, path)

    return path_stats


def _find_spec(original: Callable[..., ModuleSpec | None], new: frozenset[str]) -> Callable[..., ModuleSpec | None]:
    """Modules and packages that are not on the disk yet; a folder's package comes before its module, as usual."""

    def find_spec(self: FileFinder, fullname: str, target: Any = None) -> ModuleSpec | None:
        base = absolute(f"{self.path}{os.sep}{fullname.rpartition('.')[2]}")
        package = f"{base}{os.sep}__init__.py"
        if package in new:
            return importlib.util.spec_from_file_location(fullname, package, submodule_search_locations=[base])
        found = original(self, fullname, target)
        if (found is None or found.loader is None) and f"{base}.py" in new:
            return importlib.util.spec_from_file_location(fullname, f"{base}.py")
        return found

    return find_spec


def _open(original: Callable[..., Any]) -> Callable[..., Any]:
    def open(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
        data = _looked_at(file) if not set(mode) & set("wax+") else None
        if data is None:
            return original(file, mode, buffering, *args, **kwargs)
        stream = _Bytes(data, os.fspath(file))
        kwargs.pop("closefd", None)
        kwargs.pop("opener", None)
        return stream if "b" in mode else io.TextIOWrapper(stream, *args[:3], **kwargs)

    return open


def _open_code(original: Callable[[str], Any]) -> Callable[[str], Any]:
    def open_code(path: str) -> Any:
        data = _looked_at(path)
        return original(path) if data is None else _Bytes(data, path)

    return open_code


class _Bytes(io.BytesIO):
    """A buffer opened for reading."""

    def __init__(self, data: bytes, name: Any) -> None:
        super().__init__(data)
        self.name = name

    def writable(self) -> bool:
        return False
