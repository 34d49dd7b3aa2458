"""Codes to ignore, written into the text of a ``pyproject.toml``: one insertion, the rest stays byte for byte.

There are many ways to write a table. Places where the entry may go are found by their looks; the first whose result
*means* what it should, read by a TOML parser, is taken.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from advisor.config import TABLE
from advisor.toml import TomlError, parse_toml

IGNORE, PER_FILE = "ignore", "per-file-ignores"

_HEADER = re.compile(r"^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*advisor[ \t]*\][^\n]*(?:\n|\Z)", re.MULTILINE)
_PER_FILE_HEADER = re.compile(
    r"^[ \t]*\[[ \t]*tool[ \t]*\.[ \t]*advisor[ \t]*\.[ \t]*[\"']?per-file-ignores[\"']?[ \t]*\][^\n]*(?:\n|\Z)",
    re.MULTILINE,
)
_PER_FILE_TABLE = re.compile(r"(?<![\w-])[\"']?per-file-ignores[\"']?\s*=\s*\{")
_TABLE = re.compile(r"(?<![\w-])advisor\s*=\s*\{")


class Entry(NamedTuple):
    """``text`` goes in at ``offset``, in characters."""

    offset: int
    text: str

    def applied(self, text: str) -> str:
        return text[: self.offset] + self.text + text[self.offset :]


def ignoring(text: str, code: str, glob: str | None = None) -> Entry | None:
    """What adds ``code`` to ``ignore`` of ``[tool.advisor]``, or to the entry of ``glob`` in its ``per-file-ignores``.

    Tables and keys that are missing are made. None for a text that is no TOML, where the code is ignored already, and
    where the tables are written in a way that one insertion cannot extend.
    """
    old = _read(text)
    wanted = None if old is None else _with(old, code, glob)
    if old is None or wanted is None:
        return None
    line_end = "\r\n" if "\r\n" in text else "\n"
    for entry in _entries(text, code, glob, line_end):
        if _read(entry.applied(text)) == wanted:
            return entry
    return None


def _read(text: str) -> dict[str, Any] | None:
    try:
        return parse_toml(text)
    except TomlError:
        return None


def _with(old: dict[str, Any], code: str, glob: str | None) -> dict[str, Any] | None:
    """The tables with the code in its list; None where that cannot be or is so already."""
    new = copy.deepcopy(old)
    table: Any = new
    for key in (*TABLE.split("."), *((PER_FILE,) if glob is not None else ())):
        if not isinstance(table, dict):
            return None
        table = table.setdefault(key, {})
    if not isinstance(table, dict):
        return None
    codes = table.setdefault(IGNORE if glob is None else glob, [])
    if not isinstance(codes, list) or code in codes:
        return None
    codes.append(code)
    return new


def _entries(text: str, code: str, glob: str | None, line_end: str) -> Iterator[Entry]:
    value = f'["{code}"]'
    key = _quoted(glob) if glob is not None else IGNORE
    for array in _arrays(text, IGNORE if glob is None else glob):
        yield _appended(text, array, code, line_end)
    if glob is not None:
        for header in _PER_FILE_HEADER.finditer(text):
            yield _line(text, header.end(), f"{key} = {value}", line_end)
        for inline in _PER_FILE_TABLE.finditer(text):
            yield _inline(text, inline.end(), f"{key} = {value}")
    line = f"{PER_FILE} = {{ {key} = {value} }}" if glob is not None else f"{key} = {value}"
    for inline in _TABLE.finditer(text):
        yield _inline(text, inline.end(), line)
    for header in _HEADER.finditer(text):
        yield _line(text, header.end(), line, line_end)
    gap = "" if not text.strip() else line_end if text.endswith("\n") else 2 * line_end
    yield Entry(len(text), f"{gap}[{TABLE}]{line_end}{line}{line_end}")


def _line(text: str, offset: int, line: str, line_end: str) -> Entry:
    """``line`` on a line of its own at ``offset``, which follows a line."""
    return Entry(offset, line + line_end if text[:offset].endswith("\n") else line_end + line)


def _inline(text: str, offset: int, pair: str) -> Entry:
    """``pair`` as the first of the inline table that opens before ``offset``."""
    empty = re.match(r"\s*\}", text[offset:])
    return Entry(offset, f" {pair}" + (" " if empty and empty[0] == "}" else "" if empty else ","))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _arrays(text: str, key: str) -> Iterator[int]:
    """Offsets just after the brackets that open arrays under ``key``, however it is quoted."""
    spelt = "|".join(re.escape(s) for s in (_quoted(key), f"'{key}'", key))
    for match in re.finditer(rf"(?<![\w\"'-])(?:{spelt})\s*=\s*\[", text):
        yield match.end()


_TOKEN = re.compile(r'"""|\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]|[^\s,#\[\]{}"\']+')


def _appended(text: str, start: int, code: str, line_end: str) -> Entry:
    """The code as the last value of the array whose bracket opens before ``start``, laid out as its others are."""
    last, depth = None, 0
    for token in _TOKEN.finditer(text, start):
        if token[0].startswith("#"):
            continue
        if token[0] == "]" and depth == 0:
            break
        depth += (token[0] in "[{") - (token[0] in "]}")
        last = token
    if last is None:
        return Entry(start, f'"{code}"')
    if "\n" in text[start : last.end()]:
        begin = text.rfind("\n", 0, last.start()) + 1
        indent = re.match(r"[ \t]*", text[begin:])
        return Entry(last.end(), f',{line_end}{indent[0] if indent else ""}"{code}"')
    return Entry(last.end(), f', "{code}"')
