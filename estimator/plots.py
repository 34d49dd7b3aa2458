"""Figures, all in one style: light, safe for the colour-blind, with units, and with what the numbers are.

matplotlib is an extra. It is imported when the first figure is drawn and never through ``pyplot``, so nothing here
opens a window or keeps state.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.cli.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9"
"""Okabe and Ito's colours."""

INK, FAINT, GRID = "#1f2933", "#6b7785", "#e4e8ec"

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "advisor",
}

PNG_DPI = 160


@contextmanager
def style() -> Iterator[None]:
    """What is drawn and saved inside has the advisor's style; raises :class:`UsageError` without matplotlib."""
    try:
        from matplotlib import rc_context
    except ImportError as e:
        raise UsageError("plots need matplotlib; install it with `pip install 'nas-advisor[plots]'`") from e
    with rc_context(_STYLE):
        yield


def new(width: float, height: float) -> Figure:
    """An empty figure of so many inches, laid out without overlaps; to be called inside :func:`style`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


# ---- predicted against truth


@dataclass(frozen=True, slots=True)
class Point:
    """A network, or a kernel: what it costs and what was predicted, in microseconds, with the prediction's interval."""

    name: str
    truth_us: float
    predicted_us: float
    low_us: float | None = None
    high_us: float | None = None

    @property
    def error(self) -> float:
        """Relative to the truth: 0.1 is ten per cent too slow."""
        return self.predicted_us / self.truth_us - 1


def scatter(points: Sequence[Point], title: str, truth: str, band: float = 0.10) -> Figure:
    """Predictions over truth on logarithmic axes, their relative errors below; ``truth`` says what the truth is
    (``vendor estimate, ethos-u-vela 5.2.0``), ``band`` the relative error that is shaded and counted."""
    with style():
        figure = new(7, 7.4)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.15))
        _scattered(upper, points, band)
        lower.axhspan(-100 * band, 100 * band, color=BLUE, alpha=0.10, lw=0)
        lower.axhline(0, color=FAINT, lw=0.9)
        for part, colour in _split(points, band):
            lower.scatter([p.truth_us / 1e3 for p in part], [100 * p.error for p in part], s=18, color=colour, lw=0)
        within = sum(abs(p.error) <= band for p in points) / len(points)
        mean = sum(abs(p.error) for p in points) / len(points)
        upper.set_title(f"{title}\n")
        upper.text(
            0,
            1.02,
            f"n = {len(points)}   mean absolute error {100 * mean:.1f} %   "
            f"within ±{100 * band:.0f} %: {100 * within:.1f} %",
            transform=upper.transAxes,
            color=FAINT,
        )
        upper.set_ylabel("predicted latency, ms")
        lower.set_ylabel("error, %")
        lower.set_xlabel(f"latency, ms ({truth})")
        return figure


def _split(points: Sequence[Point], band: float) -> Iterator[tuple[list[Point], str]]:
    yield [p for p in points if abs(p.error) <= band], BLUE
    yield [p for p in points if abs(p.error) > band], VERMILION


