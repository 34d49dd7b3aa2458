"""Channel widths as edits: the literals that set them, rewritten as they were written."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from weakref import WeakKeyDictionary

from ..advice.literals import located
from ..advice.unfollowed import unfollowed
from ..graph import Graph, Span
from ..moves import Move, MoveError, SetGroupedWidths, SetWidth, Together
from ..moves.base import name
from ..moves.grouped import grouped, loosened
from ..numbers import Literal, Number
from .edits import Edit, MisplacedEdit, cut
from .proposal import Proposal, Scene, Unfixable
from .solve import Solution, Solver

MOST = 8
"""Proposals for one finding: what is not among the first is not what anybody would write."""

NAMED = 3
"""How many layers a note names."""

_SOLVERS: WeakKeyDictionary[Scene, Solver] = WeakKeyDictionary()
_LOOSE: WeakKeyDictionary[Scene, Solver | None] = WeakKeyDictionary()


Look = Callable[[Solver, Mapping[int, int]], Iterator[Solution]]
"""A way to look for solutions for wanted widths."""


def render(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Proposals for :class:`advisor.moves.SetWidth` moves of one finding: all of them as they are asked for, then with
    what else the same literals set, then each alone and at the nearest width that its literals give it."""
    wanted = {m.group: m.width for m in moves if isinstance(m, SetWidth)}
    solver = _solver(scene)
    missing = next((g for g in wanted if g not in solver.groups), None)
    if missing is not None:
        raise Unfixable("the layers are no part of this graph any more")
    why = ""
    some = False
    for proposals in chain.from_iterable(
        way(scene, wanted, look) for look in (_direct, _around) for way in (_plain, _in_groups)
    ):
        try:
            for proposal in proposals:
                some = True
                yield proposal
        except (MisplacedEdit, Unfixable) as e:  # the next may need none of these literals
            why = why or str(e)
    if not some:
        raise Unfixable(why or _why_none(scene, solver, wanted))


def _plain(scene: Scene, wanted: Mapping[int, int], look: Look) -> Iterator[Iterator[Proposal]]:
    """The proposals of each solution."""
    solver = _solver(scene)
    solver.renew()
    for solution in islice(_distinct(look(solver, wanted)), MOST):
        changed = {g: w for g, w in sorted(solution.widths.items()) if w != solver.groups[g].width}
        if changed:
            moves = tuple(SetWidth(group, width) for group, width in changed.items())
            move = moves[0] if len(moves) == 1 else Together(moves)
            yield _proposals(scene, solver, solution.written, changed, wanted, move)


def _in_groups(scene: Scene, wanted: Mapping[int, int], look: Look) -> Iterator[Iterator[Proposal]]:
    """The same where convolutions work in groups, whose number may have to change with the widths."""
    loose = _loose(scene)
    if loose is None or not loose.groups.keys() >= wanted.keys():
        return
    loose.renew()
    ops = grouped(scene.graph)
    for solution in islice(_distinct(look(loose, wanted)), MOST):
        changed = {g: w for g, w in sorted(solution.widths.items()) if w != loose.groups[g].width}
        counts = [_count(scene, loose, op, solution.written) for op in ops]
        if changed and all(counts):
            move = SetGroupedWidths(tuple(changed), tuple(changed.values()), ops, tuple(counts))
            yield _proposals(scene, loose, solution.written, changed, wanted, move)


def _count(scene: Scene, solver: Solver, key: int, written: Mapping[int, Number]) -> int:
    """In how many groups a convolution works with other literals."""
    op = scene.graph.by_key[key]
    step = scene.numbers.step(op.path, "groups")
    found = None if step is None else scene.numbers.evaluate(step, solver.all(written))
    return op.attrs["groups"] if found is None else int(found)


def implied(scene: Scene, edits: Iterable[Edit]) -> tuple[SetWidth, ...] | None:
    """What edits of literals come to in all: of several fixes together something else than of each, where widths are
    worked out from literals of both. None where that cannot be said."""
    solver = _solver(scene)
    at = {literal.span: i for i, literal in enumerate(scene.numbers.literals)}
    written: dict[int, Number] = {}
    for one in edits:
        if one.span in at:
            value = _value(one.text)
            if value is None:
                return None
            written[at[one.span]] = type(scene.numbers.literals[at[one.span]].value)(value)
    widths = solver.widths(written)
    if widths is None:
        return None
    return tuple(SetWidth(g, w) for g, w in sorted(widths.items()) if w != solver.groups[g].width)


def _solver(scene: Scene) -> Solver:
    solver = _SOLVERS.get(scene)
    if solver is None:
        solver = _SOLVERS[scene] = Solver(scene.graph, scene.numbers, partial(_usable, scene))
    return solver


def _loose(scene: Scene) -> Solver | None:
    """The solver for the graph whose grouped convolutions are let loose; None where it has none."""
    if scene not in _LOOSE:
        ops, solver = grouped(scene.graph), None
        if ops:
            try:
                solver = Solver(loosened(scene.graph, ops), scene.numbers, partial(_usable, scene))
            except MoveError:  # weights that several of them share
                solver = None
        _LOOSE[scene] = solver
    return _LOOSE[scene]


def _usable(scene: Scene, literal: int) -> bool:
    return scene.editable(scene.numbers.literals[literal].span.file)


