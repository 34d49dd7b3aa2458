"""What was in scope where a module was built: the simple values that code at that place can name.

``i``, ``stride``, ``self.width``, ``cfg.kernel``, ``row['stride']``, ``len(layers)``: as they would be written there.
Nobody's ``__getattr__`` is called for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FrameType, FunctionType, ModuleType
from typing import Any

from .frames import is_entry, is_user_file

Scope = dict[str, "int | float | str | bool | None"]

_MOST = 60
"""Values kept of a scope."""
_LONGEST = 40
"""Characters of a string that a person would compare with."""
_COMPREHENSIONS = frozenset({"<listcomp>", "<genexpr>", "<setcomp>", "<dictcomp>"})


def scope(frame: FrameType | None) -> Scope:
    """The values in the innermost frame of the user's, from ``frame`` outwards; a comprehension's, which is a frame of
    its own before Python 3.12, with those of the code around it."""
    while frame is not None and not is_user_file(frame.f_code.co_filename):
        if is_entry(frame.f_code):
            return {}
        frame = frame.f_back
    if frame is None or frame.f_code.co_name == "<module>":
        return {}
    found = _named(frame.f_locals)
    if frame.f_code.co_name in _COMPREHENSIONS and frame.f_back is not None:
        found = {**_named(frame.f_back.f_locals), **found}
    return dict(list(found.items())[:_MOST])


def _named(local: Mapping[str, Any]) -> Scope:
    found: Scope = {}
    inner: Scope = {}
    for name, value in local.items():
        if not _public(name):  # nobody means to read those; a comprehension's argument is called .0
            continue
        if _simple(value):
            found[name] = _plain(value)
        elif type(value) is list:
            inner[f"len({name})"] = len(value)
        else:
            inner.update((f"{name}{rest}", _plain(v)) for rest, v in _parts(value) if _simple(v))
    return {**found, **inner}


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What is in an object, by what is written behind its name."""
    kind = type(value)  # isinstance would ask the value for its class
    if issubclass(kind, (type, FunctionType, ModuleType)):
        return
    if issubclass(kind, dict):
        yield from ((f"[{k!r}]", v) for k, v in dict.items(value) if type(k) is str and len(k) < _LONGEST)
        return
    fields = kind.__dict__.get("_fields")
    if issubclass(kind, tuple) and type(fields) is tuple:
        yield from ((f".{k}", v) for k, v in zip(fields, tuple.__iter__(value), strict=False))
        return
    try:
        stored = object.__getattribute__(value, "__dict__")
    except (AttributeError, TypeError):  # an object with slots, a number
        return
    if type(stored) is dict:
        yield from ((f".{k}", v) for k, v in stored.items() if type(k) is str and _public(k))


def _public(name: str) -> bool:
    return name.isidentifier() and name[0] != "_" and name != "training"


def _simple(value: Any) -> bool:
    kind = type(value)
    return value is None or issubclass(kind, (int, float)) or (issubclass(kind, str) and str.__len__(value) < _LONGEST)


def _plain(value: Any) -> int | float | str | bool | None:
    """The value itself, where a subclass carries more."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    if issubclass(kind, int):
        return int.__int__(value)
    return float.__float__(value) if issubclass(kind, float) else str.__str__(value)
