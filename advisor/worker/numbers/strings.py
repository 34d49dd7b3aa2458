"""Strings that know where in the source their characters stand: for configurations written as text.

``'128_256_384'.split('_')``, ``'r2_k3_e6'[1:]`` and the groups of a regular expression keep their places, so that
``int`` of such a piece is the number at that place. What is joined, formatted or replaced is a plain string again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from .traced import Literal, of_literal, stands_in

_DIGITS: dict[type, re.Pattern[str]] = {
    int: re.compile(r"\s*\+?(\d+)\s*", re.ASCII),
    float: re.compile(r"\s*\+?((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*", re.ASCII),
}


class TracedStr(str):
    """Part of a string literal of one line. ``at`` is the file, the line and, in UTF-8 bytes from 0, the column."""

    __slots__ = ("at",)

    at: tuple[str, int, int]

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)

    def __copy__(self) -> TracedStr:
        return self

    def __deepcopy__(self, _memo: Any) -> TracedStr:
        return self

    def number(self, kind: type) -> Any:
        """``int(self)`` or ``float(self)``. Raises ValueError as these do."""
        value = kind(str(self))
        digits = _DIGITS[kind].fullmatch(self)
        if digits is None:
            return value
        file, line, column = self.at
        start, end = (column + len(str.encode(self[:i])) for i in digits.span(1))
        return of_literal(Literal(file, (line, start, line, end), value, "string"))

    def part(self, start: int, text: str) -> TracedStr:
        """``text``, which stands at ``start`` in this one."""
        file, line, column = self.at
        before = start if self.isascii() else len(str.encode(str(self)[:start]))
        return placed(text, (file, line, column + before))

    # ---- what keeps places

    def __getitem__(self, key: Any) -> str:
        found = str.__getitem__(self, key)
        if isinstance(key, slice):
            start, _, step = key.indices(len(self))
            return self.part(start, found) if step == 1 else found
        index = key.__index__()
        return self.part(index + len(self) if index < 0 else index, found)

    def __iter__(self) -> Iterator[str]:
        return (self.part(i, c) for i, c in enumerate(str.__iter__(self)))

    def split(self, sep: str | None = None, maxsplit: Any = -1) -> list[str]:  # type: ignore[override]
        return self._pieces(str.split(self, sep, maxsplit), sep)

    def rsplit(self, sep: str | None = None, maxsplit: Any = -1) -> list[str]:  # type: ignore[override]
        return self._pieces(str.rsplit(self, sep, maxsplit), sep)

    def partition(self, sep: str) -> tuple[str, str, str]:
        head, found, tail = str.partition(self, sep)
        return self.part(0, head), found, self.part(len(head) + len(found), tail)

    def rpartition(self, sep: str) -> tuple[str, str, str]:
        head, found, tail = str.rpartition(self, sep)
        return self.part(0, head), found, self.part(len(head) + len(found), tail)

    def strip(self, chars: str | None = None) -> str:
        return self.part(len(self) - len(str.lstrip(self, chars)), str.strip(self, chars))

    def lstrip(self, chars: str | None = None) -> str:
        found = str.lstrip(self, chars)
        return self.part(len(self) - len(found), found)

    def rstrip(self, chars: str | None = None) -> str:
        return self.part(0, str.rstrip(self, chars))

    def removeprefix(self, prefix: str) -> str:
        found = str.removeprefix(self, prefix)
        return self.part(len(self) - len(found), found)

    def removesuffix(self, suffix: str) -> str:
        return self.part(0, str.removesuffix(self, suffix))

    def lower(self) -> str:
        return self._same_length(str.lower(self))

    def upper(self) -> str:
        return self._same_length(str.upper(self))

    def _same_length(self, found: str) -> str:
        return self.part(0, found) if self.isascii() else found

    def _pieces(self, pieces: list[str], sep: str | None) -> list[str]:
        found: list[str] = []
        at = 0
        for piece in pieces:
            at = str.find(self, piece, at) if sep is None else at
            found.append(self.part(at, piece))
            at += len(piece) + len(sep or "")
        return found


stands_in(TracedStr)
TracedStr.__name__ = TracedStr.__qualname__ = "str"


def placed(text: str, at: tuple[str, int, int]) -> TracedStr:
    """``text`` as it stands at a place of a file."""
    found = str.__new__(TracedStr, text)
    found.at = at
    return found


# ---- regular expressions


class TracedMatch:
    """A match in a :class:`TracedStr`, whose groups keep their places; in all else the match itself."""

    def __init__(self, match: re.Match[str], subject: TracedStr) -> None:
        self._match = match
        self._subject = subject

    def __getattr__(self, name: str) -> Any:
        return getattr(self._match, name)

    def __getitem__(self, group: int | str) -> str | None:
        return self._one(group)

    def group(self, *groups: int | str) -> Any:
        if len(groups) > 1:
            return tuple(self._one(g) for g in groups)
        return self._one(groups[0] if groups else 0)

    def groups(self, default: Any = None) -> tuple[Any, ...]:
        return tuple(default if (g := self._one(i + 1)) is None else g for i in range(self._match.re.groups))

    def groupdict(self, default: Any = None) -> dict[str, Any]:
        return {n: default if (g := self._one(n)) is None else g for n in self._match.re.groupindex}

    def _one(self, group: int | str) -> str | None:
        found = self._match.group(group)
        return None if found is None else self._subject.part(self._match.start(group), found)


stands_in(TracedMatch)


def _matched(match: re.Match[str] | None, subject: TracedStr) -> Any:
    return None if match is None else TracedMatch(match, subject)


def _split(pattern: re.Pattern[str], subject: TracedStr, plain: list[str | None]) -> list[Any]:
    pieces: list[Any] = []
    at = 0
    for match in pattern.finditer(subject):
        pieces.append(subject.part(at, str(subject)[at : match.start()]))
        found = TracedMatch(match, subject)
        pieces += found.groups()
        at = match.end()
    pieces.append(subject.part(at, str(subject)[at:]))
    return pieces if pieces == plain else plain


def _all(pattern: re.Pattern[str], subject: TracedStr, plain: list[Any]) -> list[Any]:
    matches = (TracedMatch(m, subject) for m in pattern.finditer(subject))
    found = [
        m.group() if not pattern.groups else m.groups("")[0] if pattern.groups == 1 else m.groups("") for m in matches
    ]
    return found if found == plain else plain


_TRACING: dict[str, Callable[[re.Pattern[str], TracedStr, Any], Any]] = {
    "match": lambda _, subject, found: _matched(found, subject),
    "search": lambda _, subject, found: _matched(found, subject),
    "fullmatch": lambda _, subject, found: _matched(found, subject),
    "finditer": lambda _, subject, found: (TracedMatch(m, subject) for m in found),
    "findall": _all,
    "split": _split,
}
METHODS = frozenset(_TRACING)


def matching(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of ``re.split(pattern, text)``, ``pattern.match(text)`` … with places where ``text`` has them."""
    name = getattr(function, "__name__", "")
    owner = getattr(function, "__self__", None)
    found = function(*args, **kwargs)
    if name not in _TRACING or kwargs:
        return found
    if isinstance(owner, re.Pattern) and len(args) == 1 and type(args[0]) is TracedStr:
        return _TRACING[name](owner, args[0], found)
    if function is getattr(re, name) and len(args) == 2 and type(args[1]) is TracedStr:
        return _TRACING[name](re.compile(args[0]), args[1], found)
    return found