def _direct(solver: Solver, wanted: Mapping[int, int]) -> Iterator[Solution]:
    yield from solver.exactly(wanted)
    yield from solver.following(wanted)
    alone = [{group: width} for group, width in wanted.items()] if len(wanted) > 1 else []
    yield from chain.from_iterable(chain(solver.exactly(one), solver.following(one)) for one in alone)


def _around(solver: Solver, wanted: Mapping[int, int]) -> Iterator[Solution]:
    for group, width in wanted.items():
        yield from solver.near(group, width)


def _distinct(solutions: Iterable[Solution]) -> Iterator[Solution]:
    seen: set[frozenset[tuple[int, Number]]] = set()
    for solution in solutions:
        what = frozenset(solution.written.items())
        if what not in seen:
            seen.add(what)
            yield solution


# ---- one solution


def _proposals(
    scene: Scene,
    solver: Solver,
    written: Mapping[int, Number],
    changed: Mapping[int, int],
    wanted: Mapping[int, int],
    move: Move,
) -> Iterator[Proposal]:
    """The edits of literals that come to ``move``; then, where calls of functions say one of the old sizes, with these
    too."""
    literals = scene.numbers.literals
    edits = tuple(edit(scene.text(literals[i].span.file), literals[i], v) for i, v in written.items())
    note = _note(scene.graph, solver, changed, wanted)
    yield Proposal(edits, move, note)
    more = _in_calls(scene, solver, changed, {e.span for e in edits})
    if more:
        yield Proposal((*edits, *more), move, note)


def edit(text: str, literal: Literal, value: Number) -> Edit:
    """The edit that gives ``literal``, which stands in ``text``, another value, written in the same style. Raises
    :class:`.edits.MisplacedEdit` where the text holds something else there."""
    old = cut(text, literal.span)
    if _value(old) != literal.value:
        line = f"{literal.span.file}:{literal.span.line}"
        raise MisplacedEdit(f"{line} holds {old[:20]!r} where {literal.value} was read; it was edited since")
    return Edit(literal.span, _written(old, value))


def _value(text: str) -> Number | None:
    digits = text.replace("_", "")
    if digits.isdecimal() and digits.isascii():
        return int(digits)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, (int, float)) else None


def _written(old: str, value: Number) -> str:
    """``value`` in the style of the literal ``old``: its base, its separators, its leading zeros or its point."""
    if isinstance(value, float):
        plain = repr(value)
        return plain.removesuffix("0") if old.endswith(".") and plain.endswith(".0") else plain
    head = old[:2].lower()
    if head in ("0x", "0o", "0b"):
        digits = format(value, {"0x": "X" if old != old.lower() else "x", "0o": "o", "0b": "b"}[head])
        return old[:2] + digits
    if "_" in old:
        return f"{value:_}"
    return str(value).zfill(len(old)) if old.startswith("0") and len(old) > 1 else str(value)


def _in_calls(scene: Scene, solver: Solver, changed: Mapping[int, int], taken: set[Span]) -> list[Edit]:
    """Edits of sizes that are written in calls of functions on the tensors that change (``x.view(-1, 1280)``)."""
    graph, channels = scene.graph, solver.channels.all_resized(changed)
    found: dict[Span, str] = {}
    for tensor, dim in {(p.tensor, p.dim) for group in changed for p in solver.groups[group].dims}:
        old, new = graph.shape(tensor)[dim], channels.shape(tensor)[dim]
        maker = graph.producer.get(tensor)
        for op in (*graph.consumers.get(tensor, ()), *((maker,) if maker is not None else ())):
            site = graph.site(op)
            weighty = op.module and op.weights  # its numbers are recorded
            if site is None or weighty or not scene.editable(site.file) or old == new:
                continue
            for span in located(site, old, scene.lines):
                if span not in taken and found.setdefault(span, str(new)) != str(new):
                    return []  # one number says two sizes: nobody can say which is meant
    return [Edit(span, text) for span, text in found.items()]


# ---- words


def _note(graph: Graph, solver: Solver, changed: Mapping[int, int], wanted: Mapping[int, int]) -> str:
    """What is not as it was asked for."""
    told = []
    for group, width in wanted.items():
        if group in changed and changed[group] != width:
            told.append(f"{changed[group]}, not {width}, is what the numbers in the source give")
    others = [g for g in changed if g not in wanted]
    if others:
        shown = [f"{name(graph.by_key[g])} {solver.groups[g].width} → {changed[g]}" for g in others[:NAMED]]
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        told.append(f"the same numbers set {', '.join(shown)}{more}")
    left = [g for g in wanted if g not in changed]
    if left:
        told.append(f"{', '.join(name(graph.by_key[g]) for g in left[:NAMED])} stay{'s' if len(left) == 1 else ''}")
    return "; ".join(dict.fromkeys(told))


def _why_none(scene: Scene, solver: Solver, wanted: Mapping[int, int]) -> str:
    """Why no literals give the wanted widths."""
    group = solver.groups[next(iter(wanted))]
    what = f"the width {group.width} of {name(scene.graph.by_key[group.key])}"
    if group.pinned:
        return f"{what} cannot change: {group.pinned}"
    if said := unfollowed(scene.graph, group.producers, group.width, scene.file, scene.construct):
        return said
    return f"no other values of the numbers that set {what} give {wanted[group.key]} or a width near it"
