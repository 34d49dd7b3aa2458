"""Everything that is wrong with a target's file, not only the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from .loader import merged, target_of
from .table import UNITS, Keys, TargetError

MODEL = "npu-64"
"""The shipped target whose values stand in for what is missing or wrong, so that the rest can be read."""

_MOST = 200


def problems(path: Path, extra_dirs: Iterable[str | Path] = ()) -> list[str]:
    """What keeps ``path`` from being a target, each as one line that names the key; empty where nothing does."""
    try:
        values = deepcopy(merged(path, extra_dirs))
        model = merged(Path(__file__).parent / f"{MODEL}.toml")
    except TargetError as e:
        return [str(e)]
    found: dict[str, None] = {}
    seen: set[Keys] = set()
    for _ in range(_MOST):
        try:
            target_of(values, path.name)
        except TargetError as e:
            found[_told(e, model)] = None
            if not e.keys or not _mend(values, e.keys, model, again=e.keys in seen):
                break
            seen.add(e.keys)
        else:
            break
    return list(found)


def _told(error: TargetError, model: Mapping[str, Any]) -> str:
    """The message; of a number that is missing also what it counts, and the one that the model has."""
    if error.problem != "missing":
        return str(error)
    key = str(error.keys[-1])
    unit = f"a number of {UNITS[key]}" if key in UNITS else ""
    value = _at(model, error.keys)
    if isinstance(value, dict):
        known = f"write a table [{'.'.join(map(str, error.keys))}], as {MODEL} has"
    else:
        known = "" if value is None or isinstance(value, list) else f"{MODEL} has {value!r}"
    hint = "; ".join(filter(None, (unit, known)))
    return f"{error} ({hint})" if hint else str(error)


def _mend(values: dict[str, Any], keys: Keys, model: Mapping[str, Any], again: bool) -> bool:
    """Put the model's value at ``keys``, or take out what stands there where it has none or that did not help; False
    where neither can be done."""
    holder = _at(values, keys[:-1])
    if not isinstance(holder, dict):
        return False
    key, value = str(keys[-1]), _at(model, keys)
    if value is not None and not again:
        holder[key] = deepcopy(value)
        return True
    return holder.pop(key, None) is not None


def _at(values: Any, keys: Keys) -> Any:
    """What stands at ``keys``, of a list that is too short the last; None where nothing does."""
    for key in keys:
        if isinstance(key, int):
            if not isinstance(values, list) or not values:
                return None
            values = values[min(key, len(values) - 1)]
        else:
            values = values.get(key) if isinstance(values, dict) else None
    return values
