"""The fixes of one file's findings: proposed by renderers, priced, verified, and composed with one another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..findings import Finding
from ..graph import Graph
from ..moves import Move, MoveError, flat, from_plain
from ..numbers import Numbers
from ..report import ModelReport
from ..session import Session
from ..texts import Texts
from .compose import Composed, Offered, compose
from .edits import merged
from .fix import Fix
from .making import also, applicability, described, made
from .prices import Price, price, resolved
from .proposal import Proposal, Scene, Sources, Unfixable
from .renderers import renderer
from .verify import Defect, Verifier

RUNS = 4
"""Runs of the worker for one finding, each of a second or so."""

SECONDS = 120.0
"""Seconds after which nothing more is verified for one file."""

LOOKING = 15.0
"""Seconds after which no more proposals are asked for of one finding: those that there are by then will have to do."""

ALTERNATIVES = 6
"""Other moves of a finding that are tried. One that speaks for a whole network's layers has hundreds."""

KEEP = 0.5
"""A fix that gains at least this share of what its finding promises comes before all that gain less: where literals are
shared, what comes of them is another change than was asked for, and a worse one is only better than none."""

SAME = 0.5
"""Percent of the model's latency that a fix may cost more than its finding's move: what the rules call no cost."""


@dataclass(frozen=True, slots=True)
class _Priced:
    """A proposal with the graph that it predicts, and what that gains (None where the finding has no gain)."""

    proposal: Proposal
    graph: Graph
    price: Price | None


@dataclass(eq=False)
class _Known:
    """What is kept of one model."""

    scene: Scene
    moved: dict[Move, Graph | None] = field(default_factory=dict)


class Fixer:
    """Makes fixes of the findings of one file, as ``texts`` have it.

    ``stopped`` is asked now and then; where it says yes :class:`advisor.session.Cancelled` is raised. ``models``: all
    models of the file, so that a fix can say which others it changes. Fixes that failed their verification are in
    :attr:`defects`.
    """

    def __init__(
        self,
        session: Session,
        path: Path,
        texts: Texts,
        stopped: Callable[[], bool] = lambda: False,
        models: Sequence[ModelReport] = (),
    ) -> None:
        self.session = session
        self.path = path
        self.models = models
        self.sources = Sources(texts)
        self.verifier = Verifier(session, path, self.sources, stopped)
        self.defects: list[Defect] = []
        self._until = time.monotonic() + SECONDS
        self._models: dict[int, tuple[ModelReport, _Known]] = {}

    def fix(self, model: ModelReport, finding: Finding) -> Fix:
        """The verified fix of a finding of ``model``. Raises :class:`.proposal.Unfixable` where there is none, and
        :class:`advisor.session.Cancelled`."""
        if model.graph is None or finding.move is None:
            raise Unfixable("the finding proposes no change of the source")
        known = self._known(model)
        why = ""
        runs = 0
        for priced in self._acceptable(model, known, finding):
            again = self.verifier.known(model, merged(priced.proposal.edits))
            if not again and (runs >= RUNS or time.monotonic() > self._until):
                why = why or "the time for verifying fixes of this file was up"
                break
            runs += not again
            differences = self.verifier.differences(model, priced.proposal.edits, priced.graph)
            if not differences:
                return self._made(model, finding, priced)
            why = why or f"its edit was tried, and the model came out otherwise than predicted: {differences[0]}"
            self.defects.append(Defect(finding, priced.proposal.edits, differences))
        raise Unfixable(why or "no edit of the source was found that gains anything")

    def compose(self, offered: Sequence[Offered]) -> Composed:
        """The edits of several fixes of this file together, verified as a whole; see :func:`.compose.compose`."""
        return compose(offered, self.verifier, self.session.plans.of(self.path), lambda m: self._known(m).scene)

    # ---- proposals

    def _known(self, model: ModelReport) -> _Known:
        kept = self._models.get(id(model))
        if kept is None:
            assert model.graph is not None
            scene = Scene(
                model.graph,
                model.graph.numbers or Numbers(),
                str(self.path),
                model.span,
                model.name,
                self.sources,
                model.construct,
                lambda: self.verifier.scoped(model.name),
            )
            kept = self._models[id(model)] = model, _Known(scene)  # the model too: ids of dead ones are given again
        return kept[1]

    def _acceptable(self, model: ModelReport, known: _Known, finding: Finding) -> Iterator[_Priced]:
        """The proposals that are worth a run: they leave the finding's rule nothing to say. Those that keep what the
        finding promises come first, then those that gain less; last what the finding itself offers at no cost. Raises
        :class:`Unfixable` where there are no proposals at all."""
        less: list[_Priced] = []
        free: list[_Priced] = []
        offered = _moves(finding)
        some = False
        until = time.monotonic() + LOOKING
        for proposal in _proposals(known.scene, offered):
            if time.monotonic() > until:
                break
            priced = self._price(model, known, finding, proposal)
            if priced is None:
                continue
            if _keeps(priced, finding):
                if self._resolves(priced, model, finding):
                    some = True
                    yield priced
            elif priced.price is not None and priced.price.gain_us > 0 and priced.price.gain_percent >= self._least():
                less.append(priced)
            elif priced.price is not None and priced.price.gain_percent >= -SAME and flat(proposal.move) in offered:
                free.append(priced)
        less.sort(key=_gain)
        for priced in (*less, *sorted(free, key=_gain)):
            if self._resolves(priced, model, finding):
                some = True
                yield priced
        if not some:
            raise Unfixable("what the numbers in the source allow gains too little, or leaves the rule as much to say")

    def _resolves(self, priced: _Priced, model: ModelReport, finding: Finding) -> bool:
        plan = self.session.plans.of(self.path)
        return priced.price is None or resolved(plan, model, finding, priced.graph, priced.price)

    def _price(self, model: ModelReport, known: _Known, finding: Finding, proposal: Proposal) -> _Priced | None:
        """None where the proposal's move does not apply to the graph."""
        assert model.graph is not None
        move = proposal.move
        if move not in known.moved:
            try:
                known.moved[move] = move.apply(model.graph)
            except MoveError:  # what else the literals change is no change that the model could take
                known.moved[move] = None
        moved = known.moved[move]
        if moved is None:
            return None
        target = finding.target if finding.gain_us is not None else None
        return _Priced(proposal, moved, price(self.session.plans.of(self.path), model, moved, target))

    def _least(self) -> float:
        """Percent of a model's latency that a fix has to gain."""
        return self.session.plans.of(self.path).config.min_gain

    # ---- what a fix says

    def _made(self, model: ModelReport, finding: Finding, priced: _Priced) -> Fix:
        assert model.graph is not None
        proposal = priced.proposal
        edits = merged(proposal.edits)
        others = also(edits, model, self.models)
        note = "; ".join(said for said in (proposal.note, others) if said)
        does = described(proposal.move, model.graph)
        return made(does, edits, proposal.move, applicability(proposal.move), priced.price, note, self.sources)


