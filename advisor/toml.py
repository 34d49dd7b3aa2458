"""TOML files as tables: the standard library's reader, before Python 3.11 its backport."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class TomlError(ValueError):
    """A file that cannot be read as TOML; the message is the reason without the file's name."""


def read_toml(file: Path) -> dict[str, Any]:
    """The file's table. Raises :class:`TomlError`."""
    try:
        return parse_toml(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, OSError) as e:
        raise TomlError(str(e)) from e


def parse_toml(text: str) -> dict[str, Any]:
    """The text's table. Raises :class:`TomlError`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise TomlError(str(e)) from e
