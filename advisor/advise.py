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

from .costs import Costs, Estimator
from .findings import Finding, Related
from .graph import Graph, Op, Span
from .jointly import Candidate, resolve
from .moves import Move, MoveError, Together
from .rule import Advice, Look, Outcome, Rule
from .targets import Target
from .units import percent, time

NOWHERE = Span("", 1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a caller decides. ``min_gain`` is a share of the model's latency, 0 to 1; ``memory_budget`` in bytes,
    None for the target's own. ``model`` names the findings' model and ``span`` is where it is defined: findings of
    layers whose source is unknown stand there. ``file``: of a chain of calls that created a layer, the finding stands
    on the innermost in this file (a helper imported from elsewhere is rarely what the author of ``file`` can edit).
    """

    min_gain: float = 0.01
    memory_budget: int | None = None
    model: str = ""
    file: str = ""
    span: Span = NOWHERE


@dataclass(slots=True)
class Advised:
    """``findings`` with the largest gain first; ``together_us`` is what the latency falls by when all of them that do
    not overlap are applied at once. ``failures`` names rules that raised, with the error."""

    findings: list[Finding]
    together_us: float
    failures: list[str] = field(default_factory=list)


class _Bench:
    """Tries moves on one graph and target; the same move proposed twice is estimated once."""

    def __init__(self, look: Look, estimator: Estimator) -> None:
        self.look = look
        self.estimator = estimator
        self.failures: list[str] = []
        self._outcomes: dict[Move, Outcome | None] = {}

    def outcome(self, move: Move) -> Outcome | None:
        """What ``move`` does to the model; None where it does not apply."""
        if move not in self._outcomes:
            self._outcomes[move] = self._try(move)
        return self._outcomes[move]

    @contextmanager
    def guarded(self, code: str) -> Iterator[None]:
        """A rule may be a third party's: one that raises costs its own advice only, and is named in the report."""
        try:
            yield
        except Exception as e:
            self.failures.append(f"rule {code} raised {type(e).__name__}: {e}")

    def _try(self, move: Move) -> Outcome | None:
        look = self.look
        try:
            moved = move.apply(look.graph)
        except MoveError:
            return None
        after = self.estimator.restimate(look.costs, look.graph, moved, look.target)
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
    look = Look(graph, target, costs, settings.min_gain, settings.memory_budget)
    bench = _Bench(look, estimator)
    places = _collect(bench, rules, settings.file)
    candidates = [c for (code, _), a in places.items() if (c := _candidate(code, a, bench, settings)) is not None]
    candidates.sort(key=lambda c: -(c.gain_us if c.gain_us is not None else 0.0))
    shown = [c for c in candidates if reported is None or reported(c.finding)]
    together = resolve(shown, look, estimator)
    return Advised([c.finding for c in candidates], together, bench.failures)


# ---- places


def _collect(bench: _Bench, rules: Iterable[Rule], file: str) -> dict[tuple[str, Any], list[Advice]]:
    """Advice by (code, source place)."""
    places: dict[tuple[str, Any], list[Advice]] = {}
    look = bench.look
    for rule in rules:
        with bench.guarded(rule.code):
            for advice in rule.check(look):
                places.setdefault((rule.code, _origin(look.graph, advice, file) or advice.op), []).append(advice)
    return places


def _chain(graph: Graph, op: Op) -> tuple[Span, ...]:
    """The places that made ``op``, innermost first: its module's creation outwards; a function's call."""
    if op.module and op.path in graph.modules:
        return graph.modules[op.path].created
    return (op.call,) if op.call is not None else ()


def _origin(graph: Graph, advice: Advice, file: str) -> tuple[Span, ...]:
    """The chain of calls that made what the advice is about; advice with the same chain shares a finding. A block's
    starts with what all its layers have in common, unless that lies outside ``file`` and the layers do not.

    Without any, advice shares nothing: that two modules of unknown origin are called on one line says nothing about
    where their widths come from.
    """
    chain = _chain(graph, graph.by_key[advice.op])
    if not advice.block:
        return chain
    shared = chain
    for other in (_chain(graph, graph.by_key[k]) for k in advice.layers):
        while shared and shared != other[-len(shared) :]:
            shared = shared[1:]
    files = {s.file for s in shared}
    return shared if file in files or (shared and file not in {s.file for s in chain}) else chain


def _span(graph: Graph, advice: Advice, settings: Settings) -> tuple[Span, tuple[Span, ...]]:
    """Where a finding stands, and the other places on its chain."""
    chain = _origin(graph, advice, settings.file)
    outside = graph.by_key[advice.op].call or settings.span
    here = next((s for s in chain if s.file == settings.file), chain[0] if chain else outside)
    return here, tuple(dict.fromkeys(s for s in chain if s != here))


# ---- one place


def _candidate(code: str, advices: Sequence[Advice], bench: _Bench, settings: Settings) -> Candidate | None:
    """The finding for all of one rule's advice at one place, or None where it comes to too little."""
    look = bench.look
    threshold = settings.min_gain * look.costs.latency_us
    bounds = [a.bound_us for a in advices if a.bound_us is not None]
    if len(bounds) == len(advices) and sum(bounds) < threshold:
        return None
    parts: list[tuple[Advice, str, list[Outcome]]] = []
    for advice in advices:
        if advice.bound_us is not None and advice.bound_us < threshold / len(advices):
            continue
        outcomes = [o for m in advice.moves if (o := bench.outcome(m)) is not None]
        if advice.moves and not outcomes:
            continue
        best = max((o.gain_us for o in outcomes), default=0.0)
        if best <= 0 and not advice.keep:
            continue
        message = None
        with bench.guarded(code):
            message = advice.explain(outcomes)
        if message is not None:
            parts.append((advice, message, sorted(outcomes, key=lambda o: -o.gain_us)))
    if not parts:
        return None
    parts.sort(key=lambda p: -(p[2][0].gain_us if p[2] else 0.0))
    keep = any(a.keep for a, _, _ in parts)
    whole = _whole([outcomes[0] for _, _, outcomes in parts if outcomes], bench, keep)
    if not keep and (whole is None or whole.gain_us < threshold):
        return None
    finding = _finding(code, parts, whole, look, settings)
    moves = () if whole is None else whole.move.moves if isinstance(whole.move, Together) else (whole.move,)
    return Candidate(finding, moves, None if whole is None else whole.gain_us)


def _whole(outcomes: Sequence[Outcome], bench: _Bench, keep: bool) -> Outcome | None:
    """The outcome of all the parts' best moves at once; of the first alone where all do not apply or gain less (unless
    the rule is not about the gain)."""
    if not outcomes:
        return None
    together = bench.outcome(Together(tuple(dict.fromkeys(o.move for o in outcomes)))) if len(outcomes) > 1 else None
    return together if together is not None and (keep or together.gain_us >= outcomes[0].gain_us) else outcomes[0]


def _finding(
    code: str,
    parts: Sequence[tuple[Advice, str, list[Outcome]]],
    whole: Outcome | None,
    look: Look,
    settings: Settings,
) -> Finding:
    lead, message, _ = parts[0]
    graph = look.graph
    here, around = _span(graph, lead, settings)
    keys = sorted({k for a, _, _ in parts for k in (a.layers or (a.op,))}, key=graph.position.__getitem__)
    related = [Related(s, "created from here") for s in around]
    for advice, _, _ in parts:
        for key, text in advice.related:
            if (site := graph.site(graph.by_key[key])) is not None:
                related.append(Related(site, text))
    return Finding(
        code=code,
        message=message + _more(len(parts) - 1, whole),
        span=here,
        model=settings.model,
        target=look.target.name,
        gain_us=None if whole is None else whole.gain_us,
        gain_percent=None if whole is None else whole.gain_percent,
        label=None if whole is None else whole.after.label,
        move=None if whole is None else whole.move.to_plain(),
        alternatives=[
            _alternative(o, graph)
            for _, _, outcomes in parts
            for o in outcomes
            if whole is None or o.move != whole.move
        ],
        related=related,
        layers=list(dict.fromkeys(_name(graph.by_key[k]) for k in keys)),
        severity=lead.severity,
    )


def _more(others: int, whole: Outcome | None) -> str:
    """The end of a message that speaks for several layers."""
    if not others:
        return ""
    text = f"; likewise {others} more from this line"
    if whole is None:
        return text
    if abs(whole.gain_percent) < 0.05:
        return f"{text}, together at no cost"
    verb = "save" if whole.gain_us >= 0 else "cost"
    amount = f"{time(abs(whole.gain_us))} ({percent(abs(whole.gain_percent))})"
    return f"{text}: together they {verb} {amount}"


def _alternative(outcome: Outcome, graph: Graph) -> dict[str, Any]:
    return {
        "move": outcome.move.to_plain(),
        "describe": outcome.move.describe(graph),
        "gain_us": outcome.gain_us,
        "gain_percent": outcome.gain_percent,
        "peak_bytes": outcome.after.peak.bytes,
    }


def _name(op: Op) -> str:
    return op.path if op.module and op.path else op.target


def _share(us: float, costs: Costs) -> float:
    return us / costs.latency_us if costs.latency_us else 0.0
