"""The order of execution that needs least memory, as SERENITY (Ahn et al., MLSys 2020, arXiv 2003.02369) puts it.

What is alive depends on *which* steps have run, not on their order, so a schedule is a path through the sets of steps
that can have run (down-sets), and the best one is the path whose fullest step is least full. Three things keep that
small. A step that comes before or after every other one splits the problem; only the parts that hold the peak are
searched. A step that makes memory no fuller is taken at once: to wait with it never pays. And where there are still
more sets than :data:`SEARCHED`, a beam goes on with the :data:`BEAM` least full ones of each length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import pairwise
from typing import NamedTuple

SEARCHED = 2000
"""Sets of steps that the exact search looks at before it leaves a part to the beam."""

BEAM = 16
"""Sets of each length that the beam keeps."""


@dataclass(eq=False)
class Steps:
    """Who needs what: ``reads`` and ``writes`` are the storages of each step, in the model's own order.

    ``kept`` are the storages that are never given back (model outputs). ``overwrites`` are the (result, operand) pairs
    of a step: the result may take the operand's place if no other step needs it any more and both have one size.
    """

    reads: list[tuple[int, ...]]
    writes: list[tuple[int, ...]]
    overwrites: dict[int, list[tuple[int, int]]]
    kept: frozenset[int]
    storages: int

    @cached_property
    def readers(self) -> list[int]:
        """Storage → its readers, as a set of bits."""
        readers = [0] * self.storages
        for at, reads in enumerate(self.reads):
            for s in reads:
                readers[s] |= 1 << at
        return readers

    @cached_property
    def before(self) -> list[int]:
        """Step → the steps that it needs, directly or not, as a set of bits."""
        maker: dict[int, int] = {}
        before = []
        for at, reads in enumerate(self.reads):
            mask = 0
            for s in reads:
                if s in maker:
                    mask |= before[maker[s]] | 1 << maker[s]
            before.append(mask)
            maker.update(dict.fromkeys(self.writes[at], at))
        return before

    @cached_property
    def parts(self) -> list[tuple[int, int]]:
        """Ranges (from, to) of steps that may change places with one another and with no step outside."""
        if self._chain():
            return []
        count, before = len(self.reads), self.before
        needed = [0] * count + [(1 << count) - 1]  # by all steps from here on
        for at in range(count - 1, -1, -1):
            needed[at] = needed[at + 1] & before[at]
        fixed = [at for at in range(count) if before[at] == (1 << at) - 1 and needed[at + 1] >> at & 1]
        edges = [-1, *fixed, count]
        return [(a + 1, b) for a, b in pairwise(edges) if b - a > 2]

    def _chain(self) -> bool:
        """Whether each step reads what the one before it made: then there is one order only."""
        pairs = zip(self.writes, self.reads[1:], strict=False)
        return all(any(s in reads for s in writes) for writes, reads in pairs)


class Ordered(NamedTuple):
    """An order of steps (indices into the model's own order), whether it is that very order, and whether it is proved
    that none is better."""

    order: list[int]
    is_own: bool
    exact: bool


def best_order(steps: Steps, sizes: Sequence[int], scratch: Sequence[int], full: Sequence[int]) -> Ordered:
    """The order whose fullest step is least full; the model's own where no other is better.

    ``sizes`` are the bytes of each storage, ``scratch`` of each step's own memory, ``full`` what is alive at each
    step in the model's own order.
    """
    order = list(range(len(full)))
    parts = steps.parts
    if not parts:
        return Ordered(order, True, True)
    inside = {at for a, b in parts for at in range(a, b)}
    floor = max([bytes_ for at, bytes_ in enumerate(full) if at not in inside], default=0)
    is_own = exact = True
    for a, b in sorted(parts, key=lambda part: (-max(full[part[0] : part[1]]), part)):
        now = max(full[a:b])
        if now <= floor:
            break
        found = _Search(steps, sizes, scratch, a, b).run(floor, now)
        if found.order:
            order[a:b], is_own = found.order, False
        exact = exact and found.exact
        floor = found.peak
    return Ordered(order, is_own, exact)


class _Found(NamedTuple):
    """The steps in a better order (empty: there is none), how full the fullest is, and whether that is proved least."""

    order: list[int]
    peak: int
    exact: bool


class _State(NamedTuple):
    """A set of steps that have run: how full the fullest was, how many are left, which ran, the bytes alive then and
    which steps can run next (that follows from which ran); the last one of them and the state before it. States compare
    by what is best to go on with."""

    peak: int
    left: int
    done: int
    alive: int
    ready: int
    last: int = -1
    past: _State | None = None


class _Step(NamedTuple):
    """What the search asks of a step again and again: its bit, those of the steps that read what it makes with all that
    each of these needs; the bytes that it writes and of its own memory; the readers (as bits) and bytes of each storage
    that it may be the last to need, and of the operands whose place its result may take."""

    at: int
    bit: int
    readers: tuple[tuple[int, int], ...]
    made: int
    scratch: int
    dying: tuple[tuple[int, int], ...]
    over: tuple[tuple[int, int], ...]


class _Search:
    """Orders of the steps from ``first`` up to ``end``, where all before them have run and none behind."""

    def __init__(self, steps: Steps, sizes: Sequence[int], scratch: Sequence[int], first: int, end: int) -> None:
        self.steps, self.sizes, self.scratch = steps, sizes, scratch
        self.end = end
        self.done = (1 << first) - 1
        self.all = (1 << end) - 1
        written = {s for at in range(len(steps.writes)) for s in steps.writes[at]}
        earlier = [s for at in range(first) for s in steps.writes[at]]
        given = [s for s in range(steps.storages) if s not in written]
        self.alive = sum([sizes[s] for s in (*given, *earlier) if not self._dead(s, self.done)])
        self.range = range(first, end)
        maker = {s: at for at in self.range for s in steps.writes[at]}
        self.behind: dict[int, dict[int, None]] = {}
        for at in self.range:
            for s in steps.reads[at]:
                if s in maker:
                    self.behind.setdefault(maker[s], {})[at] = None
        self.known = [self._step(at) for at in self.range]

    def run(self, floor: int, known: int) -> _Found:
        """An order less full than ``known``; one that is no fuller than ``floor`` is as good as any."""
        floor = max(floor, *[self._needed(at) for at in self.range])
        if floor >= known:
            return _Found([], known, True)
        ready = sum([1 << at for at in self.range if not self.steps.before[at] & ~self.done])
        start = self._rushed(_State(floor, len(self.range), self.done, self.alive, ready))
        heap, seen = [start], set()
        while heap:
            state = heappop(heap)
            if state.done in seen:
                continue
            if state.done == self.all:
                return _Found(self._path(state), state.peak, True)
            seen.add(state.done)
            if len(seen) > SEARCHED:
                return self._beam(start, known)
            for following in self._following(state, known):
                if following.done not in seen:
                    heappush(heap, following)
        return _Found([], known, True)

    def _step(self, at: int) -> _Step:
        steps, sizes = self.steps, self.sizes
        used = dict.fromkeys((*steps.reads[at], *steps.writes[at]))  # two views of one storage are one
        over = [operand for result, operand in steps.overwrites.get(at, ()) if sizes[operand] == sizes[result]]
        return _Step(
            at,
            1 << at,
            tuple([(1 << reader, steps.before[reader]) for reader in self.behind.get(at, ())]),
            sum([sizes[s] for s in steps.writes[at]]),
            self.scratch[at],
            tuple([(steps.readers[s], sizes[s]) for s in used if s not in steps.kept]),
            tuple([(steps.readers[s], sizes[s]) for s in over if s not in steps.kept]),
        )

    def _needed(self, at: int) -> int:
        """Bytes that are alive while a step runs, whatever has run before."""
        steps, sizes = self.steps, self.sizes
        over = max([sizes[operand] for _, operand in steps.overwrites.get(at, ())], default=0)
        return sum([sizes[s] for s in {*steps.reads[at], *steps.writes[at]}]) + self.scratch[at] - over

    def _beam(self, start: _State, known: int) -> _Found:
        """What a beam finds, which need not be the best."""
        by_length = {start.left: {start.done: start}}
        for left in range(start.left, 0, -1):
            states = sorted(by_length.pop(left, {}).values(), key=lambda s: (s.peak, s.alive, s.done))[:BEAM]
            for state in states:
                for following in self._following(state, known):
                    found = by_length.setdefault(following.left, {})
                    if following.done not in found or following < found[following.done]:
                        found[following.done] = following
        ends = by_length.get(0, {})
        if not ends:
            return _Found([], known, False)
        best = ends[self.all]
        return _Found(self._path(best), best.peak, False)

    def _following(self, state: _State, known: int) -> Iterator[_State]:
        """The states one step on that are less full than ``known``, each rushed."""
        for step in self._ready(state):
            during, alive = _after(step, state.done, state.alive)
            if during < known and state.peak < known:
                yield self._rushed(_next(state, step, max(state.peak, during), alive))

    def _rushed(self, state: _State) -> _State:
        """The state after all steps that leave memory no fuller, neither during nor after them."""
        moving = True
        while moving:
            moving = False
            for step in self._ready(state):
                during, alive = _after(step, state.done, state.alive)
                if during <= state.peak and alive <= state.alive:
                    state, moving = _next(state, step, state.peak, alive), True
                    break
        return state

    def _ready(self, state: _State) -> Iterator[_Step]:
        """The steps that can run next, in the model's own order."""
        left, known, first = state.ready, self.known, self.range.start
        while left:
            bit = left & -left
            left ^= bit
            yield known[bit.bit_length() - 1 - first]

    def _dead(self, storage: int, done: int) -> bool:
        """Whether nobody needs a storage once the steps ``done`` have run."""
        return storage not in self.steps.kept and self.steps.readers[storage] & ~done == 0

    def _path(self, state: _State) -> list[int]:
        path = []
        while state.past is not None:
            path.append(state.last)
            state = state.past
        return path[::-1]


def _after(step: _Step, done: int, alive: int) -> tuple[int, int]:
    """The bytes alive while a step runs that runs after the steps ``done``, and behind it."""
    left = ~(done | step.bit)
    alive += step.made
    during = alive + step.scratch
    for readers, bytes_ in step.dying:
        if not readers & left:
            alive -= bytes_
    for readers, bytes_ in step.over:
        if not readers & left:
            during -= bytes_
            break
    return during, alive


def _next(state: _State, step: _Step, peak: int, alive: int) -> _State:
    done = state.done | step.bit
    ready = state.ready ^ step.bit
    for bit, before in step.readers:
        if not before & ~done:
            ready |= bit
    return _State(peak, state.left - 1, done, alive, ready, step.at, state)
