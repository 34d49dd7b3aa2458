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
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
        raise TomlError(str(e)) from e
