"""Numbers that know how they came about: from which literals, by which arithmetic.

They are the plain numbers in all else: equal, of the same hash, text, JSON and pickle. What is computed of them in a
way that is not known here (by a C function, say) is a plain number again.
"""

from __future__ import annotations

import linecache
import math
import operator
from collections.abc import Callable
from typing import Any

MOST_STEPS = 500_000
"""Results that are followed while one model is built; a loop over millions of numbers must not fill the memory."""


class Literal:
    """A number as it stands in a file. Lines count from 1, columns are UTF-8 bytes from 0, the end is exclusive;
    ``kind`` is ``number``, or ``string`` for digits within a string."""

    __slots__ = ("column", "end_column", "end_line", "file", "kind", "line", "value")

    def __init__(self, file: str, place: tuple[int, int, int, int], value: int | float, kind: str = "number") -> None:
        self.file = file
        self.line, self.column, self.end_line, self.end_column = place
        self.value = value
        self.kind = kind

    def span(self) -> tuple[str, int, int, int, int]:
        """Its place as :class:`advisor.graph.Span` has it: columns in code points from 1."""
        start, end = _column(self.file, self.line, self.column), _column(self.file, self.end_line, self.end_column)
        return self.file, self.line, start, self.end_line, end


def _column(file: str, line: int, byte: int) -> int:
    text = linecache.getline(file, line)
    return (byte if text.isascii() else len(text.encode()[:byte].decode(errors="ignore"))) + 1


