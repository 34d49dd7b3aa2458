"""Calls of Python's own functions that would make plain numbers of traced ones.

Only calls are rewritten, never names: ``isinstance(x, int)`` and ``map(convert, …)`` see the types and functions that
they always did. Which function a name stands for is found out when it is called.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from . import parameters, strings, traced
from .strings import TracedStr
from .traced import NUMBERS, TRACED, TracedFloat, TracedInt

_MOST_ITEMS = 64
_PLAIN_TYPES: dict[type, type] = {TracedInt: int, TracedFloat: float, TracedStr: str}

NAME = "__advisor_call__"
"""Among the builtins, :func:`call`."""
NAMES = frozenset(("float", "int", "log", "log2", "map", "max", "min", "sqrt", "type"))
"""Functions that are called by their names."""
MATHEMATICS = frozenset(("exp", "log", "log2", "log10", "pow", "sqrt"))
"""Functions of the module ``math`` that are called as its attributes."""


def _int(*args: Any, **kwargs: Any) -> Any:
    if len(args) == 1 and not kwargs:
        kind = type(args[0])
        if kind is TracedInt:
            return args[0]
        if kind is TracedFloat:
            return traced.traced(int(args[0]), ("int", args[0]))
        if kind is TracedStr:
            return args[0].number(int)
    return int(*args, **kwargs)


def _float(*args: Any) -> Any:
    if len(args) == 1:
        kind = type(args[0])
        if kind is TracedFloat:
            return args[0]
        if kind is TracedInt:
            return traced.traced(float(args[0]), ("float", args[0]))
        if kind is TracedStr:
            return args[0].number(float)
    return float(*args)


def _chosen(function: Callable[..., Any]) -> Callable[..., Any]:
    """``max`` or ``min``: the result depends on all of the numbers, not on the one that was taken alone."""
    fn = function.__name__

    def choose(first: Any, *rest: Any, **kwargs: Any) -> Any:
        found = function(first, *rest, **kwargs)
        items: Any = (first, *rest) if rest else first if type(first) in (list, tuple) else ()
        if kwargs or not 1 < len(items) <= _MOST_ITEMS or type(found) not in NUMBERS:
            return found
        kinds = set(map(type, items))
        if kinds.isdisjoint(TRACED) or not kinds <= NUMBERS:
            return found
        return traced.traced(traced.plain(found), (fn, *items))

    return choose


def _type(*args: Any, **kwargs: Any) -> Any:
    found = type(*args, **kwargs)
    return _PLAIN_TYPES.get(found, found) if len(args) == 1 else found


def _map(function: Any, *iterables: Any) -> Any:
    return map(_CALLS[function] if function in (int, float) else function, *iterables)


def _unfollowed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of which is known only that its result depends on its arguments."""

    def compute(*args: Any) -> Any:
        found = function(*args)
        known = tuple(a for a in args if type(a) in NUMBERS)
        return traced.traced(found, ("unknown", *known)) if any(type(a) in TRACED for a in known) else found

    return compute


_CALLS: dict[Any, Callable[..., Any]] = {
    int: _int,
    float: _float,
    max: _chosen(max),
    min: _chosen(min),
    type: _type,
    map: _map,
    math.sqrt: traced.sqrt,
    **{f: _unfollowed(f) for f in (math.exp, math.log, math.log2, math.log10, math.pow)},
}


_ARRAYS = {
    **{"ceil": "ceil", "floor": "floor", "sqrt": "sqrt", "maximum": "max", "minimum": "min"},
    **dict.fromkeys(("around", "rint", "round", "round_"), "round"),
}
"""Functions of numpy whose result on plain numbers is that of a step, by the step's name."""
OF_NUMPY = frozenset(_ARRAYS)


def _of_numpy(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A scalar of numpy as a traced number; a result of anything else as it is."""
    found = function(*args, **kwargs)
    kinds = set(map(type, args))
    if kwargs or kinds.isdisjoint(TRACED) or not kinds <= NUMBERS or type(found).__module__ != "numpy":
        return found
    value = found.item()
    return traced.traced(value, (_ARRAYS[function.__name__], *args)) if type(value) in NUMBERS else found


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """``function(*args, **kwargs)``, whose result is traced where it is known how it comes about."""
    try:
        known = _CALLS.get(function)
    except TypeError:  # a callable without a hash
        return function(*args, **kwargs)
    if known is not None:
        return known(*args, **kwargs)
    name = getattr(function, "__name__", "")
    if name == parameters.NAME:
        return parameters.parameter(function, args, kwargs)
    if name in parameters.FACTORIES:
        return parameters.made(function, args, kwargs)
    if name in strings.METHODS:
        return strings.matching(function, args, kwargs)
    if name in _ARRAYS and getattr(function, "__module__", type(function).__module__).partition(".")[0] == "numpy":
        return _of_numpy(function, args, kwargs)
    return function(*args, **kwargs)