def _scattered(axes: Axes, points: Sequence[Point], band: float) -> None:
    values = [v / 1e3 for p in points for v in (p.truth_us, p.predicted_us)]
    ends = [min(values) / 1.3, max(values) * 1.3]
    axes.fill_between(
        ends, [(1 - band) * e for e in ends], [(1 + band) * e for e in ends], color=BLUE, alpha=0.10, lw=0
    )
    axes.plot(ends, ends, color=FAINT, lw=0.9)
    for part, colour in _split(points, band):
        known = [p for p in part if p.low_us is not None and p.high_us is not None]
        axes.vlines(
            [p.truth_us / 1e3 for p in known],
            [(p.low_us or 0) / 1e3 for p in known],
            [(p.high_us or 0) / 1e3 for p in known],
            color=colour,
            alpha=0.35,
            lw=1,
        )
        axes.scatter([p.truth_us / 1e3 for p in part], [p.predicted_us / 1e3 for p in part], s=18, color=colour, lw=0)
    for p in sorted(points, key=lambda p: -abs(p.error))[:6]:
        if abs(p.error) > band:
            axes.annotate(
                f"{p.name}  {100 * p.error:+.0f} %",
                (p.truth_us / 1e3, p.predicted_us / 1e3),
                xytext=(7, -3),
                textcoords="offset points",
                fontsize=8,
                color=VERMILION,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(ends[0], ends[1])
    axes.set_ylim(ends[0], ends[1])
    plain_ticks(axes.xaxis)
    plain_ticks(axes.yaxis)


def plain_ticks(axis: Any) -> None:
    """Ticks of a logarithmic axis as plain numbers: 0.2, 0.5, 1, 2, 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


# ---- a cost over widths


@dataclass(frozen=True, slots=True)
class Series:
    """A line: what it is (``predicted``, ``compiled: vendor estimate``), and its values over the common widths."""

    name: str
    values: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


_MARKS = ((BLUE, "o"), (VERMILION, "x"), (GREEN, "s"), (PURPLE, "^"))


def staircase(panels: Mapping[str, Sequence[Series]], widths: Sequence[int], x: str, y: str, step: int = 8) -> Figure:
    """Costs over widths, a panel a target, whose first series is drawn as points and the others as lines; ``step`` are
    the widths that get a grid line."""
    with style():
        figure = new(4.3 * len(panels) + 0.4, 3.9)
        several = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, series) in zip(several, panels.items(), strict=True):
            for i, line in enumerate(series):
                colour, mark = _MARKS[i % len(_MARKS)]
                if i == 0:
                    axes.plot(widths, line.values, ls="", marker=mark, ms=5, mfc="none", color=colour, label=line.name)
                    continue
                axes.plot(widths, line.values, color=colour, label=line.name, lw=1.5)
                if line.low is not None and line.high is not None:
                    axes.fill_between(
                        widths, line.low, line.high, color=colour, alpha=0.15, lw=0, label="its 90 % interval"
                    )
            axes.set_title(title)
            axes.set_xticks([w for w in widths if w % step == 0])
            axes.set_xlabel(x)
            axes.set_ylim(0, 1.15 * axes.get_ylim()[1])
            axes.legend(loc="upper left")
        several[0].set_ylabel(y)
        return figure


# ---- memory over time


def timeline(live: Sequence[tuple[str, int]], title: str, budget: int | None = None) -> Figure:
    """Activation memory alive during each kernel, in order of execution, as (layer, bytes); ``budget`` in bytes."""
    with style():
        figure = new(9, 3.6)
        axes = figure.subplots()
        sizes = [size / 1024 for _, size in live]
        axes.stairs(sizes, range(len(sizes) + 1), fill=True, color=SKY, alpha=0.35)
        axes.stairs(sizes, range(len(sizes) + 1), color=BLUE, lw=1.5)
        top = max(range(len(sizes)), key=sizes.__getitem__)
        axes.annotate(
            f"{live[top][0]}: {sizes[top]:,.0f} KiB",
            (top + 0.5, sizes[top]),
            xytext=(10, 8),
            textcoords="offset points",
            color=VERMILION,
        )
        axes.plot([top + 0.5], [sizes[top]], "o", color=VERMILION, ms=5)
        if budget is not None:
            axes.axhline(budget / 1024, color=VERMILION, lw=1.2, ls="--", label=f"budget {budget / 1024:,.0f} KiB")
            axes.legend()
        axes.set_title(title)
        axes.set_xlabel("kernel, in order of execution")
        axes.set_ylabel("activations alive, KiB")
        axes.set_xlim(0, len(sizes))
        axes.set_ylim(0, 1.15 * max(*sizes, (budget or 0) / 1024))
        return figure


# ---- files


def save(figure: Figure, path: Path) -> None:
    """Write the figure as its suffix says, ``.png`` or ``.svg``; the same figure gives the same bytes."""
    with style():
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, dpi=PNG_DPI, metadata=metadata)


def svg(figure: Figure, title: str) -> str:
    """The figure as an SVG element for a page, ``title`` for those who cannot see it."""
    text = io.StringIO()
    with style():
        figure.savefig(text, format="svg", metadata={"Date": None})
    element = text.getvalue()
    element = element[element.index("<svg") :]
    return re.sub(r"^<svg ", f'<svg role="img" aria-label="{escape(title)}" ', element)


_PAGE_STYLE = """
body { font: 15px/1.55 system-ui, sans-serif; color: #1f2933; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
th, td { text-align: right; padding: .15rem .8rem; border-bottom: 1px solid #e4e8ec; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th { color: #6b7785; font-weight: 500; }
.dim { color: #6b7785; }
details > summary { cursor: pointer; color: #0072b2; }
"""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A table of a page."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def page(title: str, said: str, figures: Sequence[tuple[str, Figure]], tables: Sequence[Numbers] = ()) -> str:
    """A page of figures, each with its title, and the numbers behind them: one file, nothing loaded from elsewhere."""
    drawn = "".join(f"<figure>{svg(figure, name)}</figure>" for name, figure in figures)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_PAGE_STYLE}</style>'
        f'<h1>{escape(title)}</h1><p class="dim">{escape(said)}</p>{drawn}{"".join(map(_table, tables))}</html>\n'
    )


def _table(table: Numbers) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in table.header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    summary = f"<summary>{escape(table.title)}</summary>"
    return f"<details open>{summary}<table><tr>{head}</tr>{body}</table></details>"
