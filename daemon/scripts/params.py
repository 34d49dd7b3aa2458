"""What the parameters of a script's request may be; anything else is answered with the error ``params``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class RequestError(Exception):
    """A request that cannot be done: one of the protocol's codes, what is wrong, and what to do."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.remedy = code, message, remedy


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter: ``expected`` in words, how its value is checked, and its value when it is not given (``...``: it
    has to be)."""

    expected: str
    holds: Callable[[Any], bool]
    default: Any = ...


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_text(v) for v in value)


def _table(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


PATH = Param("a path", _text)
PATHS = Param("a list of at least one path", _texts)
OVERRIDES = Param("a map of settings", _table, {})
CODE = Param("a code such as CHN101, or a rule's name", _text)
CWD = Param("the absolute path of a folder", lambda v: _text(v) and Path(v).is_absolute(), None)
FORMAT = Param("record or json", lambda v: v in ("record", "json"), "record")


def read(given: Any, takes: Mapping[str, Param], method: str) -> dict[str, Any]:
    """The parameters with those that were not given filled in. Raises :class:`RequestError`."""
    if not _table(given):
        raise RequestError("params", f"{method}: params: expected a map, got {_shown(given)}", "send a map")
    takes_what = f"{method} takes {', '.join(takes) or 'no parameters'}"
    for name in given:
        if name not in takes:
            raise RequestError("params", f"{method}: unknown parameter '{name[:80]}'", takes_what)
    out = {}
    for name, param in takes.items():
        value = given.get(name, param.default)
        if value is ...:
            raise RequestError("params", f"{method}: parameter '{name}' is missing", f"send {param.expected}")
        if name in given and not param.holds(value):
            raise RequestError("params", f"{method}: {name}: got {_shown(value)}", f"send {param.expected}")
        out[name] = value
    return out


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
