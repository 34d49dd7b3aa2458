"""Long check: do fixes that promise to be faster please the compiler too?

    python -m tests.corpus.verify_gains [CHECKOUT...] --table docs/verify-gains.md --figure docs/images/gains.svg

Copies of packages and checkouts are audited for Ethos-U targets; findings of every kind that promise at least 1 % are
asked for their fixes, and Vela compiles the models before and after each. A fix is verified, so the model after it is
the moved graph. A journal keeps what is done, and a run that was stopped goes on there; it ends when enough fixes are
compiled. Exits with 1 when a requirement fails.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.estimator.backends.vela import VELA
from advisor.fixes.fix import certain
from advisor.fixes.fixer import Fixer
from advisor.fixes.proposal import Unfixable
from advisor.graph import Graph
from advisor.moves import from_plain
from advisor.plan import Plans
from advisor.session import Session
from advisor.targets import Target
from advisor.texts import Texts

from .fix_projects import SECONDS, TARGETS, Journal, copies, jobs_of, parser, workers

WORTH = 1.0
"""Percent that a fix promises at least, to be compiled."""
COMPILED, FASTER = 200, 0.97
"""Requirements: how many fixes are compiled, and which share of them the compiler finds faster."""
EACH = 10
"""Findings of a file, at most, drawn by chance."""


@dataclass(slots=True)
class Gain:
    """A verified fix: what it promises and what the compiler says, in percent of the model's latency; ``error_percent``
    is how far off the promise may be (90 %), ``why`` says why the compiler said nothing."""

    file: str
    model: str
    target: str
    code: str
    line: int
    predicted_percent: float
    error_percent: float | None = None
    true_percent: float | None = None
    why: str = ""

    @property
    def certain(self) -> bool:
        """Whether `advisor fix` applies it unasked."""
        return certain(self.predicted_percent, self.error_percent)


def compiled(path: Path, name: str) -> list[Gain]:
    """The fixes of a file's models, compiled."""
    out = []
    before: dict[tuple[int, str], float | str] = {}
    with Session(
        Plans({"targets": list(TARGETS), "min_gain": WORTH, "time_limit": SECONDS}), shared=workers()
    ) as session:
        report = session.file(path)
        assert report is not None
        fixer = Fixer(session, path, Texts(), models=report.models)
        targets = {t.name: t for t in session.plans.of(path).targets}
        findings = [(model, finding) for model in report.models for finding in model.findings if finding.gain_percent]
        for model, finding in random.Random(name).sample(findings, min(EACH, len(findings))):
            try:
                fix = fixer.fix(model, finding)
            except Unfixable:
                continue
            if model.graph is None or finding.target is None or (fix.gain_percent or 0.0) < WORTH:
                continue
            if (id(model), finding.target) not in before:
                before[id(model), finding.target] = _latency(model.graph, targets[finding.target])
            was = before[id(model), finding.target]
            now = _latency(from_plain(fix.move).apply(model.graph), targets[finding.target])
            gain = Gain(name, model.name, finding.target, finding.code, finding.span.line, fix.gain_percent or 0.0)
            if fix.gain_error_us is not None and fix.gain_us:
                gain.error_percent = gain.predicted_percent * fix.gain_error_us / fix.gain_us
            if isinstance(was, str) or isinstance(now, str):
                gain.why = next(said for said in (was, now) if isinstance(said, str))
            else:
                gain.true_percent = 100 * (1 - now / was)
            out.append(gain)
    return out


def _latency(graph: Graph, target: Target) -> float | str:
    """By Vela, in µs; or why it says nothing."""
    try:
        return VELA.measure(graph, target).latency_us
    except Exception as e:  # the compiler's own, for this model
        return " ".join(str(e).split()) or type(e).__name__


