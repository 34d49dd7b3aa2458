"""TOML files as tables: the standard library's reader, before Python 3.11 its backport."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


MAX_BYTES = 4 << 20
"""A longer file is refused: it is none that a person wrote."""


class TomlError(ValueError):
    """A file that cannot be read as TOML; the message is the reason without the file's name."""


def read_toml(file: Path) -> dict[str, Any]:
    """The table of a regular file of at most :data:`MAX_BYTES`. Raises :class:`TomlError`; waits for nobody: opening a
    named pipe would."""
    try:
        with io.BufferedReader(io.FileIO(file, opener=_open)) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise TomlError("no regular file")
            data = opened.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise TomlError(f"larger than {MAX_BYTES:,} bytes")
        return parse_toml(data.decode())
    except OSError as e:
        raise TomlError(e.strerror or str(e)) from e
    except UnicodeDecodeError as e:
        raise TomlError(str(e)) from e


def _open(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def parse_toml(text: str) -> dict[str, Any]:
    """The text's table. Raises :class:`TomlError`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise TomlError(str(e)) from e
