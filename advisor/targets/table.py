"""Reading a target's TOML table: every key once, with its type and unit; errors name the file and the key."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..operators import ACTIVATIONS
from ..words import suggestion

UNITS = {
    "clock_hz": "hertz",
    "bytes_per_s": "bytes per second",
    "bytes": "bytes",
    "burst_bytes": "bytes",
    "slice_cycles": "clock cycles",
    "memory_budget": "bytes",
    "overhead_us": "microseconds",
    "macs_per_cycle": "MACs per clock cycle",
    "macs": "MACs per clock cycle, as a share of the target's own type",
    "elements": "elements per clock cycle, as a share of the target's own type",
    "activation_bytes": "bytes",
    "outputs_per_cycle": "elements per clock cycle",
    "weights_per_cycle": "weights per clock cycle",
    "elements_per_cycle": "elements per clock cycle",
    "buffer_bytes": "bytes",
    "weight_bytes": "bytes",
    "bank_bytes": "bytes",
    "tile_cycles": "clock cycles",
    "latency_cycles": "clock cycles",
    "granule_bytes": "bytes",
    "pj_per_byte": "picojoules",
    "pj_per_mac": "picojoules",
}


Keys = tuple[str | int, ...]


class TargetError(ValueError):
    """A target that does not exist or whose file is wrong; the message names the file and the key.

    ``keys`` lead from the file's top to the value that is at fault, empty where it is no single one; ``problem`` is
    what is said of it.
    """

    def __init__(self, message: str, keys: Keys = (), problem: str = "") -> None:
        super().__init__(message)
        self.keys = keys
        self.problem = problem


class Table:
    """A TOML table being read: each key is taken once with its type; what is left over is unknown."""

    def __init__(self, data: Mapping[str, Any], where: str, keys: Keys = ()) -> None:
        self.data = data
        self.where = where
        self.keys = keys
        self.asked: set[str] = set()

    def error(self, key: str, message: str) -> TargetError:
        return TargetError(f"{self.where}: {key}: {message}", (*self.keys, key), message)

    def _take(self, key: str, default: Any) -> Any:
        self.asked.add(key)
        if key not in self.data and default is ...:
            raise self.error(key, "missing")
        return self.data.get(key, default)

    def text(self, key: str, default: Any = ...) -> str:
        value = self._take(key, default)
        if value is not default and not isinstance(value, str):
            raise self.error(key, f"expected text, got {value!r}")
        return value

    def choice(self, key: str, choices: Iterable[str], default: Any = ...) -> str:
        value = self.text(key, default)
        if value != default and value not in choices:
            what = "activation function" if choices is ACTIVATIONS else "operator"
            raise self.error(key, f"unknown {what} {value!r}{suggestion(value, choices)}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"expected true or false, got {value!r}")
        return value

    def number(self, key: str, default: Any = ..., zero: bool = False) -> float:
        """A positive number (or zero where allowed), in the unit that :data:`UNITS` names."""
        value = self._take(key, default)
        if value is not default:
            unit = f"a number of {UNITS[key]}" if key in UNITS else "a number"
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise self.error(key, f"expected {unit}, got {value!r}")
            if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
                raise self.error(key, f"expected {unit} above zero, got {value!r}")
        return value

    def whole(self, key: str, default: Any = ..., zero: bool = False) -> Any:
        value = self.number(key, default, zero)
        if value is not default and not isinstance(value, int):
            raise self.error(key, f"expected a whole number, got {value!r}")
        return value

    def words(self, key: str, choices: Iterable[str] | None = None, default: Any = ...) -> tuple[str, ...]:
        value = self._take(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise self.error(key, f"expected a list of texts, got {value!r}")
        allowed = None if choices is None else list(choices)
        for v in value:
            if allowed is not None and v not in allowed:
                raise self.error(key, f"unknown {v!r}{suggestion(v, allowed)}")
        return tuple(value)

    def table(self, key: str) -> Table:
        value = self._take(key, ...)
        if not isinstance(value, dict):
            raise self.error(key, f"expected a table, got {value!r}")
        return Table(value, f"{self.where}: {key}", (*self.keys, key))

    def tables(self, key: str, required: bool = False) -> list[Table]:
        value = self._take(key, ... if required else [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value) or (required and not value):
            raise self.error(key, f"expected [[{key}]] tables, got {value!r}")
        return [Table(v, f"{self.where}: {key}[{i}]", (*self.keys, key, i)) for i, v in enumerate(value)]

    def done(self) -> None:
        """Raise for the first key that nobody asked for."""
        for key in self.data:
            if key not in self.asked:
                raise self.error(key, f"unknown key{suggestion(key, self.asked)}")
