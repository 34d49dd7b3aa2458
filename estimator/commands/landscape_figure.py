"""The figures of ``advisor landscape``."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from advisor.landscape import Line, Surface

from .. import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .landscape import Drawn


def landscape(drawn: Drawn, title: str, said: str) -> Figure:
    """Three surfaces over two channel groups, and below them the curves over the multiplier of all."""
    with plots.style():
        figure = plots.new(12.5, 9.2 if drawn.surface else 5)
        figure.suptitle(f"{title}\n", x=0.012, ha="left", fontsize=14, fontweight="bold")
        figure.text(0.012, 0.945 if drawn.surface else 0.9, f"latency: {said}", color=plots.FAINT)
        if drawn.surface is None:
            _multiplier(figure.subplots(), drawn.multiplier, drawn.kind)
            return figure
        halves: Any = figure.subfigures(2, 1, height_ratios=(1.25, 1), hspace=0.02)
        upper, lower = halves
        _surfaces(upper, drawn.surface, [_short(drawn.names[g.key]) for g in drawn.surface.groups], drawn.kind)
        _multiplier(lower.subplots(), drawn.multiplier, drawn.kind)
        return figure


def _short(path: str) -> str:
    return path if len(path) <= 22 else "…" + path[-21:]


def _surfaces(figure: Any, surface: Surface, names: Sequence[str], kind: str) -> None:
    import numpy as np

    flops = np.array([[2 * s.macs / 1e9 for s in row] for row in surface.real])
    real = np.array([[s.latency_us / 1e3 for s in row] for row in surface.real])
    curated = np.array(surface.curated) / 1e3
    panels = (
        ("FLOPs: smooth", "GFLOPs", surface.widths, flops, "cividis"),
        ("hardware: rocky", f"ms, {kind}", surface.widths, real, "viridis"),
        ("curated: monotonic", f"ms, {kind}", surface.curated_widths, curated, "viridis"),
    )
    for i, (title, label, widths, values, colours) in enumerate(panels):
        axes = figure.add_axes((0.03 + 0.33 * i, 0.0, 0.3, 1.0), projection="3d", computed_zorder=False)
        axes.set_title(title, loc="center", y=0.985)
        if min(values.shape) < 2:
            axes.text2D(0.5, 0.5, "no two widths suit this target here", transform=axes.transAxes, ha="center")
            axes.set_axis_off()
            continue
        x, y = np.meshgrid(widths[0], widths[1], indexing="ij")
        low, high = (real.min(), real.max()) if i else (values.min(), values.max())
        axes.plot_surface(
            x, y, values, cmap=colours, vmin=low, vmax=high, rcount=60, ccount=60, lw=0.15, edgecolor="#ffffff55"
        )
        if i == 2:
            axes.scatter(x, y, values, color=plots.ORANGE, s=14, depthshade=False)
        axes.set_zlim(low, high)
        axes.set_xlim(surface.widths[0][0], surface.widths[0][-1])
        axes.set_ylim(surface.widths[1][0], surface.widths[1][-1])
        axes.set_xlabel(f"{names[0]}\nchannels", labelpad=8, fontsize=8.5)
        axes.set_ylabel(f"{names[1]}\nchannels", labelpad=8, fontsize=8.5)
        axes.set_zlabel(label, labelpad=5, fontsize=9)
        axes.tick_params(labelsize=7.5, pad=1)
        axes.view_init(elev=27, azim=-128)
        axes.set_box_aspect((1, 1, 0.78), zoom=0.92)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_pane_color("#f7f9fa")


def _multiplier(axes: Any, line: Line, kind: str) -> None:
    real, curated = line.real, line.curated
    xs = [s.at[0] for s in real]
    as_written = min(real, key=lambda s: abs(s.at[0] - 1))
    scale = as_written.latency_us / as_written.macs / 1e3
    axes.plot(xs, [s.macs * scale for s in real], color=plots.FAINT, ls="--", lw=1.3, label="FLOPs, to the same scale")
    lows, highs = [s.low_us for s in real], [s.high_us for s in real]
    if None not in lows and None not in highs:
        axes.fill_between(
            xs,
            [(v or 0) / 1e3 for v in lows],
            [(v or 0) / 1e3 for v in highs],
            color=plots.BLUE,
            alpha=0.12,
            lw=0,
            label="its 90 % interval",
        )
    axes.plot(xs, [s.latency_us / 1e3 for s in real], color=plots.BLUE, lw=1.6, label=f"every width ({kind})")
    axes.step(
        [s.at[0] for s in curated],
        [s.latency_us / 1e3 for s in curated],
        where="post",
        color=plots.ORANGE,
        marker="o",
        ms=5,
        lw=1.6,
        label=f"curated ({kind})",
    )
    axes.axvline(1, color=plots.FAINT, lw=0.8)
    axes.annotate("as written", (1, axes.get_ylim()[1]), xytext=(5, -10), textcoords="offset points", color=plots.FAINT)
    axes.set_title("All channel counts times one ratio")
    axes.set_xlabel("depth multiplier")
    axes.set_ylabel("latency, ms")
    axes.set_xlim(xs[0], xs[-1])
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left")


def widths(drawn: Drawn) -> Figure:
    """A small panel a channel group: every width, the curated ones, and the one it has."""
    with plots.style():
        columns = min(3, len(drawn.lines))
        rows = ceil(len(drawn.lines) / columns)
        figure = plots.new(4.1 * columns, 2.5 * rows + 0.6)
        figure.suptitle(
            f"One channel group at a time: latency of the model in ms over its channels, {drawn.kind}",
            x=0.012,
            ha="left",
        )
        several = figure.subplots(rows, columns, squeeze=False).flat
        for axes, (group, line) in zip(several, drawn.lines, strict=False):
            axes.plot([s.at[0] for s in line.real], [s.latency_us / 1e3 for s in line.real], color=plots.BLUE, lw=1.4)
            axes.plot(
                [s.at[0] for s in line.curated],
                [s.latency_us / 1e3 for s in line.curated],
                ls="",
                marker="o",
                ms=5,
                color=plots.ORANGE,
            )
            axes.axvline(group.width, color=plots.FAINT, lw=0.8)
            axes.set_title(f"{_short(drawn.names[group.key])}, now {group.width}", fontsize=9.5)
            axes.ticklabel_format(useOffset=False)
            axes.tick_params(labelsize=8)
        for axes in list(several)[len(drawn.lines) :]:
            axes.set_axis_off()
        return figure
