"""Several fixes of one file at once: merged edits, traced and compared as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..findings import Finding
from ..graph import Graph
from ..moves import Move, MoveError, SetWidth, Together, flat, from_plain
from ..plan import Plan
from ..report import ModelReport
from .edits import Conflict, Edit, merged
from .fix import Fix
from .making import applicability, made
from .prices import price
from .proposal import Scene
from .verify import Verifier
from .width import implied

Offered = tuple[ModelReport, Finding, Fix]
"""A fix with what it was made for."""


@dataclass(frozen=True, slots=True)
class Composed:
    """``kept`` fixes can be made together, in the order of their gain, and were verified so: by ``edits``, which are
    those of ``fix``, the whole as one (None where nothing was kept). ``refused`` say why they cannot be."""

    kept: list[Offered]
    edits: tuple[Edit, ...]
    refused: list[tuple[Finding, str]]
    fix: Fix | None = None


Check = Callable[[Sequence[Edit]], str]
"""Says why edits cannot be made; empty where they can."""


def none(edits: Sequence[Edit]) -> str:
    """Nothing hinders any."""
    return ""


def compose(
    offered: Sequence[Offered],
    verifier: Verifier,
    plan: Plan,
    scene: Callable[[ModelReport], Scene],
    hindrance: Check = none,
) -> Composed:
    """As many of the fixes, all made for the same texts, as can be made together; those that gain more come first.

    What is refused overlaps with one that came before it, would make of a model something else than the fixes promise,
    or is not to be made as ``hindrance`` has it. Raises :class:`advisor.session.Cancelled`.
    """
    work = _Composition(verifier, scene, hindrance)
    work.add(sorted(offered, key=lambda o: -(o[2].gain_percent or 0.0)))
    edits = merged(*(fix.edits for *_, fix in work.kept))
    return Composed(work.kept, edits, work.refused, work.whole(plan, edits))


class _Composition:
    def __init__(self, verifier: Verifier, scene: Callable[[ModelReport], Scene], hindrance: Check) -> None:
        self.verifier = verifier
        self.scene = scene
        self.hindrance = hindrance
        self.kept: list[Offered] = []
        self.refused: list[tuple[Finding, str]] = []

    def whole(self, plan: Plan, edits: tuple[Edit, ...]) -> Fix | None:
        """What is kept as one fix. Its gain is that of one model on one target; fixes of several models have none."""
        if len(self.kept) < 2:
            return self.kept[0][2] if self.kept else None
        models = list({id(model): model for model, *_ in self.kept}.values())
        moves = [self._move(m, [fix for of, _, fix in self.kept if of is m], edits) for m in models]
        notes = dict.fromkeys(fix.note for *_, fix in self.kept if fix.note)
        worth = None
        if len(models) == 1 and models[0].graph is not None:
            target = next((f.target for _, f, fix in self.kept if fix.gain_us is not None), None)
            worth = price(plan, models[0], moves[0].apply(models[0].graph), target)
        move = moves[0] if len(moves) == 1 else Together(tuple(moves))
        does = f"{len(self.kept)} fixes together"
        return made(does, edits, move, applicability(*moves), worth, "; ".join(notes), self.verifier.sources)

    def add(self, more: Sequence[Offered]) -> None:
        """Keep those of ``more`` that go with what is kept; where all do not, by halves."""
        if not more:
            return
        why = self._hindrance([*self.kept, *more])
        if not why:
            self.kept += more
        elif len(more) == 1:
            self.refused.append((more[0][1], why))
        else:
            half = len(more) // 2
            self.add(more[:half])
            self.add(more[half:])

    def _hindrance(self, offered: Sequence[Offered]) -> str:
        """Why these cannot be made together; empty where they can. One alone was verified before."""
        try:
            edits = merged(*(fix.edits for *_, fix in offered))
        except Conflict as e:
            return str(e)
        if len(offered) == 1:
            return self.hindrance(edits)
        expected: list[tuple[ModelReport, Graph]] = []
        for model in {id(model): model for model, *_ in offered}.values():
            theirs = [fix for m, _, fix in offered if m is model]
            try:
                expected.append((model, self._move(model, theirs, edits).apply(self.scene(model).graph)))
            except MoveError as e:
                return f"another fix leaves nothing for it: {e}"
        self.verifier.prepare([model for model, _ in expected], edits)
        for model, graph in expected:
            differences = self.verifier.differences(model, edits, graph)
            if differences:
                return f"with the others the model comes out otherwise than they promise: {differences[0]}"
        return self.hindrance(edits)

    def _move(self, model: ModelReport, fixes: Sequence[Fix], edits: Sequence[Edit]) -> Together:
        """What the fixes promise together. Literals of several set widths that none of them sets alone, so widths are
        worked out from all the edits where they can be."""
        moves = list(dict.fromkeys(one for fix in fixes for one in flat(from_plain(fix.move))))
        widths: list[Move] = [m for m in moves if isinstance(m, SetWidth)]
        others = [m for m in moves if not isinstance(m, SetWidth)]
        if widths:
            widths = list(implied(self.scene(model), edits) or widths)
        return Together((*widths, *others))
