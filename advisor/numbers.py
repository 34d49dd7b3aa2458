"""Where a model's numbers come from: the literals of its source, and the arithmetic between them and its layers.

The worker records it while it builds a model (``advisor/worker/numbers/``): a table of steps, each a literal, a
constant or an operation on earlier steps, and for each layer which step its widths, strides … are. So it can be worked
out without running anything what the layers would be if somebody wrote other literals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from .graph import Span

Number = int | float


class Literal(NamedTuple):
    """A number that a person wrote. ``span`` is exactly its text, of one within a string (``'128_256'``) its digits;
    ``kind`` is ``number``, ``string``, ``yaml`` or ``json``."""

    span: Span
    value: Number
    kind: str = "number"


class Step(NamedTuple):
    """How one number came about. ``fn`` is ``literal`` (``args`` holds the literal's index), ``constant`` (no
    ``args``), ``unknown`` (it depends on ``args`` in a way that was not followed) or one of :data:`FUNCTIONS`, of the
    steps ``args``. ``value`` is what it was in the run."""

    fn: str
    value: Number
    args: tuple[int, ...] = ()


def _round(value: Number, digits: Number | None = None) -> Number:
    return round(value) if digits is None else round(value, int(digits))


def _sum(*values: Number) -> Number:
    return sum(values)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "truediv": lambda a, b: a / b,
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "pow": lambda a, b: a**b,
    "lshift": lambda a, b: a << b,
    "rshift": lambda a, b: a >> b,
    "neg": lambda a: -a,
    "abs": abs,
    "int": int,
    "float": float,
    "round": _round,
    "ceil": math.ceil,
    "floor": math.floor,
    "sqrt": math.sqrt,
    "max": max,
    "min": min,
    "sum": _sum,
}
"""What is followed, by the name of a step's ``fn``."""

Attributes = Mapping[str, "int | tuple[int | None, ...]"]
"""By a layer's attribute as torch calls it (``out_channels``, ``normalized_shape`` …) its step, or the steps of a
tuple's items; None for an item that was not followed. So are, by their names, the sizes of parameters that a module
makes itself (``gamma = nn.Parameter(torch.ones(dim))``)."""


class NumbersError(ValueError):
    """A plain form that is no table of numbers."""


@dataclass(frozen=True)
class Numbers:
    """The table of one model. ``layers``: module path → the attributes whose numbers are known."""

    literals: tuple[Literal, ...] = ()
    steps: tuple[Step, ...] = ()
    layers: Mapping[str, Attributes] = field(default_factory=dict)

    def step(self, path: str, attribute: str, index: int | None = None) -> int | None:
        """The step of a layer's attribute (of item ``index`` of a tuple); None where it was not followed."""
        found = self.layers.get(path, {}).get(attribute)
        if isinstance(found, tuple):
            return found[index] if index is not None and index < len(found) else None
        return found if index is None or index == 0 else None

    @cached_property
    def _reach(self) -> tuple[frozenset[int], ...]:
        reach: list[frozenset[int]] = []
        for step in self.steps:
            if step.fn == "literal":
                reach.append(frozenset(step.args))
            else:
                reach.append(frozenset().union(*(reach[a] for a in step.args)))
        return tuple(reach)

    def reaches(self, step: int) -> frozenset[int]:
        """Indexes of the literals that a step depends on."""
        return self._reach[step]

    @cached_property
    def readers(self) -> Mapping[int, tuple[tuple[str, str, int], ...]]:
        """Literal → (path, attribute, item) of all layer numbers that depend on it."""
        found: dict[int, list[tuple[str, str, int]]] = {}
        for path, attribute, index, step in self.each():
            for literal in self.reaches(step):
                found.setdefault(literal, []).append((path, attribute, index))
        return {literal: tuple(places) for literal, places in found.items()}

    def each(self) -> Iterator[tuple[str, str, int, int]]:
        """(path, attribute, item, step) of every number of a layer; the item is 0 where the attribute is no tuple."""
        for path, attributes in self.layers.items():
            for attribute, found in attributes.items():
                for index, step in enumerate(found if isinstance(found, tuple) else (found,)):
                    if step is not None:
                        yield path, attribute, index, step

    def evaluate(self, step: int, written: Mapping[int, Number]) -> Number | None:
        """What a step comes to with other literals, ``written`` by index; None where that is not known: a part of it
        was not followed, or cannot be computed."""
        return self.evaluator(written)(step)

    def evaluator(self, written: Mapping[int, Number]) -> Callable[[int], Number | None]:
        """:meth:`evaluate` for many steps; what they share is worked out once."""
        known: dict[int, Number | None] = {}

        def value(index: int) -> Number | None:
            waiting = [index]
            while waiting:  # a loop of the source may have made thousands of steps, one of another
                last = waiting[-1]
                step = self.steps[last]
                if last in known:
                    waiting.pop()
                elif step.fn == "literal":
                    known[last] = written.get(step.args[0], step.value)
                elif self.reaches(last).isdisjoint(written):
                    known[last] = step.value
                elif step.fn == "unknown":
                    known[last] = None
                elif missing := [a for a in step.args if a not in known]:
                    waiting += missing
                else:
                    known[last] = _computed(step, [known[a] for a in step.args])
            return known[index]

        return value

    # ---- plain form

    def to_plain(self) -> dict[str, Any]:
        files: dict[str, int] = {}
        return {
            "literals": [
                [files.setdefault(s.file, len(files)), *s[1:], value, kind] for s, value, kind in self.literals
            ],
            "steps": [[s.fn, s.value, *s.args] for s in self.steps],
            "layers": {
                path: {a: list(s) if isinstance(s, tuple) else s for a, s in attributes.items()}
                for path, attributes in self.layers.items()
            },
            "files": list(files),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Numbers:
        """The table of :meth:`to_plain`'s result; raises :class:`NumbersError` on anything else."""
        try:
            files = plain["files"]
            literals = tuple(
                Literal(Span(files[file], line, column, end_line, end_column), value, kind)
                for file, line, column, end_line, end_column, value, kind in plain["literals"]
            )
            steps = tuple(Step(fn, value, tuple(args)) for fn, value, *args in plain["steps"])
            layers = {
                path: {a: tuple(s) if isinstance(s, list) else s for a, s in attributes.items()}
                for path, attributes in plain["layers"].items()
            }
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as e:
            raise NumbersError(f"malformed numbers: {type(e).__name__}: {e}") from e
        numbers = cls(literals, steps, layers)
        numbers.check()
        return numbers

    def check(self) -> None:
        """Raise :class:`NumbersError` where a step refers to what does not come before it."""
        for index, step in enumerate(self.steps):
            limit = len(self.literals) if step.fn == "literal" else index
            if any(type(a) is not int or not 0 <= a < limit for a in step.args):
                raise NumbersError(f"step {index} ({step.fn}) refers to what is not there")
            if step.fn not in FUNCTIONS and step.fn not in ("literal", "constant", "unknown"):
                raise NumbersError(f"step {index} is a {step.fn!r}, which nobody knows")
        for path, attribute, _, step in self.each():
            if type(step) is not int or not 0 <= step < len(self.steps):
                raise NumbersError(f"{attribute} of {path} refers to what is not there")


def _computed(step: Step, args: list[Number | None]) -> Number | None:
    known = [a for a in args if a is not None]
    if len(known) < len(args):
        return None
    try:
        value = FUNCTIONS[step.fn](*known)
    except (ArithmeticError, TypeError, ValueError):
        return None
    return value if isinstance(value, (int, float)) else None
