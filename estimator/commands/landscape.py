"""``advisor landscape``: the cost of a model over its widths: smooth in FLOPs, rocky on hardware, curated."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from advisor import packs
from advisor.channels import Group
from advisor.cli.errors import CLEAN, UsageError
from advisor.cli.listing import print_table
from advisor.cli.options import add_engine_options, overrides
from advisor.costs import Label
from advisor.graph import Graph
from advisor.landscape import Landscape, Line, Sample, Surface, steepest, window
from advisor.plan import Plans
from advisor.reports import cells
from advisor.targets import Target
from advisor.units import time

from .. import plots
from . import landscape_figure
from .estimate import costed

RATIOS = tuple(i / 100 for i in range(40, 151))
COARSE = tuple(i / 20 for i in range(8, 31))
REACH = 3
"""How many steps of the target's parallelism are looked at to either side of a width."""

FINE = 8
"""Into how many widths a surface divides such a step; the lines have every width."""

MOST_GROUPS = 12


@dataclass(frozen=True, slots=True)
class Drawn:
    """The landscapes of one model on one target; ``lines`` by channel group, the rockiest first, whose first two make
    the ``surface`` (None where there are no two)."""

    model: str
    target: str
    kind: Label
    basis: str
    multiplier: Line
    lines: tuple[tuple[Group, Line], ...]
    surface: Surface | None
    names: dict[int, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="FILE[::NAME]", help="Python file, and a class or factory in it")
    add_engine_options(parser)
    parser.add_argument(
        "-o",
        "--output-dir",
        metavar="DIR",
        default="landscape",
        help="folder for the figure (PNG, SVG), the page (HTML) and the numbers (JSON, CSV); default ./landscape",
    )


def run(args: argparse.Namespace) -> int:
    """Writes a figure, a page and the numbers for each target, and lists the widths worth considering."""
    with plots.style():
        pass  # without matplotlib there is no use in tracing first
    file = args.model.partition("::")[0]
    _, models = costed(args.model, overrides(args))
    traced = [m for m in models if m.graph is not None and m.rung not in ("hooks", "static")]
    if len(traced) != 1:
        known = ", ".join(m.name for m in traced) or "none"
        raise UsageError(f"{args.model}: name one model that can be traced, as FILE::NAME; there are: {known}")
    (model,) = traced
    assert model.graph is not None  # those without are not among the traced
    folder = Path(args.output_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"-o {folder}: {e.strerror}; choose another folder") from e
    for target in Plans(overrides(args)).of(Path(file)).targets:
        drawn = survey(model.name, model.graph, target)
        for path in write(drawn, folder):
            print(path)
        _list(drawn)
    return CLEAN