class TracedInt(int):
    """A whole number with its ``step``: the name of what made it, and of what."""

    step: tuple[Any, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (int(self),)

    def __copy__(self) -> TracedInt:
        return self

    def __deepcopy__(self, _memo: Any) -> TracedInt:
        return self

    def __pos__(self) -> TracedInt:
        return self

    def __ceil__(self) -> TracedInt:
        return self

    def __floor__(self) -> TracedInt:
        return self

    def __trunc__(self) -> TracedInt:
        return self

    def astype(self, kind: Any) -> Any:
        """That of a scalar of numpy: some numbers stand for one."""
        return self if _is_whole(kind) else traced(float(self), ("float", self))

    def item(self) -> TracedInt:
        """As :meth:`astype`."""
        return self


class TracedFloat(float):
    """As :class:`TracedInt`."""

    __slots__ = ("step",)

    step: tuple[Any, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return float, (float(self),)

    def __copy__(self) -> TracedFloat:
        return self

    def __deepcopy__(self, _memo: Any) -> TracedFloat:
        return self

    def __pos__(self) -> TracedFloat:
        return self

    def __ceil__(self) -> int:
        return traced(float.__ceil__(self), ("ceil", self))

    def __floor__(self) -> int:
        return traced(float.__floor__(self), ("floor", self))

    def __trunc__(self) -> int:
        return traced(float.__trunc__(self), ("int", self))

    def astype(self, kind: Any) -> Any:
        """That of a scalar of numpy: some numbers stand for one."""
        return self.__trunc__() if _is_whole(kind) else self

    def item(self) -> TracedFloat:
        """As :meth:`astype`."""
        return self


def _is_whole(kind: Any) -> bool:
    """Whether a type of numpy, or what names one, is of whole numbers."""
    return "int" in (kind if isinstance(kind, str) else getattr(kind, "__name__", ""))


TracedInt.__name__ = TracedInt.__qualname__ = "int"  # for messages, and for code that asks for a type's name
TracedFloat.__name__ = TracedFloat.__qualname__ = "float"

_INTS: frozenset[type] = frozenset((int, TracedInt, bool))
_FLOATS: frozenset[type] = frozenset((float, TracedFloat))
NUMBERS = _INTS | _FLOATS
TRACED: frozenset[type] = frozenset((TracedInt, TracedFloat))
_STANDING_IN: set[type] = set(TRACED)

_left = [MOST_STEPS]


def renew() -> None:
    """Another model is built: as many results may be followed as for the last."""
    _left[0] = MOST_STEPS


def is_traced(value: Any) -> bool:
    """Whether it is a traced number, or any other object that stands for a plain one while numbers are followed."""
    return type(value) in _STANDING_IN


def traced(value: Any, step: tuple[Any, ...]) -> Any:
    """``value`` with how it came about; as it is where it is no number, or too many were followed."""
    kind = type(value)
    if kind is int:
        found: Any = int.__new__(TracedInt, value)
    elif kind is float:
        found = float.__new__(TracedFloat, value)
    else:
        return value
    if _left[0] <= 0:
        return value
    _left[0] -= 1
    found.step = step
    return found


def stands_in(kind: type) -> None:
    """Say that objects of a class stand for plain ones while numbers are followed."""
    _STANDING_IN.add(kind)


def of_literal(literal: Literal) -> Any:
    """The number that a literal stands for."""
    value = literal.value
    found: Any = int.__new__(TracedInt, value) if type(value) is int else float.__new__(TracedFloat, value)
    found.step = ("literal", literal)
    return found


def plain(value: Any) -> Any:
    """The number without its history; anything else as it is."""
    kind = type(value)
    return int(value) if kind is TracedInt else float(value) if kind is TracedFloat else value


def _binary(fn: str, name: str, swapped: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The method ``name`` of whole numbers and that of floats; ``swapped`` where the other operand stands left."""
    of_ints: Callable[..., Any] | None = getattr(int, name, None)
    of_floats: Callable[..., Any] | None = getattr(float, name, None)
    function = getattr(operator, name.replace("__r", "__") if swapped else name)

    def as_ever(self: Any, other: Any, *modulus: Any) -> Any:
        """With an operand that is no plain number: what plain ones come to."""
        if modulus:
            return pow(other, plain(self), *modulus) if swapped else pow(plain(self), other, *modulus)
        return function(other, plain(self)) if swapped else function(plain(self), other)

    def for_int(self: TracedInt, other: Any, *modulus: Any) -> Any:
        kind = type(other)
        if kind in _INTS and of_ints is not None and not modulus:
            value = of_ints(self, other)
        elif kind in _FLOATS and of_floats is not None and not modulus:
            value = of_floats(float(self), other)
        else:
            return as_ever(self, other, *modulus)
        return traced(value, (fn, other, self) if swapped else (fn, self, other))

    def for_float(self: TracedFloat, other: Any, *modulus: Any) -> Any:
        if type(other) not in NUMBERS or of_floats is None or modulus:
            return as_ever(self, other, *modulus)
        return traced(of_floats(self, other), (fn, other, self) if swapped else (fn, self, other))

    return for_int, for_float


def _of_arrays(_self: Any, function: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """Arithmetic of numpy, whose type of result depends on whether a number is Python's own."""
    return getattr(function, method)(*map(plain, inputs), **kwargs)


def _by_arrays(_self: Any, function: Any, _types: Any, args: Any, kwargs: Any) -> Any:
    """Other functions of numpy, likewise."""
    return function(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})


def _unary(fn: str, name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    of_ints: Callable[..., Any] = getattr(int, name)
    of_floats: Callable[..., Any] = getattr(float, name)

    def for_int(self: TracedInt, *rest: Any) -> Any:
        return traced(of_ints(self, *rest), (fn, self, *(r for r in rest if r is not None)))

    def for_float(self: TracedFloat, *rest: Any) -> Any:
        return traced(of_floats(self, *rest), (fn, self, *(r for r in rest if r is not None)))

    return for_int, for_float


def _divmod(name: str, quotient: str, remainder: str) -> Callable[..., Any]:
    def both(self: Any, other: Any) -> Any:
        if type(other) not in NUMBERS:
            return divmod(other, plain(self)) if name == "__rdivmod__" else divmod(plain(self), other)
        return getattr(self, quotient)(other), getattr(self, remainder)(other)

    return both


def _equip() -> None:
    """Give both classes the operators."""
    names = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
    for name in names:
        for method, swapped in ((f"__{name}__", False), (f"__r{name}__", True)):
            TracedInt_method, TracedFloat_method = _binary(name, method, swapped)
            setattr(TracedInt, method, TracedInt_method)
            setattr(TracedFloat, method, TracedFloat_method)
    for name in ("lshift", "rshift", "and", "or", "xor"):
        fn = name if name.endswith("shift") else "unknown"
        for method, swapped in ((f"__{name}__", False), (f"__r{name}__", True)):
            setattr(TracedInt, method, _binary(fn, method, swapped)[0])
    for fn in ("neg", "abs", "round"):
        for cls, method in zip((TracedInt, TracedFloat), _unary(fn, f"__{fn}__"), strict=True):
            setattr(cls, f"__{fn}__", method)
    for cls in (TracedInt, TracedFloat):
        for name, hook in (("__array_ufunc__", _of_arrays), ("__array_function__", _by_arrays)):
            setattr(cls, name, hook)
        cls.__divmod__ = _divmod("__divmod__", "__floordiv__", "__mod__")
        cls.__rdivmod__ = _divmod("__rdivmod__", "__rfloordiv__", "__rmod__")


_equip()


def sqrt(value: Any) -> Any:
    """``math.sqrt``."""
    return traced(math.sqrt(value), ("sqrt", value)) if type(value) in TRACED else math.sqrt(value)
