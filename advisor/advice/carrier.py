"""Which number in the source carries a width: the one that a person would edit to change it.

A width rests on several numbers as a rule: ``_make_divisible(24 * width_mult * 6, 8)`` on a table's 24 and 6, on a
default of 1.0 and on an 8 that it is rounded to. What tells them apart is what happens to the width when each of them
is another number, and in which place of the arithmetic it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

from ..graph import Graph, Op, Span
from ..numbers import Number, Numbers

INSTALLED = ("site-packages", "dist-packages")
"""Folders of code that nobody edits."""

MADE = ("out_channels", "out_features", "embedding_dim", "hidden_size", "embed_dim", "num_features")
"""What torch's layers call the width of what they make; the last two for attention and for norms."""

TAKEN = ("in_channels", "in_features", "input_size")
"""What they call the width of what they take."""

SCALES = {"floordiv": 1, "truediv": 1, "mod": 1, "pow": 1, "lshift": 1, "rshift": 1, "round": 1}
"""Operations whose argument of this index divides, raises or rounds: what is counted is in the others."""

SHARE = 0.5
"""A number counts as what is scaled, rather than as an addition to it, where the width changes by at least this part of
what the number changes by."""


COUNTED = 2.5
"""A number to this power is at least the width, where it is a count of channels that is scaled: a stem's 8 becomes 128,
but an expansion of 4 is not what makes 480."""


class Carrier(NamedTuple):
    """``literal`` is its index in the table, ``span`` its place. ``exact``: its value is the width; else the width is
    worked out from it. ``followed``: what the width comes to with another literal can be worked out."""

    literal: int
    span: Span
    exact: bool
    followed: bool


def carrier(
    numbers: Numbers | None, graph: Graph, producers: Sequence[int], width: int, file: str = ""
) -> Carrier | None:
    """The literal that carries the ``width`` of a channel group, of which ``producers`` are the keys of the ops that
    make it; None where no number was followed that decides it. ``file`` is the audited one: of literals that would do
    as well, its own counts, and none counts that this file's author does not edit where another does.

    Only a literal that moves the width and is counted in channels carries it: no ratio, divisor or expansion. First
    comes the one that is the width itself, then the largest, the one that most producers depend on, and the one that
    the fewest other layers read.
    """
    return None if numbers is None else carried(numbers, made(numbers, graph, producers), width, file)


def made(numbers: Numbers, graph: Graph, producers: Iterable[int]) -> tuple[int, ...]:
    """The steps of what the ops' layers make, one for each op whose width was followed."""
    steps = (step_of(numbers, graph, graph.by_key[key]) for key in producers)
    return tuple(step for step in steps if step is not None)


def step_of(numbers: Numbers, graph: Graph, op: Op, names: Sequence[str] = MADE) -> int | None:
    """The step of the width that an op's layer makes, or of another that goes by one of ``names``; None where it
    was not followed."""
    for path in dict.fromkeys(_owners(graph, op)):
        attributes = numbers.layers.get(path, {})
        for name in names:
            if name in attributes:
                return numbers.step(path, name)
    return None


def _owners(graph: Graph, op: Op) -> Iterator[str]:
    """Paths of the modules that an op may belong to: the one that holds its weight, the one that ran it."""
    if "weight" in op.weights:
        yield graph.tensors[op.weights["weight"]].name.rpartition(".")[0]
    yield op.path


def editable(span: Span, file: str) -> bool:
    """Whether the person who audits ``file`` can edit the span's: it is not installed, or of the same package."""
    return package(span.file) in ("", package(file))


def package(file: str) -> str:
    """The folder of the installed package that a file belongs to; empty where it is no installed one."""
    parts = PurePath(file).parts
    at = max((i for i, part in enumerate(parts) if part in INSTALLED), default=None)
    return "" if at is None else "/".join(parts[: at + 2])


# ---- the choice


class _Made(NamedTuple):
    """A width of the group: how many layers make it, and by which literals it is scaled on its way."""

    step: int
    layers: int
    scaled: frozenset[int]


class _Weighed(NamedTuple):
    """A literal that may carry a width by what speaks for it, the weightiest first: that it is edited …"""

    ours: bool
    exact: bool
    value: Number
    reaches: int
    alone: int
    here: bool
    literal: int
    followed: bool


def carried(numbers: Numbers, steps: Sequence[int], width: int, file: str = "") -> Carrier | None:
    """As :func:`carrier`, for layers whose width is one of ``steps`` each."""
    widths = [_Made(s, layers, scales(numbers, s)) for s, layers in Counter(steps).items()]
    reached: set[int] = set().union(*(numbers.reaches(s) for s in steps))
    weighed = [w for i in sorted(reached) if (w := _weigh(numbers, widths, width, file, i))]
    if not weighed:
        return None
    best = max(weighed)
    return Carrier(best.literal, numbers.literals[best.literal].span, best.exact, best.followed)


def _weigh(numbers: Numbers, widths: Sequence[_Made], width: int, file: str, index: int) -> _Weighed | None:
    """What speaks for a literal; None where it does not move the width or counts something else than channels."""
    span, value, _ = numbers.literals[index]
    own = [w for w in widths if index in numbers.reaches(w.step)]
    exact = type(value) is int and value == width
    influence = _influence(numbers, [w.step for w in own], index)
    if influence == 0 or (influence is None and not exact):
        return None
    counts = type(value) is int and value > 0 and not all(index in w.scaled for w in own)
    scaled = influence is not None and influence >= SHARE and value**COUNTED >= width
    if not counts or not (exact or scaled):
        return None
    return _Weighed(
        editable(span, file),
        exact,
        value,
        sum(w.layers for w in own),
        -len({path for path, _, _ in numbers.readers.get(index, ())}),
        span.file == file,
        index,
        influence is not None,
    )


def _influence(numbers: Numbers, steps: Sequence[int], index: int) -> float | None:
    """By which part of its own change a literal changes the widths that the steps are, at the most; None where what
    they would be cannot be worked out."""
    value = numbers.literals[index].value
    most: float | None = None
    for other in _others(value):
        evaluated = numbers.evaluator({index: other})
        for step in steps:
            was, new = numbers.steps[step].value, evaluated(step)
            if new is None:
                continue
            part = abs(new - was) / (abs(was) or 1) * (abs(value) or 1) / abs(other - value)
            most = part if most is None else max(most, part)
    return most


def _others(value: Number) -> Iterator[Number]:
    """Other numbers that somebody may write: so far off that rounding hides little of the difference."""
    yield value * 2 if value else 1
    if abs(value) > 1:
        yield value // 2 if type(value) is int else value / 2


def scales(numbers: Numbers, step: int) -> frozenset[int]:
    """The literals by which a step is divided, raised or rounded somewhere on its way."""
    found: set[int] = set()
    seen = {step}
    todo = [step]
    while todo:
        fn, _, args = numbers.steps[todo.pop()]
        if fn in ("literal", "constant"):
            continue
        if fn in SCALES and len(args) > SCALES[fn]:
            found |= numbers.reaches(args[SCALES[fn]])
        todo += [a for a in args if a not in seen]
        seen.update(args)
    return frozenset(found)
