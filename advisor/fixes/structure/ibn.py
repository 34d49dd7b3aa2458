"""Fusing inverted bottlenecks and splitting fused ones, as edits.

In place where what the edited lines build shall all change. Otherwise the block's class gets a changed form beside it,
and the calls that build blocks choose: by a condition on what is in scope there, of those that a person would write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from textwrap import dedent

import libcst as cst

from ...graph import Graph, Span
from ...moves import Move, Together
from ...moves.inverted_bottleneck import FuseIBN, UnfuseIBN, find_ibn
from ..edits import Edit
from ..proposal import Proposal, Scene, Unfixable
from .calls import Call
from .ibn_classes import definition
from .ibn_conditions import Scope
from .ibn_inplace import in_place
from .ibn_makers import Maker, built_at, class_name, makers, site_call
from .ibn_parts import Block, Path, Plan, fused_block, unfused_block
from .ibn_sites import choosing, earlier, named_at, rechosen, telling
from .imports import reach
from .parsed import Parsed


def fuse(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Renders :class:`FuseIBN`."""
    every = [FuseIBN(b.expand, b.depthwise) for b in find_ibn(scene.graph) if b.depthwise is not None]
    yield from _Rendering(scene, moves, every, "Fused").proposals()


def unfuse(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Renders :class:`UnfuseIBN`."""
    every = [UnfuseIBN(b.expand) for b in find_ibn(scene.graph) if b.fused]
    yield from _Rendering(scene, moves, every, "Unfused").proposals()


def _block(graph: Graph, move: Move, owner: str | None = None) -> Block:
    if isinstance(move, FuseIBN):
        return fused_block(graph, move, owner)
    assert isinstance(move, UnfuseIBN)
    return unfused_block(graph, move, owner)


@dataclass(frozen=True, eq=False)
class _Built:
    """What builds a block, and what becomes of it: plans relative to what that builds, in order."""

    maker: Maker
    plans: tuple[Plan, ...]

    @property
    def form(self) -> tuple[str, str, tuple[Plan, ...]]:
        """Blocks with the same form can be served by one class."""
        return self.maker.file.file, self.maker.name, self.plans


class _Rendering:
    """One finding's moves. ``every``: the moves of this kind that the model has room for."""

    def __init__(self, scene: Scene, moves: Sequence[Move], every: Sequence[Move], prefix: str) -> None:
        self.scene = scene
        self.graph = scene.graph
        self.moves = tuple(dict.fromkeys(moves))
        self.every = every
        self.prefix = prefix

    def proposals(self) -> Iterator[Proposal]:
        """Best first. Raises :class:`Unfixable` with the reason of the most direct way where there is none."""
        reasons: dict[str, str] = {}
        first = (self._chosen, self._in_place) if self._used_elsewhere() else (self._in_place, self._chosen)
        ways = (*first, self._with_alike, self._all_of_site)
        for way in ways:
            try:
                yield way()
            except Unfixable as e:
                reasons[way.__name__] = e.reason
        if len(reasons) == len(ways):
            raise Unfixable(reasons[self._chosen.__name__])

    def _used_elsewhere(self) -> bool:
        """Whether the class of a block is called by its name where nothing shall change."""
        try:
            built = self._makers(self.moves)
        except Unfixable:  # then there is one way only
            return False
        sites = {one.maker.site for one in built}
        return any(
            file.span(call) not in sites and file.written(call.func).rpartition(".")[2] == name
            for file, name in {(one.maker.file, one.maker.name) for one in built}
            for call in file.each(cst.Call)
        )

    def _in_place(self) -> Proposal:
        blocks = [_block(self.graph, m) for m in self.moves]
        return Proposal(in_place(self.scene, blocks), _together(self.moves))

    def _chosen(self) -> Proposal:
        return Proposal(self._edits(self.moves), _together(self.moves))

    def _with_alike(self) -> Proposal:
        """The same change of the blocks too that are built under the same values as a wanted one."""
        wanted = self._makers(self.moves)
        scopes = self._scopes()
        known = [(c.maker.site, scopes(c.maker.path)) for c in wanted]
        return self._wider(lambda c: (c.maker.site, scopes(c.maker.path)) in known)

    def _all_of_site(self) -> Proposal:
        """The same change of all blocks that the same calls build: where the wanted ones cannot be told from them."""
        sites = {c.maker.site for c in self._makers(self.moves)}
        return self._wider(lambda c: c.maker.site in sites)

    def _wider(self, belongs: Callable[[_Built], bool]) -> Proposal:
        more = [move for move, built in self._possible if move not in self.moves and belongs(built)]
        if not more:
            raise Unfixable("there are no others that the same calls build")
        moves = [*self.moves, *more]
        number = "one more block that is" if len(more) == 1 else f"{len(more)} more blocks that are"
        return Proposal(self._edits(moves), _together(moves), f"changes {number} built by the same call")

    # ---- a changed form of what builds the block

    @cached_property
    def _possible(self) -> list[tuple[Move, _Built]]:
        """The moves that can be made, with what builds their blocks; of the others, that has to stay as it is."""
        found: list[tuple[Move, _Built]] = []
        for move in self.every:
            try:
                found += [(move, built) for built in self._makers([move])]
            except Unfixable:
                continue
        return found

    def _makers(self, moves: Sequence[Move]) -> list[_Built]:
        found: dict[str, _Built] = {}
        for move in moves:
            block = _block(self.graph, move)
            maker = next(makers(self.scene, block), None)
            if maker is None:
                raise Unfixable(_unbuilt(block))
            plan = _block(self.graph, move, maker.path).plan
            before = found[maker.path].plans if maker.path in found else ()
            found[maker.path] = _Built(maker, (*before, plan))
        return list(found.values())

    def _edits(self, moves: Sequence[Move]) -> tuple[Edit, ...]:
        forms: dict[tuple[str, str, tuple[Plan, ...]], list[_Built]] = {}
        for one in self._makers(moves):
            forms.setdefault(one.form, []).append(one)
        names: set[str] = set()
        by_site: dict[Span, list[tuple[str, list[_Built]]]] = {}
        edits: list[Edit] = []
        for blocks in forms.values():
            name, defined = self._defined(blocks[0], names)
            names.add(name)
            edits += defined
            for one in blocks:
                served = by_site.setdefault(one.maker.site, [])
                if not served or served[-1][0] != name:
                    served.append((name, []))
                served[-1][1].append(one)
        statements = Counter(map(self._statement, by_site))
        for site, served in by_site.items():
            if len(served) > 1:
                raise Unfixable(f"line {site.line} builds blocks that are put together in different ways")
            ((name, blocks),) = served
            edits += self._site(site, name, blocks, statements[self._statement(site)] > 1)
        return tuple(dict.fromkeys(edits))

    def _defined(self, one: _Built, taken: set[str]) -> tuple[str, list[Edit]]:
        """The name of the changed form, and the edits that define it: after what it is derived from, or where that
        cannot be edited, before it is first called; none where an earlier fix has written the very same."""
        maker = one.maker
        editable = self.scene.editable(maker.file.file)
        call = site_call(self.scene, maker.site)
        file = maker.file if editable else call.file
        for name in _names(maker, self.prefix):
            text, needed = self._text(one, name, maker.name if editable else call.callee, file)
            there = file.definitions.get(name)
            if there is not None and dedent(file.written(there)) == text:
                return name, []
            if there is None and name not in taken:
                where = _after(file, maker, text) if editable else _above(call, text)
                return name, [*needed, where]
        raise AssertionError("names never end")

    def _text(self, one: _Built, name: str, base: str, file: Parsed) -> tuple[str, tuple[Edit, ...]]:
        maker = one.maker

        def kind(path: Path) -> str:
            module = self.graph.modules.get(".".join((maker.path, *path)) if maker.path else ".".join(path))
            return "" if module is None else module.type

        nn, needed = reach(file, "torch", "nn")
        text = definition(maker, base, name, one.plans, kind, nn, _step(maker.file, maker))
        if "deepcopy(" in text:
            copy, more = reach(file, "copy", "deepcopy")
            text, needed = text.replace("deepcopy(", f"{copy}("), (*needed, *more)
        return text, needed

    def _statement(self, site: Span) -> Span:
        call = site_call(self.scene, site)
        statement = call.file.statement(call.node)
        return site if statement is None else call.file.span(statement)

    def _site(self, site: Span, name: str, blocks: Sequence[_Built], shared: bool) -> list[Edit]:
        """Edits of the call at ``site``; ``shared``: its statement holds others that are edited too."""
        maker = blocks[0].maker
        call = site_call(self.scene, site)
        wanted = {b.maker.path for b in blocks}
        # What an earlier fix has changed there goes on being so: one condition for all.
        chosen = earlier(call, name)
        if chosen is not None:
            wanted |= {p for p in built_at(self.graph, site, maker) if class_name(self.scene, p) == name}
        others = [p for p in built_at(self.graph, site, maker) if p not in wanted]
        condition = ""
        if others:
            scopes = self._scopes()
            able = self._able(blocks[0])
            condition = telling(
                call,
                maker,
                [scopes(p) for p in sorted(wanted)],
                [scopes(p) for p in others if p in able],
                [scopes(p) for p in others if p not in able],
            )
        if self.scene.editable(maker.file.file):
            written, needed = named_at(call, maker, name)
        else:
            written, needed = name, ()
        if chosen is not None:
            return [rechosen(call.file, chosen, condition)]
        return [*needed, *choosing(call, written, condition, shared)]

    def _able(self, like: _Built) -> set[str]:
        """The paths of all blocks that the changed form of ``like`` could serve."""
        return {built.maker.path for _, built in self._possible if built.form == like.form}

    def _scopes(self) -> Callable[[str], Scope]:
        """What was in scope where the module at a path was built. Raises :class:`Unfixable`."""
        scoped = self.scene.scoped()
        if scoped is None:
            raise Unfixable("what is in scope where the blocks are built could not be recorded")
        modules = scoped.modules
        return lambda path: modules[path].scope if path in modules else {}


def _unbuilt(block: Block) -> str:
    ends = list(dict.fromkeys(op.path for op in block.ops if op.module))
    if len(ends) > 1:
        return f"no one class or function builds {ends[0]} and {ends[-1]} together"
    return f"{ends[0]} is built by the model itself, in lines that cannot simply be changed"


def _together(moves: Sequence[Move]) -> Move:
    return moves[0] if len(moves) == 1 else Together(tuple(moves))


def _names(maker: Maker, prefix: str) -> Iterator[str]:
    """What the changed form may be called, best first."""
    name = maker.name
    if name.startswith("_"):
        best = f"_{prefix}{name[1:]}"
    else:
        best = f"{prefix.lower()}_{name}" if name[:1].islower() else f"{prefix}{name}"
    yield best
    yield from (f"{best}{number}" for number in count(2))


def _step(file: Parsed, maker: Maker) -> str:
    """One step of a file's indentation."""
    outer = file.indent(file.span(maker.node).line)
    body = maker.node.body
    if isinstance(body, cst.IndentedBlock):
        inner = file.indent(file.span(body.body[0]).line)
        if inner.startswith(outer) and len(inner) > len(outer):
            return inner[len(outer) :]
    return "    "


def _after(file: Parsed, maker: Maker, text: str) -> Edit:
    outer = file.indent(file.span(maker.node).line)
    line = file.span(maker.node).end_line
    column = len(file.lines[line - 1]) + 1
    shifted = "\n".join(f"{outer}{row}" if row else "" for row in text.split("\n"))
    blank = "\n\n" if outer else "\n\n\n"
    return Edit(Span(file.file, line, column, line, column), f"{blank}{shifted}")


def _above(call: Call, text: str) -> Edit:
    """Before the definition at the top of the file that the call stands in."""
    file = call.file
    outermost = [n for n in file.around(call.node) if n in file.tree.body]
    first = outermost[0] if outermost else file.tree.body[0]
    decorated = first.decorators if isinstance(first, cst.ClassDef | cst.FunctionDef) else ()
    line = file.span(decorated[0] if decorated else first).line
    return Edit(Span(file.file, line, 1, line, 1), f"{text}\n\n\n")
