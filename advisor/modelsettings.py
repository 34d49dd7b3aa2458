"""``[[tool.advisor.models]]``: how to build and call a model that discovery cannot guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .words import suggestion


@dataclass(frozen=True, slots=True)
class ModelSetting:
    """One ``[[tool.advisor.models]]`` entry: how to build and call what discovery cannot guess.

    ``path`` is a glob relative to the settings file, ``name`` the class or factory. ``args`` and ``kwargs`` are
    literals. ``inputs`` has the form ``{"args": [...], "kwargs": {...}}`` of :mod:`advisor.discovery.request`.
    """

    path: str
    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] | None = None


MODEL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path", "name"],
    "properties": {
        "path": {"type": "string", "minLength": 1},
        "name": {"type": "string", "minLength": 1},
        "args": {"type": "array"},
        "kwargs": {"type": "object"},
        "input": {"type": ["array", "object"]},
    },
}


def read_models(value: Any, root: Path) -> tuple[ModelSetting, ...]:
    """The entries; ValueError says what was expected. ``root`` is every reader's second argument, unused here."""
    del root
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, Mapping) for v in value):
        raise ValueError(f"expected tables, each under [[tool.advisor.models]], got {value!r}")
    return tuple(_model(entry) for entry in value)


_MODEL_KEYS = ("path", "name", "args", "kwargs", "input")


def _model(entry: Mapping[str, Any]) -> ModelSetting:
    for key in entry:
        if key not in _MODEL_KEYS:
            raise ValueError(f"unknown key '{key}'{suggestion(key, _MODEL_KEYS)}")
    for key in ("path", "name"):
        if key not in entry:
            raise ValueError(f"an entry lacks '{key}', which says where the model is")
        if not isinstance(entry[key], str) or not entry[key]:
            raise ValueError(f"{key}: expected a non-empty string, got {entry[key]!r}")
    args, kwargs = entry.get("args", []), entry.get("kwargs", {})
    if not isinstance(args, (list, tuple)):
        raise ValueError(f"args: expected a list, got {args!r}")
    if not isinstance(kwargs, Mapping):
        raise ValueError(f"kwargs: expected a table, got {kwargs!r}")
    inputs = _inputs(entry["input"]) if "input" in entry else None
    return ModelSetting(entry["path"], entry["name"], tuple(args), dict(kwargs), inputs)


def _inputs(value: Any) -> dict[str, Any]:
    """``[1, 3, 32, 32]`` (one tensor), ``[[…], […]]`` (several) or ``{x = […]}`` (by name), as the worker reads it.

    A shape without a dtype takes the model's own. A table or list within an argument is a dict or list of
    tensors.
    """
    if _is_shape(value):
        return {"args": [_tensor(value)], "kwargs": {}}
    if isinstance(value, (list, tuple)) and value:
        return {"args": [_tensor(v) for v in value], "kwargs": {}}
    if isinstance(value, Mapping) and value:
        if "shape" in value:
            return {"args": [_tensor(value)], "kwargs": {}}
        return {"args": [], "kwargs": {k: _tensor(v) for k, v in value.items()}}
    raise ValueError(f"input: expected a shape such as [1, 3, 224, 224], a list of shapes or a table, got {value!r}")


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(type(d) is int and d >= 0 for d in value) and bool(value)


def _tensor(value: Any) -> dict[str, Any]:
    if _is_shape(value):
        return {"shape": list(value)}
    if isinstance(value, Mapping) and set(value) == {"value"}:
        return dict(value)
    if isinstance(value, Mapping) and set(value) <= {"shape", "dtype"} and _is_shape(value.get("shape")):
        return {k: list(v) if k == "shape" else str(v) for k, v in value.items()}
    if isinstance(value, Mapping) and value and not {"shape", "dtype", "value"} & set(value):
        return {"dict": {k: _tensor(v) for k, v in value.items()}}
    if isinstance(value, (list, tuple)) and any(isinstance(v, (list, tuple, Mapping)) for v in value):
        return {"list": [_tensor(v) for v in value]}
    raise ValueError(f'input: expected a shape, {{shape = […], dtype = "int64"}} or {{value = 3}}, got {value!r}')
