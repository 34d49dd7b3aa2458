"""A validation as a table in Markdown, as figures and as a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .. import plots
from .validation import COUNTED, LEAST_EFFECT, Judged, Validation

WORST = 10
SEEN = {
    "test": "networks that were looked at, one by one, while predictors were made",
    "final": "networks that were not: only these totals are shown",
}
"""What stands behind a split: no network of either was trained on."""


def summary(made: Validation) -> list[tuple[str, str]]:
    """What a validation comes to, as (what, value)."""
    lines = [
        ("networks", f"{len(made.networks)} of {len(made.families)} families, none of which was trained on"),
        ("ground truth", made.basis),
        ("mean absolute error", _percent(made.mape)),
        ("median absolute error", _percent(made.median)),
        ("within ±10 %", _percent(made.within(0.10))),
        ("within ±20 %", _percent(made.within(0.20))),
        (
            f"kernels of at least {100 * COUNTED:.1f} % of their network: mean absolute error",
            _percent(made.kernel_mape),
        ),
        ("90 % intervals that hold the truth", _percent(made.coverage)),
        ("Spearman's rank correlation", f"{made.spearman:.4f}"),
    ]
    if made.repeat > 0:
        lines.append(("the measurements' own spread (interquartile range over median)", _percent(made.repeat)))
    if made.decisions:
        tried = len({d.name for d in made.decisions})
        moves = (
            f"{len(made.decisions)} random moves on {tried} of the networks, with a true effect of at least "
            f"{100 * LEAST_EFFECT:.0f} %"
        )
        lines += [
            (f"{moves}: right sign", _percent(made.signs)),
            ("Kendall's τ of their gains", f"{made.kendall:.3f}"),
            ("90 % intervals of their gains that hold the truth", _percent(made.gain_coverage)),
        ]
    return lines


def table(made: Validation, failures: bool = True) -> str:
    """The whole validation in Markdown. Of the split ``final`` no single error is shown: who looks at one and mends
    what causes it has no untouched networks any more. ``failures``: also what was not measured."""
    lines = [f"## {made.target}: {SEEN[made.split]}", "", *(f"- {what}: {value}" for what, value in summary(made))]
    if made.split == "test" and made.networks:
        lines += ["", *_singly(made)]
    if failures and made.failures:
        lines += ["", "Not measured:", ""]
        lines += [f"- {f.name}: {f.why}" for f in made.failures]
    return "\n".join(lines)


def _singly(made: Validation) -> list[str]:
    """By family, and the worst networks."""
    lines = ["| family | networks | mean error | worst |", "|---|---:|---:|---|"]
    for family in made.families:
        mine = [n for n in made.networks if n.family == family]
        worst = max(mine, key=lambda n: abs(n.error))
        mean = sum(abs(n.error) for n in mine) / len(mine)
        lines.append(f"| {family} | {len(mine)} | {_percent(mean)} | {worst.name} {100 * worst.error:+.1f} % |")
    lines += ["", f"The {WORST} worst networks:", "", "| network | truth | predicted | error |", "|---|---:|---:|---:|"]
    return lines + [_row(n) for n in sorted(made.networks, key=lambda n: -abs(n.error))[:WORST]]


def _row(n: Judged) -> str:
    return f"| {n.name} | {n.truth_us / 1e3:.2f} ms | {n.predicted_us / 1e3:.2f} ms | {100 * n.error:+.1f} % |"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def write(made: Validation, folder: Path) -> Iterator[Path]:
    """The plot as PNG and SVG and a page that holds it with the numbers; yields what it wrote. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    points = [plots.Point(n.name, n.truth_us, n.predicted_us, n.low_us, n.high_us) for n in made.networks]
    figure = plots.scatter(points, f"{made.target}: networks of families never trained on", made.basis)
    for suffix in (".png", ".svg"):
        path = folder / f"{made.target}{suffix}"
        plots.save(figure, path)
        yield path
    rows = [
        [n.name, n.family, f"{n.truth_us:.1f}", f"{n.predicted_us:.1f}", f"{100 * n.error:+.1f}"] for n in made.networks
    ]
    numbers = plots.Numbers("Networks", ("network", "family", "truth, µs", "predicted, µs", "error, %"), rows)
    said = "; ".join(f"{what}: {value}" for what, value in summary(made))
    path = folder / f"{made.target}.html"
    path.write_text(
        plots.page(f"{made.target}: predicted and true", said, [("Predicted over truth", figure)], [numbers]), "utf-8"
    )
    yield path
