"""Kinds of settings: how a TOML value of each is read, and the JSON Schema that accepts the same values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .modelsettings import MODEL_SCHEMA, read_models

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Kind:
    """A setting's type: how a TOML value is read (ValueError says what was expected) and its JSON Schema."""

    read: Callable[[Any, Path], Any]
    schema: dict[str, Any]
    shown: str


# ---- readers: (value, folder that relative paths start from) → value, or ValueError("expected …")


def _string(value: Any, root: Path) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a non-empty string, got {value!r}")
    return value


def _strings(value: Any, root: Path) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) and v for v in value):
        raise ValueError(f"expected a list of strings, got {value!r}")
    return tuple(value)


def _some_strings(value: Any, root: Path) -> tuple[str, ...]:
    strings = _strings(value, root)
    if not strings:
        raise ValueError("expected at least one entry, got an empty list")
    return strings


def _percent(value: Any, root: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise ValueError(f"expected a number from 0 to 100 (percent), got {value!r}")
    return float(value)


def _seconds(value: Any, root: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(f"expected a positive, finite number of seconds, got {value!r}")
    return float(value)


def _flag(value: Any, root: Path) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r}")
    return value


def _count(value: Any, root: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"expected a whole number of at least 0, got {value!r}")
    return value


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|KB|MB|GB)?", re.IGNORECASE)
_UNITS = {"b": 1, "kib": 1024, "mib": 1024**2, "gib": GIB, "kb": 1000, "mb": 1000**2, "gb": 1000**3}


def _size(value: Any, root: Path) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not 0 < float(match[1]) < math.inf:
        raise ValueError(f'expected bytes as a number or a size such as "512 KiB" or "4 GiB", got {value!r}')
    return int(float(match[1]) * _UNITS[(match[2] or "B").lower()])


_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(us|µs|μs|ms|s)", re.IGNORECASE)
_MICROSECONDS = {"us": 1.0, "µs": 1.0, "μs": 1.0, "ms": 1e3, "s": 1e6}


def _time(value: Any, root: Path) -> float:
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not 0 < float(match[1]) < math.inf:
        raise ValueError(f'expected a time such as "2 ms" or "500 us", got {value!r}')
    return float(match[1]) * _MICROSECONDS[match[2].lower()]


def _path(value: Any, root: Path) -> Path:
    # Not resolved: a virtual environment's python is a link, and following it leaves the environment.
    return root / Path(_string(value, root)).expanduser()


def _paths(value: Any, root: Path) -> tuple[Path, ...]:
    return tuple(_path(v, root) for v in _strings(value, root))


def _per_file(value: Any, root: Path) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, Mapping):
        raise ValueError(f'expected a table such as {{"legacy/*.py" = ["CHN101"]}}, got {value!r}')
    return {_string(glob, root): _strings(codes, root) for glob, codes in value.items()}


_STRING_LIST: dict[str, Any] = {"type": "array", "items": {"type": "string", "minLength": 1}}
_SIZE_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "string"}]}
STRINGS = Kind(_strings, _STRING_LIST, "list of strings")
SOME_STRINGS = Kind(_some_strings, {**_STRING_LIST, "minItems": 1}, "list of strings, at least one")
PERCENT = Kind(_percent, {"type": "number", "minimum": 0, "maximum": 100}, "number, percent")
SECONDS = Kind(_seconds, {"type": "number", "exclusiveMinimum": 0}, "number, seconds")
FLAG = Kind(_flag, {"type": "boolean"}, "true or false")
COUNT = Kind(_count, {"type": "integer", "minimum": 0}, "integer")
SIZE = Kind(_size, _SIZE_SCHEMA, 'bytes, or a size such as "4 GiB"')
TIME = Kind(_time, {"type": "string", "minLength": 1}, 'time such as "2 ms"')
PATH = Kind(_path, {"type": "string", "minLength": 1}, "path")
PATHS = Kind(_paths, _STRING_LIST, "list of paths")
PER_FILE = Kind(_per_file, {"type": "object", "additionalProperties": _STRING_LIST}, "table: glob → list of codes")
MODELS = Kind(read_models, {"type": "array", "items": MODEL_SCHEMA}, "array of tables")
