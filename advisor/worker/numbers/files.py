"""Numbers that code reads from YAML and JSON files of the project know where they stand in them.

The user's own libraries read the files; only what they make of a number is replaced. A text that was read before it
was handed on belongs to the file that has just that text.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import Any

from ..load import buffers
from ..load.patches import replaced
from .carried import byte_column
from .strings import TracedStr
from .traced import Literal, TracedFloat, TracedInt, of_literal

_SUFFIXES = (".yaml", ".yml", ".json")
_MOST_BYTES = 1_000_000
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')
"""What may hold digits in JSON: strings and numbers."""
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
"""What may stand before a value of YAML: anchors and tags."""
_STRICT = ("omegaconf",)
"""Libraries that take numbers of Python's own classes only."""


class _Files:
    """The configuration files that may be read. ``opened`` gives the paths that were opened so far."""

    def __init__(self, owns: Callable[[str], bool], opened: Callable[[], Sequence[str]]) -> None:
        self._owns = owns
        self._opened = opened
        self._texts: dict[str, str] = {}

    def of_text(self, text: str) -> str | None:
        """The file of the project that has this text."""
        for path in reversed(self._opened()):
            if path.endswith(_SUFFIXES) and self._owns(path) and self._text(path) == _unified(text):
                return path
        return None

    def of_stream(self, stream: Any) -> str | None:
        """The file of the project that an open file, or a text, is."""
        if isinstance(stream, bytes):
            stream = stream.decode(errors="replace")
        if isinstance(stream, str):
            return self.of_text(stream)
        name = getattr(stream, "name", None)
        path = buffers.absolute(name) if isinstance(name, str) else ""
        return path if path and self._owns(path) else None

    def _text(self, path: str) -> str:
        if path not in self._texts:
            try:
                data = buffers.read(path)
            except OSError:  # it was there when it was opened, and says nothing any more
                data = b""
            self._texts[path] = _unified(data.decode(errors="replace")) if len(data) <= _MOST_BYTES else ""
        return self._texts[path]


def _unified(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


@contextmanager
def reading_files(owns: Callable[[str], bool], opened: Callable[[], Sequence[str]]) -> Iterator[None]:
    """Inside the block, numbers that ``json`` and ``yaml`` read from a file that ``owns`` accepts are traced."""
    files = _Files(owns, opened)
    watch = _Watch(lambda yaml: _follow_yaml(yaml, files))
    loaded = sys.modules.get("yaml")
    undo = _follow_yaml(loaded, files) if isinstance(loaded, ModuleType) else []
    if loaded is None:
        sys.meta_path.insert(0, watch)
    try:
        with replaced([(json, "loads", _loads(json.loads, files))]):
            yield
    finally:
        if watch in sys.meta_path:
            sys.meta_path.remove(watch)
        for owner, name, old in [*undo, *watch.undo]:
            setattr(owner, name, old)


# ---- JSON


def _loads(original: Callable[..., Any], files: _Files) -> Callable[..., Any]:
    @wraps(original)
    def loads(s: Any, **kwargs: Any) -> Any:
        told = any(kwargs.get(name) is not None for name in ("cls", "parse_int", "parse_float"))
        text = (
            s if isinstance(s, str) else bytes(s).decode(errors="replace") if isinstance(s, bytes | bytearray) else ""
        )
        file = files.of_text(text) if text and not told else None
        if file is None:
            return original(s, **kwargs)
        places = _places(_unified(text))

        def number(kind: type) -> Callable[[str], Any]:
            return lambda digits: _placed(file, next(places, None), kind(digits), "json")

        return original(s, **{**kwargs, "parse_int": number(int), "parse_float": number(float)})

    return loads


def _places(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Line, column, end line and end column (code points from 1) of each number of a JSON text."""
    line, start = 1, 0
    for token in _TOKEN.finditer(text):
        line += text.count("\n", start, token.start())
        start = token.start()
        if text[start] != '"':
            column = start - text.rfind("\n", 0, start)
            yield line, column, line, column + len(token[0])


# ---- YAML


class _Watch(importlib.abc.MetaPathFinder):
    """Calls ``then`` with the package ``yaml`` once it is imported. ``undo`` is what to set back at the end."""

    def __init__(self, then: Callable[[ModuleType], list[tuple[Any, str, Any]]]) -> None:
        self._then = then
        self.undo: list[tuple[Any, str, Any]] = []

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != "yaml":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        loader = None if spec is None else spec.loader
        if not isinstance(loader, importlib.machinery.SourceFileLoader):
            return None
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self.undo += self._then(module)

        loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _follow_yaml(yaml: ModuleType, files: _Files) -> list[tuple[Any, str, Any]]:
    """Let ``yaml`` trace numbers, and write traced ones like others; what to set back at the end."""
    base = getattr(getattr(yaml, "constructor", None), "BaseConstructor", None)
    if base is None or not callable(getattr(yaml, "load", None)):
        return []  # another package of that name
    load, construct = yaml.load, base.construct_object
    reading: list[str | None] = []

    @wraps(load)
    def followed_load(stream: Any, *args: Any, **kwargs: Any) -> Any:
        reading.append(files.of_stream(stream))
        try:
            return load(stream, *args, **kwargs)
        finally:
            reading.pop()

    @wraps(construct)
    def construct_object(self: Any, node: Any, deep: bool = False) -> Any:
        value = construct(self, node, deep)
        file = reading[-1] if reading else None
        if file is None or type(value) not in (int, float) or type(self).__module__.startswith(_STRICT):
            return value
        start, end = node.start_mark, node.end_mark
        return _placed(file, (start.line + 1, start.column + 1, end.line + 1, end.column + 1), value, "yaml")

    for name in ("SafeRepresenter", "Representer"):
        representer = getattr(getattr(yaml, "representer", None), name, None)
        if representer is not None:
            representer.add_representer(TracedInt, representer.represent_int)
            representer.add_representer(TracedFloat, representer.represent_float)
            representer.add_representer(TracedStr, representer.represent_str)
    yaml.__dict__["load"] = followed_load
    base.construct_object = construct_object
    return [(yaml, "load", load), (base, "construct_object", construct)]


# ---- both


def _placed(file: str, place: tuple[int, int, int, int] | None, value: Any, kind: str) -> Any:
    """``value`` with its place, where the file has just that number there."""
    if place is None or not value or value < 0:
        return value
    line, column, end_line, end_column = place
    written = byte_column(file, line, column)[1][: end_column - column]
    digits = _PROPERTIES.sub("", written)
    if line != end_line or _number(digits) != value:
        return value
    end, _ = byte_column(file, line, end_column)
    return of_literal(Literal(file, (line, end - len(digits), line, end), value, kind))  # a number is ASCII


def _number(text: str) -> float | None:
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return None