def _moves(finding: Finding) -> list[tuple[Move, ...]]:
    """What the finding offers: the single moves of its own move, then of the alternatives that gain most."""
    others = sorted(finding.alternatives, key=lambda a: -(a["gain_us"] or 0.0))
    plain = [finding.move, *(a["move"] for a in others[:ALTERNATIVES])]
    return [flat(from_plain(move)) for move in plain if move is not None]


def _gain(priced: _Priced) -> float:
    """Sorts the largest gain to the front."""
    return 0.0 if priced.price is None else -priced.price.gain_us


def _proposals(scene: Scene, offered: Sequence[tuple[Move, ...]]) -> Iterator[Proposal]:
    """What is proposed for the finding's move, then for its alternatives, which say that they are none of the best.
    Raises :class:`Unfixable` with the first reason where there is nothing at all."""
    why, some = "", False
    for i, moves in enumerate(offered):
        try:
            for proposal in _rendered(scene, moves):
                some = True
                yield proposal if i == 0 else _instead(proposal)
        except Unfixable as e:
            why = why or e.reason
    if not some:
        raise Unfixable(why)


def _rendered(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    kinds = {m.kind for m in moves}
    render = renderer(moves[0].kind) if len(kinds) == 1 else None
    if render is None:
        raise Unfixable(f"nobody has written how to edit the source for this: {', '.join(sorted(kinds))}")
    yield from render(scene, moves)


def _instead(proposal: Proposal) -> Proposal:
    said = "the finding's first proposal has no edit that gives it; this is another of its proposals"
    return Proposal(proposal.edits, proposal.move, "; ".join(note for note in (said, proposal.note) if note))


def _keeps(priced: _Priced, finding: Finding) -> bool:
    """Whether a proposal gains what its finding promises, or enough of it."""
    if priced.price is None or finding.gain_us is None:
        return True
    if finding.gain_us > 0:
        return priced.price.gain_us >= KEEP * finding.gain_us
    return priced.price.gain_us >= finding.gain_us - SAME / 100 * priced.price.before.latency_us
