"""The fixes of one file's findings: proposed by renderers, priced, verified, and composed with one another."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..config import ConfigError
from ..equivalence import equivalent
from ..findings import Finding
from ..graph import Graph
from ..moves import Move, flat, from_plain
from ..numbers import Numbers
from ..packs import PackError
from ..report import ModelReport
from ..session import Cancelled, Session
from ..targets import TargetError
from ..texts import Texts
from ..workers import WorkerError
from .appraisal import Appraiser, Priced
from .compose import Check, Composed, Offered, compose, none
from .edits import Conflict, Edit, MisplacedEdit, merged
from .fix import Fix
from .making import applicability, described, made
from .observed import widths
from .proposal import Proposal, Scene, Sources, Unfixable
from .reach import reached
from .renderers import renderer
from .verify import Defect, Verifier

RUNS = 4
"""Runs of the worker for one finding, each of a second or so."""

SECONDS = 600.0
"""Seconds after which nothing more is verified for one file."""

ALTERNATIVES = 6
"""Other moves of a finding that are tried. One that speaks for a whole network's layers has hundreds."""


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
        """The verified fix of a finding of ``model``. Raises :class:`.proposal.Unfixable` where there is none,
        :class:`advisor.session.Cancelled`, and what :meth:`advisor.session.Session.trace` does."""
        try:
            return self._found(model, finding)
        except (Conflict, MisplacedEdit) as e:
            raise Unfixable(str(e)) from e
        except (Unfixable, Cancelled, ConfigError, PackError, TargetError, WorkerError):
            raise
        except Exception as e:  # a bug of ours, which odd sources can provoke: it costs this fix only
            said = f"{type(e).__name__}: {e}" if str(e) else type(e).__name__
            last = traceback.extract_tb(e.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            raise Unfixable(f"working out its edit failed ({said}, {where}): please report this") from e

    def _found(self, model: ModelReport, finding: Finding) -> Fix:
        if model.graph is None or finding.move is None:
            raise Unfixable("the finding proposes no change of the source")
        if model.status != "ok":
            raise Unfixable("the model could not be traced to its end, so that no edit can be verified")
        known = self._known(model)
        offered = _moves(finding)
        plan = self.session.plans.of(self.path)
        appraiser = Appraiser(plan, model, model.graph, finding, offered, known.moved)
        why = ""
        runs = 0
        for priced in appraiser.ranked(_proposals(known.scene, offered)):
            edits = merged(priced.proposal.edits)
            again = self.verifier.known(model, edits)
            if not again and (runs >= RUNS or time.monotonic() > self._until):
                why = why or "the time for verifying fixes of this file was up"
                break
            runs += not again
            differences = self.verifier.differences(model, edits, priced.graph)
            if not differences:
                if lost := self._lost(edits):
                    why = why or lost
                    continue
                return self._made(model, priced)
            corrected = self._corrected(model, priced, appraiser)
            if corrected is not None and not self._lost(edits):
                return self._made(model, corrected)
            why = why or f"its edit was tried, and the model came out otherwise than predicted: {differences[0]}"
            self.defects.append(Defect(finding, edits, differences))
        raise Unfixable(why)

    def compose(self, offered: Sequence[Offered], hindrance: Check = none) -> Composed:
        """The edits of several fixes of this file together, verified as a whole; see :func:`.compose.compose`."""

        def check(edits: Sequence[Edit]) -> str:
            return self._lost(edits) or hindrance(edits)

        plan = self.session.plans.of(self.path)
        return compose(offered, self.verifier, plan, lambda m: self._known(m).scene, check)

    def changed(self, edits: Sequence[Edit]) -> list[tuple[ModelReport, Graph]]:
        """The models of the file that the edits make others of, with what they become. Raises as :meth:`fix`."""
        found: list[tuple[ModelReport, Graph]] = []
        for model in self._reached(edits):
            before, after = model.graph, self.verifier.graph(model, edits)
            if before is None or after is None or after is before:
                continue
            if equivalent(before, after):
                found.append((model, after))
        return found

    def _lost(self, edits: Sequence[Edit]) -> str:
        """Which model of the file the edits reach, and cannot be traced with them; empty where none does."""
        return self.verifier.lost(self._reached(edits), edits)

    def _reached(self, edits: Sequence[Edit]) -> list[ModelReport]:
        return [m for m in reached(edits, self.models, self.sources) if m.status == "ok"]

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

    def _corrected(self, model: ModelReport, priced: Priced, appraiser: Appraiser) -> Priced | None:
        """The proposal with the widths that its edits were seen to give, where that is all that it was wrong about and
        it is worth something all the same."""
        traced = self.verifier.graph(model, priced.proposal.edits)
        seen = None if traced is None else widths(appraiser.graph, traced)
        if seen is None:
            return None
        move, moved = seen
        found = appraiser.of(Proposal(priced.proposal.edits, move), moved)
        return found if appraiser.acceptable(found) else None

    # ---- what a fix says

    def _made(self, model: ModelReport, priced: Priced) -> Fix:
        assert model.graph is not None
        proposal = priced.proposal
        edits = merged(proposal.edits)
        others = dict.fromkeys(m.name for m, _ in self.changed(edits) if m is not model)
        also = f"also changes {', '.join(others)}" if others else ""
        note = "; ".join(said for said in (proposal.note, also) if said)
        does = described(proposal.move, model.graph)
        return made(does, edits, proposal.move, applicability(proposal.move), priced.price, note, self.sources)


def _moves(finding: Finding) -> list[tuple[Move, ...]]:
    """What the finding offers: the single moves of its own move, then of the alternatives that gain most."""
    others = sorted(finding.alternatives, key=lambda a: -(a["gain_us"] or 0.0))
    plain = [finding.move, *(a["move"] for a in others[:ALTERNATIVES])]
    return [flat(from_plain(move)) for move in plain if move is not None]


def _proposals(scene: Scene, offered: Sequence[tuple[Move, ...]]) -> Iterator[Proposal]:
    """What is proposed for the finding's move, then for its alternatives, which say that they are none of the best.
    Raises :class:`Unfixable` with the first reason where there is nothing at all."""
    why = ""
    seen: set[tuple[frozenset[Edit], Move]] = set()
    for i, moves in enumerate(offered):
        try:
            for proposal in _rendered(scene, moves):
                what = frozenset(proposal.edits), proposal.move
                if what not in seen:
                    seen.add(what)
                    yield proposal if i == 0 else _instead(proposal)
        except Unfixable as e:
            why = why or e.reason
    if not seen:
        raise Unfixable(why)


def _rendered(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    kinds = {m.kind for m in moves}
    render = renderer(moves[0].kind) if len(kinds) == 1 else None
    if render is None:
        raise Unfixable(f"nobody has written how to edit the source for this: {', '.join(sorted(kinds))}")
    yield from render(scene, moves)


def _instead(proposal: Proposal) -> Proposal:
    said = "another of the finding's proposals, since no edit that is worth it gives its first"
    return Proposal(proposal.edits, proposal.move, "; ".join(note for note in (said, proposal.note) if note))
