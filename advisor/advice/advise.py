"""From rules to findings: what each piece of advice is worth, and what all of it is worth together.

Rules propose moves; here each move is applied to the graph and the moved graph is re-estimated, so a gain is always
``base - estimate(moved)``. Three things follow from that:

- advice of one rule for layers that one source place creates (a loop over a table of blocks) becomes one finding,
  whose move applies them all and whose gain is the re-estimate of exactly that;
- a finding that gains less than ``min_gain`` of the model's latency is dropped, unless its rule is not about latency;
- findings that compete for the same layers do not double count: they are applied best first, each on the graph that
  the ones before it left. One that no longer applies there, or no longer gains enough, is marked as overlapping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..costs import Costs, Estimator
from ..findings import Finding
from ..graph import Graph
from ..limits import limits
from ..moves import Move, MoveError, Together
from ..rule import Advice, Look, Outcome, Rule
from ..targets import Target
from .compose import Part, compose
from .jointly import Candidate, resolve
from .places import UNKNOWN, Sources, origin


@dataclass(frozen=True, slots=True)
class Settings:
    """What a caller decides. ``min_gain`` is a share of the model's latency, 0 to 1; ``latency_budget`` in µs,
    None for no limit, ``memory_budget`` in bytes, None for the target's own. ``model`` names the findings' model;
    ``sources`` say where they can stand."""

    min_gain: float = 0.01
    latency_budget: float | None = None
    memory_budget: int | None = None
    model: str = ""
    sources: Sources = UNKNOWN


@dataclass(slots=True)
class Advised:
    """``findings`` with the largest gain first; ``together_us`` is what the latency falls by when all of them that do
    not overlap are applied at once. ``failures`` names what raised, with the error."""

    findings: list[Finding]
    together_us: float
    failures: list[str] = field(default_factory=list)


class _Bench:
    """Tries moves on one graph and target; the same move proposed twice is estimated once."""

    def __init__(self, look: Look, estimator: Estimator) -> None:
        self.look = look
        self.estimator = estimator
        self.failures: list[str] = []
        self.moved: dict[Move, Graph] = {}
        """What the moves that apply make of the graph."""
        self._outcomes: dict[Move, Outcome | None] = {}

    def outcome(self, move: Move) -> Outcome | None:
        """What ``move`` does to the model; None where it does not apply."""
        if move not in self._outcomes:
            self._outcomes[move] = self._try(move)
        return self._outcomes[move]

    @contextmanager
    def guarded(self, who: str) -> Iterator[None]:
        """Rules, moves and cost models may be a third party's, and nobody has seen all graphs: what raises costs its
        own advice only, and is named in the report."""
        try:
            yield
        except Exception as e:
            told = f"{who} raised {type(e).__name__}: {e}"
            if told not in self.failures:
                self.failures.append(told)

    def _try(self, move: Move) -> Outcome | None:
        with self.guarded(f"{type(move).__name__} on {self.look.target.name}"):
            return self._tried(move)
        return None

    def _tried(self, move: Move) -> Outcome | None:
        look = self.look
        try:
            moved = move.apply(look.graph)
        except MoveError:
            return None
        after = self.estimator.restimate(look.costs, look.graph, moved, look.target)
        self.moved[move] = moved
        gain = look.costs.latency_us - after.latency_us
        return Outcome(move, after, gain, _share(gain, look.costs) * 100)


def advise(
    graph: Graph,
    target: Target,
    estimator: Estimator,
    rules: Iterable[Rule],
    settings: Settings | None = None,
    *,
    costs: Costs | None = None,
    reported: Callable[[Finding], bool] | None = None,
) -> Advised:
    """What ``rules`` say about ``graph`` on ``target``; ``costs`` are the graph's there, where the caller has them.

    ``reported`` says whether a person will be shown a finding (default: all): the others are returned too, since the
    caller must know what its suppressions silence, but count for nothing in what findings save together.
    """
    settings = settings or Settings()
    costs = costs or estimator.estimate(graph, target)
    allowed = limits(target, settings.latency_budget, settings.memory_budget)
    look = Look(graph, target, costs, settings.min_gain, allowed)
    bench = _Bench(look, estimator)
    spoken: dict[str, set[int]] = {}
    candidates = []
    for rule, advices in _collect(bench, rules, settings.sources).values():
        told = set().union(*(spoken.get(code, ()) for code in rule.yields_to))
        made = _candidate(rule, [a for a in advices if a.op not in told], bench, settings)
        if made is not None:
            candidates.append(made[0])
            spoken.setdefault(rule.code, set()).update(part.advice.op for part in made[1])
    candidates.sort(key=lambda c: -(c.gain_us if c.gain_us is not None else 0.0))
    shown = [c for c in candidates if reported is None or reported(c.finding)]
    together = 0.0
    with bench.guarded(f"adding up what findings save on {target.name}"):
        together = resolve(shown, look, estimator)
    return Advised([c.finding for c in candidates], together, bench.failures)


# ---- places


def _collect(
    bench: _Bench, rules: Iterable[Rule], sources: Sources
) -> dict[tuple[str, Any], tuple[Rule, list[Advice]]]:
    """Advice by (code, source place), rule after rule."""
    places: dict[tuple[str, Any], tuple[Rule, list[Advice]]] = {}
    look = bench.look
    for rule in rules:
        with bench.guarded(f"rule {rule.code}"):
            for advice in rule.check(look):
                key = rule.code, origin(look.graph, advice, sources) or advice.op
                places.setdefault(key, (rule, []))[1].append(advice)
    return places


# ---- one place


def _candidate(
    rule: Rule, advices: Sequence[Advice], bench: _Bench, settings: Settings
) -> tuple[Candidate, list[Part]] | None:
    """The finding for all of one rule's advice at one place with the advice in it, or None where that is too little."""
    look = bench.look
    threshold = settings.min_gain * look.costs.latency_us
    bounds = [a.bound_us for a in advices if a.bound_us is not None]
    if len(bounds) == len(advices) and sum(bounds) < threshold:
        return None
    parts = [
        part
        for advice in advices
        if (advice.bound_us is None or advice.bound_us >= threshold / len(advices))
        and (part := _part(rule, advice, bench)) is not None
    ]
    if not parts:
        return None
    parts.sort(key=lambda p: -(p.outcomes[0].gain_us if p.outcomes else 0.0))
    keep = any(p.advice.keep for p in parts)
    whole = _whole([p.outcomes[0] for p in parts if p.outcomes], bench, keep)
    if not keep and (whole is None or whole.gain_us < threshold):
        return None
    finding = compose(rule, parts, whole, look, settings.sources, settings.model)
    moves = () if whole is None else whole.move.moves if isinstance(whole.move, Together) else (whole.move,)
    return Candidate(finding, moves, None if whole is None else bench.moved[whole.move], finding.gain_us), parts


def _part(rule: Rule, advice: Advice, bench: _Bench) -> Part | None:
    """What one piece of advice says once its moves are tried; None where it stays silent."""
    outcomes = [o for m in advice.moves if (o := bench.outcome(m)) is not None]
    if advice.moves and not outcomes:
        return None
    if not advice.keep and max((o.gain_us for o in outcomes), default=0.0) <= 0:
        return None
    message = None
    with bench.guarded(f"rule {rule.code}"):
        message = advice.explain(outcomes)
    return None if message is None else Part(advice, message, sorted(outcomes, key=lambda o: -o.gain_us))


def _whole(outcomes: Sequence[Outcome], bench: _Bench, keep: bool) -> Outcome | None:
    """The outcome of all the parts' best moves at once; of the first alone where all do not apply or gain less (unless
    the rule is not about the gain)."""
    if not outcomes:
        return None
    together = bench.outcome(Together(tuple(dict.fromkeys(o.move for o in outcomes)))) if len(outcomes) > 1 else None
    return together if together is not None and (keep or together.gain_us >= outcomes[0].gain_us) else outcomes[0]


def _share(us: float, costs: Costs) -> float:
    return us / costs.latency_us if costs.latency_us else 0.0
