"""Which proposals for a finding are worth a run of the worker, the best first: what they gain, and what they leave."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..advice.compose import named
from ..channels import analyse
from ..findings import Finding
from ..graph import Graph
from ..moves import Move, MoveError, SetGroupedWidths, SetWidth, flat
from ..plan import Plan
from ..report import ModelReport
from .making import described
from .prices import Price, price, resolved
from .proposal import Proposal, Unfixable

LOOKING = 15.0
"""Seconds after which no more proposals are asked for of one finding: those that there are by then will have to do."""

BEST, ASKED, NEAR, PART, FREE = range(5)
"""Ranks of proposals. The best gives all that the finding asks for and keeps what it promises; then comes what gives
one of its alternatives, then other widths near these, what leaves a part of the finding, what it offers at no cost.
"""

ENOUGH = 8
"""Proposals that are worth something after which no more are looked at."""

KEEP = 0.5
"""A fix that gains at least this share of what its finding promises comes before all that gain less: where literals are
shared, what comes of them is another change than was asked for, and a worse one is only better than none."""

SAME = 0.5
"""Percent of the model's latency that a fix may cost more than its finding's move: what the rules call no cost."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A proposal with the graph that it predicts, and what that gains (None where the finding has no gain)."""

    proposal: Proposal
    graph: Graph
    price: Price | None

    @property
    def gain_us(self) -> float:
        return 0.0 if self.price is None else self.price.gain_us


@dataclass(eq=False)
class Appraiser:
    """Appraises proposals for one finding of ``model``; ``offered`` are the finding's own moves, its best one first.
    ``moved`` keeps what moves make of the model's graph, None for those that do not apply."""

    plan: Plan
    model: ModelReport
    graph: Graph
    finding: Finding
    offered: Sequence[tuple[Move, ...]]
    moved: dict[Move, Graph | None] = field(default_factory=dict)

    def ranked(self, proposals: Iterable[Proposal]) -> Iterator[Priced]:
        """Those that are worth something. What gives all that the finding asks for and keeps what it promises comes at
        once; the others follow by how far they are from that. Raises :class:`Unfixable` where there is none."""
        ranks: dict[int, list[Priced]] = {rank: [] for rank in (ASKED, NEAR, FREE)}
        rejected: Priced | None = None
        some = False
        until = time.monotonic() + LOOKING
        for proposal in proposals:
            priced = self.priced(proposal)
            if priced is None:
                continue
            rejected = rejected or priced
            rank = self._rank(priced)
            if rank == BEST and self._good(priced, BEST):
                some = True
                yield priced
            elif rank is not None:
                ranks[rank or ASKED].append(priced)
            if sum(map(len, ranks.values())) >= ENOUGH or time.monotonic() > until:
                break
        left: list[Priced] = []
        for rank, those in ((ASKED, ranks[ASKED]), (NEAR, ranks[NEAR]), (PART, left), (FREE, ranks[FREE])):
            for priced in those:
                if self._good(priced, rank):
                    some = True
                    yield priced
                elif rank in (ASKED, NEAR):
                    left.append(priced)
        if not some:
            raise Unfixable(self._too_little(rejected))

    def acceptable(self, priced: Priced) -> bool:
        """Whether a proposal is worth anything."""
        rank = self._rank(priced)
        return rank is not None and (self._good(priced, rank) or (rank != FREE and self._good(priced, PART)))

    def priced(self, proposal: Proposal) -> Priced | None:
        """None where the proposal's move does not apply to the graph."""
        move = proposal.move
        if move not in self.moved:
            try:
                self.moved[move] = move.apply(self.graph)
            except MoveError:  # what else the literals change is no change that the model could take
                self.moved[move] = None
        moved = self.moved[move]
        return None if moved is None else self.of(proposal, moved)

    def of(self, proposal: Proposal, moved: Graph) -> Priced:
        """The proposal with what ``moved``, which it predicts, gains."""
        target = self.finding.target if self.finding.gain_us is not None else None
        return Priced(proposal, moved, price(self.plan, self.model, moved, target))

    def keeps(self, priced: Priced) -> bool:
        """Whether a proposal gains what its finding promises, or enough of it."""
        promised = self.finding.gain_us
        if priced.price is None or promised is None:
            return True
        if promised > 0:
            return priced.price.gain_us >= KEEP * promised
        return priced.price.gain_us >= promised - SAME / 100 * priced.price.before.latency_us

    def _rank(self, priced: Priced) -> int | None:
        """What a proposal is, by its move and its gain alone; None where that is worth nothing."""
        worth = priced.price
        if worth is None:
            return BEST
        asked = [i for i, moves in enumerate(self.offered) if _gives(priced.proposal.move, moves)]
        if worth.gain_us <= 0 or worth.gain_percent < self.plan.config.min_gain:
            return FREE if self._own(priced) and (worth.gain_percent >= -SAME or self.keeps(priced)) else None
        if asked and asked[0] == 0 and self.keeps(priced):
            return BEST
        return ASKED if asked else NEAR

    def _good(self, priced: Priced, rank: int) -> bool:
        """Whether a proposal of that rank leaves the rule little enough to say: of the layer that the finding is about
        only where it does exactly what the finding says, of the others that it named where nothing else is left."""
        if rank in (BEST, PART) and self._own(priced):
            return True
        return self._settled(priced, self._lead() if rank == PART else None)

    def _own(self, priced: Priced) -> bool:
        """Whether the finding itself offers exactly this."""
        return flat(priced.proposal.move) in self.offered

    def _settled(self, priced: Priced, layers: frozenset[str] | None = None) -> bool:
        """Whether the rule has nothing more to say of the finding's layers, or of these."""
        names = frozenset(self.finding.layers) if layers is None else layers
        return priced.price is None or resolved(self.plan, self.model, self.finding, names, priced.graph, priced.price)

    def _lead(self) -> frozenset[str]:
        """The layers of the first width that the finding's move sets."""
        first = self.offered[0][0]
        group = analyse(self.graph).group(first.group) if isinstance(first, SetWidth) else None
        if group is None:
            return frozenset(self.finding.layers)
        return frozenset(named(self.graph.by_key[key]) for key in group.producers)

    def _too_little(self, priced: Priced | None) -> str:
        if priced is None or priced.price is None:
            return "what the numbers in the source allow is no change that the model can take"
        does = described(priced.proposal.move, self.graph)
        does = does[:1].lower() + does[1:]
        percent = priced.price.gain_percent
        if percent <= 0:
            return f"the numbers in the source only allow to {does}, which costs {-percent:.2g} %"
        return f"the numbers in the source only allow to {does}, which leaves the rule as much to say"


def _gives(move: Move, moves: Sequence[Move]) -> bool:
    """Whether a move does all that ``moves`` do, whatever else it does."""
    done: set[Move] = set()
    for one in flat(move):
        if isinstance(one, SetGroupedWidths):
            done.update(SetWidth(key, width) for key, width in zip(one.keys, one.widths, strict=True))
        done.add(one)
    return done.issuperset(moves)