def survey(model: str, graph: Graph, target: Target) -> Drawn:
    """The landscapes of a model: over the multiplier, over each of the costliest channel groups, over two of them.

    Raises :class:`UsageError` where no width of the model can change.
    """
    estimator = packs.estimator_for(target)
    landscape = Landscape(graph, target, estimator)
    groups = landscape.free()[:MOST_GROUPS]
    if not groups:
        raise UsageError(f"{model}: none of its channel counts can change, so it has no landscape")
    lines = [(g, landscape.line(g, window(g, REACH * landscape.step(g)))) for g in groups]
    lines.sort(key=lambda pair: -steepest(pair[1]))
    surface = None
    if len(lines) > 1:
        pair = lines[0][0], lines[1][0]
        steps = [landscape.step(g) for g in pair]
        first, second = (window(g, REACH * s, max(1, s // FINE)) for g, s in zip(pair, steps, strict=True))
        surface = landscape.surface(pair, (first, second))
    costs = landscape.costs
    names = {g.key: graph.by_key[g.producers[0]].path or f"op {g.key}" for g in groups}
    multiplier = landscape.multipliers(RATIOS, COARSE)
    return Drawn(model, target.name, costs.label, costs.basis, multiplier, tuple(lines), surface, names)


def write(drawn: Drawn, folder: Path) -> Iterator[Path]:
    """Write the figure, the page and the numbers; gives each file."""
    stem = re.sub(r"[^\w.-]+", "-", f"{drawn.model}-{drawn.target}")
    title = f"{drawn.model} on {drawn.target}"
    said = ", ".join(filter(None, (drawn.kind, drawn.basis)))
    figure = landscape_figure.landscape(drawn, title, said)
    widths = landscape_figure.widths(drawn)
    for suffix in ("png", "svg"):
        yield _saved(figure, folder / f"{stem}.{suffix}")
    tables = [plots.Numbers("Curated multipliers", ("multiplier", "MACs", "latency"), list(_rows(drawn.multiplier)))]
    tables += [
        plots.Numbers(
            f"Curated widths of {drawn.names[group.key]}, now {group.width}",
            ("width", "MACs", "latency"),
            list(_rows(line)),
        )
        for group, line in drawn.lines
    ]
    page = plots.page(f"Cost landscape of {title}", said, [(title, figure), (f"Widths of {title}", widths)], tables)
    texts = {"html": page, "json": json.dumps(document(drawn), indent=1, allow_nan=False) + "\n", "csv": _csv(drawn)}
    for suffix, text in texts.items():
        path = folder / f"{stem}.{suffix}"
        path.write_text(text, encoding="utf-8")
        yield path


def _saved(figure: Any, path: Path) -> Path:
    plots.save(figure, path)
    return path


def _rows(line: Line) -> Iterator[tuple[str, ...]]:
    for sample in line.curated:
        yield f"{sample.at[0]:g}", cells.count(sample.macs), cells.time(sample.latency_us)


def document(drawn: Drawn) -> dict[str, Any]:
    """Everything that was drawn, as plain JSON values."""
    surface = drawn.surface
    return {
        "version": 1,
        "model": drawn.model,
        "target": drawn.target,
        "kind": drawn.kind,
        "basis": drawn.basis,
        "multiplier": _line(drawn.multiplier),
        "groups": [
            {"layer": drawn.names[group.key], "width": group.width, "multiple": group.multiple, **_line(line)}
            for group, line in drawn.lines
        ],
        "surface": None
        if surface is None
        else {
            "layers": [drawn.names[group.key] for group in surface.groups],
            "real": [[asdict(sample) for sample in row] for row in surface.real],
            "curated_widths": surface.curated_widths,
            "curated_latency_us": surface.curated,
        },
    }


def _line(line: Line) -> dict[str, Any]:
    return {"real": [asdict(s) for s in line.real], "curated": [asdict(s) for s in line.curated]}


def _csv(drawn: Drawn) -> str:
    """A row a network of the lines: what varies, its value, MACs, latency and whether it is curated."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("varied", "value", "macs", "latency_us", "low_us", "high_us", "curated"))
    lines: Sequence[tuple[str, Line]] = [
        ("multiplier", drawn.multiplier),
        *((drawn.names[group.key], line) for group, line in drawn.lines),
    ]
    for name, line in lines:
        for samples, curated in ((line.real, 0), (line.curated, 1)):
            table.writerows(_record(name, s, curated) for s in samples)
    return text.getvalue()


def _record(name: str, s: Sample, curated: int) -> tuple[Any, ...]:
    low, high = ("" if v is None else f"{v:.4f}" for v in (s.low_us, s.high_us))
    return name, f"{s.at[0]:g}", s.macs, f"{s.latency_us:.4f}", low, high, curated


def _list(drawn: Drawn) -> None:
    """The curated widths next to what each group has now."""
    rows = []
    for group, line in drawn.lines:
        now = next(s.latency_us for s in line.real if s.at[0] == group.width)
        below = [s for s in line.curated if s.at[0] < group.width][-2:]
        above = [s for s in line.curated if s.at[0] >= group.width][:2]
        changes = ", ".join(f"{s.at[0]:g} ({_signed(s.latency_us - now)})" for s in (*below, *above))
        rows.append((drawn.names[group.key], str(group.width), time(steepest(line)), changes))
    print(f"\n{drawn.model} on {drawn.target}, {drawn.kind}: widths that suit it")
    print_table(("layer", "width", "steepest step", "curated around it"), rows)


def _signed(us: float) -> str:
    return f"{'+' if us > 0 else '−' if us < 0 else '±'}{time(abs(us))}"
