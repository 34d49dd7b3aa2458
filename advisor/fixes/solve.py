"""From wanted channel widths to values of literals, and from values of literals to the widths that they come to.

What an assignment of literals really changes is its *implied* widths: literals are shared, so the ones that set a
wanted width may set others too, whose layers' numbers then have to agree in turn. The search assigns one literal after
another to a number that is not yet what it must be, until all that are known agree with one set of group widths.

Pure: from :class:`advisor.numbers.Numbers` and a graph. Numbers that nobody followed are left to the traced graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import log2
from typing import NamedTuple

from ..channels import Group, analyse
from ..graph import Graph
from ..numbers import Number, Numbers
from .invert import exact, nearby
from .layers import Axis, Key, axes

TRIES = 300
"""Assignments that are tried for one finding's move, all its ways together."""

WIDTHS = 8
"""Widths around a wanted one that are looked at."""

FOLLOWING = 16
"""Groups that may change with those that were asked for, where the literal is not the width itself: a stage's width
takes its blocks' with it; what takes more is the network's own size, which nobody asked to change."""

NEAR = 0.6
"""How far, in powers of two, a reachable width may lie from the wanted one to stand for it: by half."""

EVEN = 32
"""The largest power of two that makes a width any better than another."""

NOWHERE = Axis(-1, 0)
"""No dimension."""

_DIVIDING = frozenset({"truediv", "floordiv", "mod", "rshift", "pow", "lshift"})
"""Operations whose second argument is no width: what widths are rounded to, or a ratio."""


class Solution(NamedTuple):
    """Values of literals by index, and all group widths that come of them, by the group's key."""

    written: Mapping[int, Number]
    widths: Mapping[int, int]


@dataclass(slots=True)
class _State:
    """An assignment: the widths that it comes to so far, and the numbers that do not agree with them yet."""

    written: dict[int, Number]
    widths: dict[int, int]
    open: dict[Key, int]