def table(gains: Sequence[Gain]) -> tuple[str, bool]:
    """The page as Markdown, and whether a requirement failed."""
    known = [g for g in gains if g.true_percent is not None and g.certain]
    slower = [g for g in known if not _faster(g)]
    faster = len(known) - len(slower)
    share = faster / len(known) if known else 0.0
    left = [g for g in gains if g.true_percent is not None and not g.certain]
    silent = Counter(g.why for g in gains if g.true_percent is None)
    lines = [
        "# Fixes by the compiler",
        "",
        f"Written by `make verify-gains`: verified fixes that promise at least {WORTH:g} % on an Ethos-U target, of "
        f"{len({g.file for g in gains})} files, with Vela's estimates of the models before and after. Those "
        "whose saving may be none, for the cost model's error, `advisor fix` leaves unless it is told otherwise.",
        "",
        "| | measured | required |",
        "|---|---:|---:|",
        f"| fixes that are applied, compiled | {len(known)} | {COMPILED} |",
        f"| of these faster by the compiler | {faster} ({100 * share:.1f} %) | {100 * FASTER:.0f} % |",
        f"| fixes that are left, their saving may be none: faster by the compiler | {_of(left)} | |",
        f"| fixes that the compiler could not say anything of | {silent.total()} | |",
        "",
        "| rule | target | fixes | faster | promised, median | true, median |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for (code, target), n in sorted(Counter((g.code, g.target) for g in known).items()):
        own = [g for g in known if (g.code, g.target) == (code, target)]
        promised, true = _median([g.predicted_percent for g in own]), _median([g.true_percent or 0.0 for g in own])
        lines.append(f"| {code} | {target} | {n} | {sum(map(_faster, own))} | {promised:.1f} % | {true:.1f} % |")
    if slower:
        lines += ["", "## Not faster", ""]
        lines += [
            f"- {g.file}:{g.line} {g.code} of `{g.model}` on {g.target}: "
            f"promised {g.predicted_percent:.1f} %, true {g.true_percent:.1f} %"
            for g in slower
        ]
    if silent:
        lines += ["", "## Where the compiler says nothing", ""]
        lines += [f"- {n}: {why}" for why, n in silent.most_common(10)]
    return "\n".join(lines) + "\n", len(known) < COMPILED or share < FASTER


def _faster(gain: Gain) -> bool:
    return (gain.true_percent or 0.0) > 0


def _of(gains: Sequence[Gain]) -> str:
    return f"{sum(map(_faster, gains))} of {len(gains)}"


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def plot(gains: Sequence[Gain], figure: Path) -> None:
    """Promised against true gain, a point each, by target."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    axes = pyplot.figure(figsize=(5.5, 5)).gca()
    known = [g for g in gains if g.true_percent is not None]
    for n, target in enumerate(TARGETS):
        for applied in (True, False):
            some = [g for g in known if g.target == target and g.certain == applied]
            x, y = [g.predicted_percent for g in some], [g.true_percent or 0.0 for g in some]
            label = f"{target} ({len(some)})" if applied else f"left, it may save nothing ({len(some)})"
            face = f"C{n}" if applied else "none"
            axes.scatter(x, y, s=14, alpha=0.7, facecolors=face, edgecolors=f"C{n}", label=label)
    top = max(g.predicted_percent for g in known) * 1.05
    axes.plot([0, top], [0, top], linewidth=0.8, color="grey")
    axes.axhline(0, linewidth=0.8, color="black")
    axes.set_xlabel("promised gain, % of the model's latency (predicted)")
    axes.set_ylabel("gain by the compiler, % (vendor estimate)")
    axes.legend()
    figure.parent.mkdir(parents=True, exist_ok=True)
    pyplot.savefig(figure, bbox_inches="tight", metadata={"Date": None} if figure.suffix == ".svg" else None)


def main() -> int:
    told = parser(__doc__, Path("build/gains"), 12, 7)
    told.add_argument("--figure", type=Path, metavar="FILE")
    args = told.parse_args()
    folder = args.work.resolve()
    journal = Journal(folder / "journal.jsonl")
    jobs = jobs_of(copies(folder / "copies", [c.resolve() for c in args.checkouts]), args.files, args.seed)

    def enough() -> bool:
        gains = [Gain(**value) for value in journal.values("gains")]
        return sum(g.certain and g.true_percent is not None for g in gains) >= COMPILED

    journal.work("gains", jobs, args.jobs, compiled, enough)
    gains = [Gain(**value) for value in journal.values("gains")]
    text, failed = table(gains)
    if args.figure and any(g.true_percent is not None for g in gains):
        plot(gains, args.figure)
        text += f"\n![Promised against true gain](images/{args.figure.name})\n"
    if args.table:
        args.table.write_text(text, encoding="utf-8")
    print(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
