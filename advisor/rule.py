"""What a rule is. Rules live in packs (entry-point group ``advisor.rules``), ours in the top-level ``rules/``.

A rule is a pure function of (graph, target): it looks, and yields :class:`Advice`: moves with a reason. It never
computes a gain: the engine applies each move, asks the estimator what the moved graph costs, and drops what gains
too little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from .channels import Channels, analyse
from .costs import Costs, Kernel, gain_error
from .graph import Graph
from .limits import NO_LIMITS, Limits
from .targets import Target

if TYPE_CHECKING:
    from .moves import Move


@dataclass(slots=True, frozen=True)
class Outcome:
    """A move with what it does: ``after`` are the moved graph's costs; ``gain_us`` is positive when it is faster."""

    move: Move
    after: Costs
    gain_us: float
    gain_percent: float


@dataclass(slots=True)
class Advice:
    """What a rule proposes at one place.

    ``op`` is the op whose creation line the finding stands on; ``moves`` are tried in order, those that do not apply
    are dropped; ``explain`` gets the outcomes (in the order of ``moves``, without the dropped) and returns the
    message, or None to stay silent. ``keep`` lifts the engine's min-gain test, for rules that are not about latency
    (memory, unsupported operators). The primary outcome is the one with the largest gain. Advice about a ``block``
    stands on the innermost place that made all of its ``layers`` (the call that built the block), where there is one.

    ``number`` is the width, say, that the moves change: the advice stands on the innermost call in project code that
    writes this number, for all layers that the call has made; without it, on the chain of calls that made the layer.

    ``bound_us`` is the most that any of the moves can save by an argument much cheaper than trying them (None:
    unknown): places whose bounds add up to less than min-gain are not tried at all.
    """

    op: int
    moves: Sequence[Move]
    explain: Callable[[Sequence[Outcome]], str | None]
    layers: Sequence[int] = ()
    keep: bool = False
    block: bool = False
    bound_us: float | None = None
    number: int | None = None
    severity: str = "warning"
    related: Sequence[tuple[int, str]] = ()


@dataclass
class Look:
    """What a rule sees: the graph, the target, the costs as they are, and the channel groups.

    ``min_gain`` is the share of the latency under which advice is dropped; ``limits`` are what the model may take.
    """

    graph: Graph
    target: Target
    costs: Costs
    min_gain: float = 0.01
    limits: Limits = NO_LIMITS

    @cached_property
    def channels(self) -> Channels:
        return analyse(self.graph)

    @cached_property
    def kernel_of(self) -> dict[int, Kernel]:
        """Op key → the kernel that runs it."""
        return {k: kernel for kernel in self.costs.kernels for k in kernel.ops}

    def kernels(self, ops: Iterable[int]) -> list[Kernel]:
        """The distinct kernels that run ``ops``, in the order of first mention."""
        found = {id(k): k for key in ops if (k := self.kernel_of.get(key)) is not None}
        return list(found.values())

    def error_us(self, outcome: Outcome) -> float:
        """How far the true gain of an outcome may lie from ``gain_us`` with 90 %; 0 where the cost model has no
        intervals, so that what it says is taken as it is."""
        return gain_error(self.costs, outcome.after) or 0.0


@dataclass(slots=True, frozen=True)
class Evidence:
    """Why a rule holds: what was seen, where.

    ``effect`` in words with its figure; ``sample`` how many; ``source`` a paper, page or table.
    """

    target: str
    dtype: str
    shapes: str
    effect: str
    sample: str
    source: str


@dataclass(slots=True, frozen=True)
class Case:
    """A model source for a rule's own test. ``source`` defines ``Model`` (nn is imported) and ``input`` is its input
    shape. ``latency_budget`` is what the settings allow, in µs. ``move`` (invalid cases) holds the keys and values that
    a plain move of the finding must have, ``line`` the line of ``source`` that it must stand on, ``fixed`` what the
    finding's fix makes of ``source``."""

    source: str
    input: tuple[int, ...]
    target: str
    move: dict[str, Any] | None = None
    line: int | None = None
    latency_budget: float | None = None
    fixed: str | None = None


class Page:
    """What the advisor can say under one code, and its explanation. The docstring *is* the page, in the sections
    What it does / Why is this bad? / Example / Use instead / Fix safety; ``summary`` is its one line in listings.

    A bare page documents a finding that the engine makes (a file that cannot be traced, a stale suppression);
    :class:`Rule` adds the check over a graph.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    summary: ClassVar[str]


class Rule(Page):
    """Base of all rules over a graph.

    ``valid`` and ``invalid`` are model sources (a class or factory called ``Model`` in a file of its own) with a
    target: the rule stays silent on the first and fires on the second, with the named move.
    """

    yields_to: ClassVar[tuple[str, ...]] = ()
    """Codes of rules that come before this one in its pack: where one of them has advice about an op, this one's is
    dropped."""
    any_target: ClassVar[bool] = False
    """Whether the advice holds whatever the target is: it is given once, without a gain."""
    reads_facts: ClassVar[bool] = False
    """Whether it also reads what was measured (``Look.graph.facts``): it is asked again once that is there."""
    evidence: ClassVar[tuple[Evidence, ...]] = ()
    valid: ClassVar[tuple[Case, ...]] = ()
    invalid: ClassVar[tuple[Case, ...]] = ()

    def check(self, look: Look) -> Iterable[Advice]:
        raise NotImplementedError