class Solver:
    """The numbers of one graph; ``usable`` says which literals may be changed."""

    def __init__(self, graph: Graph, numbers: Numbers, usable: Callable[[int], bool] = lambda literal: True) -> None:
        self.graph = graph
        self.numbers = numbers
        self.usable = usable
        self.channels = analyse(graph)
        self.groups: dict[int, Group] = {g.key: g for g in self.channels.groups}
        self.axes, self._held = axes(graph, numbers)
        self.steps: dict[Key, int] = {(path, name, i): step for path, name, i, step in numbers.each()}
        self._parts, self._keys = self._belonging()
        self._told = {parts[0][0] for parts in self._parts.values() if len(parts) == 1}
        self._left = TRIES
        self._twins = self._places()
        self._ratios = self._dividing()

    # ---- what belongs together

    def _belonging(self) -> tuple[dict[Axis, list[tuple[int, int]]], dict[int, list[Key]]]:
        """Of each dimension the groups in it with their coefficients, and of each group the numbers that hold it."""
        at: dict[Axis, list[Key]] = {}
        for key, axis in self.axes.items():
            at.setdefault(axis, []).append(key)
        parts: dict[Axis, list[tuple[int, int]]] = {}
        keys: dict[int, list[Key]] = {}
        for group in self.groups.values():
            for place in group.dims:
                axis = Axis(place.tensor, place.dim)
                if axis in at:
                    parts.setdefault(axis, []).append((group.key, place.coefficient))
                    keys.setdefault(group.key, []).extend(at[axis])
        return parts, keys

    def _places(self) -> dict[int, tuple[int, ...]]:
        """Literal → all that stand at its place: one text in the source may be read several times."""
        by_span: dict[object, list[int]] = {}
        for index, literal in enumerate(self.numbers.literals):
            by_span.setdefault(literal.span, []).append(index)
        return {index: tuple(same) for same in by_span.values() for index in same}

    def _dividing(self) -> frozenset[int]:
        """Literals that other numbers are divided by or rounded to, and fractions."""
        steps = self.numbers.steps
        fractions = (i for i, literal in enumerate(self.numbers.literals) if isinstance(literal.value, float))
        reached = [self.numbers.reaches(s.args[1]) for s in steps if s.fn in _DIVIDING and len(s.args) > 1]
        return frozenset().union(fractions, *reached)

    # ---- what an assignment comes to

    def settle(self, written: Mapping[int, Number], wanted: Mapping[int, int]) -> _State | None:
        """The state of an assignment with the ``wanted`` widths; None where it cannot be: it changes what no width
        may change, or says two things of one width."""
        value = self.numbers.evaluator(self.all(written))
        touched = {
            key: value(self.steps[key])
            for index in written
            for twin in self._twins[index]
            for key in self.numbers.readers.get(twin, ())
        }
        widths = dict(wanted)
        changed = [(key, now) for key, now in touched.items() if now is not None and now != self._old(key)]
        if not all(self._heard(key, now, widths) for key, now in changed):
            return None
        joined = [(key, now) for key, now in changed if len(self._parts.get(self.axes.get(key, NOWHERE), ())) > 1]
        if not all(self._shared_out(key, now, widths, written) for key, now in joined):
            return None
        return self._state(dict(written), touched, widths)

    def all(self, written: Mapping[int, Number]) -> dict[int, Number]:
        """The assignment with all literals that stand at the same places."""
        return {twin: v for index, v in written.items() for twin in self._twins[index]}

    def _heard(self, key: Key, now: Number, widths: dict[int, int]) -> bool:
        """Enter what a changed number says of the widths; False where it must not change, or contradicts them."""
        if key in self._held:
            return False
        axis = self.axes.get(key)
        if axis is None:
            return True
        parts = self._parts.get(axis, ())
        if len(parts) != 1:
            return len(parts) > 1  # no width at all: a constant of the model
        ((name, coefficient),) = parts
        group = self.groups[name]
        if coefficient * group.width // group.multiple != self._old(key):
            return True  # a constant is added to it
        width, rest = divmod(int(now) * group.multiple, coefficient)
        if group.pinned or rest or now <= 0 or int(now) != now:
            return False
        return widths.setdefault(name, width) == width

    def _shared_out(self, key: Key, now: Number, widths: dict[int, int], written: Mapping[int, Number]) -> bool:
        """Enter which parts of a concatenation change: the one that no other number speaks of, else those that are as
        wide as a literal was, if that explains the whole, else all in proportion. Where that does not go, it is left to
        the numbers still to be set."""
        parts = [(self.groups[name], coefficient) for name, coefficient in self._parts[self.axes[key]]]
        if any(c % g.multiple for g, c in parts):
            return True
        left = (
            int(now)
            - int(self._old(key))
            - sum(c // g.multiple * (widths.get(g.key, g.width) - g.width) for g, c in parts)
        )
        if not left:
            return True
        silent = {g.key: (g, sum(d for h, d in parts if h is g) // g.multiple) for g, _ in parts if g.key not in widths}
        unknown = [pair for name, pair in silent.items() if name not in self._told]
        if len(unknown) == 1:
            ((group, times),) = unknown
            if left % times or group.pinned or group.width + left // times <= 0:
                return False
            widths[group.key] = group.width + left // times
            return True
        values = {self._value(index): new for index, new in written.items()}
        new = {name: int(values.get(g.width, g.width)) for name, (g, _) in silent.items()}
        if sum(times * (new[name] - g.width) for name, (g, times) in silent.items()) != left:
            whole = sum(times * g.width for g, times in unknown)
            if not whole or any(g.width * (whole + left) % whole for g, _ in unknown):
                return True
            new = {g.key: g.width * (whole + left) // whole for g, _ in unknown}
        changed = {name: w for name, w in new.items() if w != self.groups[name].width}
        widths.update(changed)
        return not any(self.groups[name].pinned or w <= 0 for name, w in changed.items())

    def _state(
        self, written: dict[int, Number], touched: Mapping[Key, Number | None], widths: dict[int, int]
    ) -> _State | None:
        for name, width in widths.items():
            if width % self.groups[name].multiple or width <= 0:
                return None
        channels = self.channels.all_resized(widths)
        theirs = (key for name in widths for key in self._keys.get(name, ()))
        keys = dict.fromkeys((*(key for key in touched if key in self.axes), *theirs))
        shapes: dict[int, tuple[int, ...]] = {}
        open: dict[Key, int] = {}
        for key in keys:
            tensor, dim = self.axes[key]
            if tensor not in shapes:
                shapes[tensor] = channels.shape(tensor)
            must, now = shapes[tensor][dim], touched.get(key, self._old(key))
            if now is not None and now != must:
                open[key] = must
        return _State(written, widths, open)

    def _old(self, key: Key) -> Number:
        return self.numbers.steps[self.steps[key]].value

    def widths(self, written: Mapping[int, Number]) -> Mapping[int, int] | None:
        """The group widths that an assignment comes to; None where numbers disagree on them."""
        state = self.settle(written, {})
        return None if state is None or self._next(state) is not None else state.widths

    # ---- the search

    def renew(self) -> None:
        """Allow as many tries again."""
        self._left = TRIES

    def exactly(self, wanted: Mapping[int, int]) -> Iterator[Solution]:
        """Assignments that give the wanted widths and change no others."""
        yield from self._search(wanted, 0)

    def following(self, wanted: Mapping[int, int]) -> Iterator[Solution]:
        """Assignments that give the wanted widths and change others with them, few of them first."""
        yield from self._search(wanted, FOLLOWING)

    def near(self, key: int, wanted: int) -> Iterator[Solution]:
        """Assignments that give group ``key`` another width near ``wanted``, as its literals allow; those first that
        are multiples of large powers of two, as targets like them, and of these the nearest."""
        group = self.groups[key]
        reached: set[int] = set()
        for number in self._keys.get(key, ()):
            if len(self._parts[self.axes[number]]) != 1 or self._old(number) <= 0:
                continue
            scale = group.width / self._old(number)
            for literal in self._literals(number, {}):
                reached.update(
                    int(y * scale) for y in nearby(self._of(number, literal, {}), self._value(literal), wanted / scale)
                )
        close = {w for w in reached if w > 0 and w not in (group.width, wanted) and abs(log2(w / wanted)) <= NEAR}
        for width in sorted(close, key=lambda w: (-min(w & -w, EVEN), abs(log2(w / wanted))))[:WIDTHS]:
            yield from self._search({key: width}, FOLLOWING)

    def _search(self, wanted: Mapping[int, int], following: int) -> Iterator[Solution]:
        start = self.settle({}, wanted)
        seen: set[frozenset[tuple[int, Number]]] = set()

        def go(state: _State) -> Iterator[Solution]:
            place = frozenset(state.written.items())
            if place in seen:
                return
            seen.add(place)
            key = self._next(state)
            if key is None:
                if state.written:
                    yield Solution(state.written, state.widths)
                return
            for after in self._options(key, state, wanted, following):
                yield from go(after)

        if start is not None:
            yield from go(start)

    def _next(self, state: _State) -> Key | None:
        """The number to set next: the one with the fewest literals. One that no literal reaches is left to the traced
        graph: where it comes from was not followed, so it may follow by itself."""
        reached = [(len(r), key) for key in state.open if (r := self.numbers.reaches(self.steps[key]))]
        return min(reached)[1] if reached else None

    def _options(self, key: Key, state: _State, wanted: Mapping[int, int], following: int) -> list[_State]:
        """The states after setting the number by one literal, what a person would do first."""
        must, found = state.open[key], []
        for literal in self._literals(key, state.written):
            if following and literal in self._ratios:
                continue  # a ratio is changed only where nothing else changes with it
            value = self._set(key, literal, state.written, must)
            if value is None or self._left <= 0:
                continue
            self._left -= 1
            after = self.settle({**state.written, literal: value}, wanted)
            if after is None or key in after.open:
                continue
            more = len(after.widths) - len(wanted)
            itself = following and self._value(literal) == self._old(key)
            if more <= following or itself:
                found.append((self._strangeness(key, literal, more, after), after))
        found.sort(key=lambda pair: pair[0])
        return [after for _, after in found]

    def _strangeness(self, key: Key, literal: int, more: int, after: _State) -> tuple[object, ...]:
        """Least for the literal that is the width itself and changes little else."""
        value = self._value(literal)
        return more, literal in self._ratios, value != self._old(key), len(after.open), literal

    def _literals(self, key: Key, written: Mapping[int, Number]) -> list[int]:
        """Those that the number depends on and that may be changed, each place once."""
        reached = sorted({self._twins[i][0] for i in self.numbers.reaches(self.steps[key])})
        return [i for i in reached if i not in written and self.usable(i)]

    def _set(self, key: Key, literal: int, written: Mapping[int, Number], must: int) -> Number | None:
        """The value of a literal with which the number is what it must be. Where how it depends on it was not followed
        but both are the same, so they are taken to stay."""
        value = self._value(literal)
        f = self._of(key, literal, written)
        if f(value + 1) is None:
            return type(value)(must) if value == self._old(key) else None
        return exact(f, value, must)

    def _of(self, key: Key, literal: int, written: Mapping[int, Number]) -> Callable[[Number], Number | None]:
        step = self.steps[key]
        fixed = self.all(written)

        def f(x: Number) -> Number | None:
            return self.numbers.evaluate(step, {**fixed, **dict.fromkeys(self._twins[literal], x)})

        return f

    def _value(self, literal: int) -> Number:
        return self.numbers.literals[literal].value
