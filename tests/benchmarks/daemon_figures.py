"""What the daemon's benchmarks measured, and its page."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HEAD = """# Benchmarks of the daemon

Written by `make bench-daemon`. Ours and the yardstick ran in turns on the same machine, on one thread each, in one run;
the figure is the median of the turns' ratios or differences (p95: that of ours by the yardstick's median), and is what
matters: the times are this machine's.

The file is MobileNetV2 (52 convolutions), open in an editor that speaks to `advisor lsp`, a hub, its analysts and a
warm worker, all as a person has them. Before each timed edit nothing happens for longer than a second. An edit writes a
width that was never seen before.

- *Traced* is when the editor has the diagnostics of the trace. The wait for more edits ({settle:.0f} ms after such a
  pause), which comes after the reading and before the run, is taken off.
- *First* is when the editor has the first diagnostics of the new text, *confirmed* when it has the last.
- `torchinfo.summary` is that of the edited model on meta, built anew.
- *No-op* is the round trip of the same edit through a language server of pygls that does nothing.

| what | median | p95 | yardstick | median | figure | limit | met |
|---|---|---|---|---|---|---|---|
"""

MEMORY = """
## Memory

After these edits, in MB: resident, and of that what is the process's own (the rest is shared with others, a worker's
child for instance is a fork of its zygote).

| process | resident | own | limit | met |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """Seconds of ours and of the yardstick, and what is made of them: ``figure`` is to be at most ``limit``, both in
    ``unit``. Without ``limit`` it is for information."""

    what: str
    ours: Sequence[float]
    yardstick: str
    theirs: Sequence[float]
    figure: float
    limit: float | None
    unit: str

    @property
    def met(self) -> bool:
        return self.limit is None or self.figure <= self.limit

    def line(self) -> str:
        limit = "" if self.limit is None else f"{self.limit:g} {self.unit}"
        cells = [
            self.what,
            _ms(statistics.median(self.ours)),
            _ms(p95(self.ours)),
            self.yardstick,
            _ms(statistics.median(self.theirs)),
            f"{self.figure:.2f} {self.unit}",
            limit,
            _said(self.limit, self.met),
        ]
        return f"| {' | '.join(cells)} |\n"


@dataclass(frozen=True)
class Resident:
    """Bytes of memory of one process. ``limit`` is of ``resident``."""

    process: str
    resident: int
    own: int
    limit: float | None

    @property
    def met(self) -> bool:
        return self.limit is None or self.resident <= self.limit

    def line(self) -> str:
        limit = "" if self.limit is None else f"{self.limit / 1e6:g}"
        met = _said(self.limit, self.met)
        return f"| {self.process} | {self.resident / 1e6:.1f} | {self.own / 1e6:.1f} | {limit} | {met} |\n"


@dataclass
class Figures:
    """All that one run measured; ``file`` has it at any time."""

    file: Path
    settle: float
    rows: list[Row] = field(default_factory=list)
    memory: list[Resident] = field(default_factory=list)

    def ratio(
        self, what: str, ours: Sequence[float], yardstick: str, theirs: Sequence[float], limit: float | None
    ) -> Row:
        """How many times as long ours took as the yardstick that ran before it, by median."""
        figure = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
        return self._add(Row(what, ours, yardstick, theirs, figure, limit, "×"))

    def slowest(self, what: str, ours: Sequence[float], yardstick: str, theirs: Sequence[float], limit: float) -> Row:
        """How many times the yardstick's median the 95th percentile of ours is."""
        figure = p95(ours) / statistics.median(theirs)
        return self._add(Row(f"{what}, p95", ours, yardstick, theirs, figure, limit, "×"))

    def more(
        self, what: str, ours: Sequence[float], yardstick: str, theirs: Sequence[float], limit: float | None
    ) -> Row:
        """How many milliseconds longer ours took than the yardstick that ran before it, by median."""
        figure = 1000 * statistics.median(mine - other for mine, other in zip(ours, theirs, strict=True))
        return self._add(Row(what, ours, yardstick, theirs, figure, limit, "ms more"))

    def _add(self, row: Row) -> Row:
        self.rows.append(row)
        self._write()
        return row

    def add(self, *processes: Resident) -> None:
        """Note what processes hold."""
        self.memory += processes
        self._write()

    def _write(self) -> None:
        page = HEAD.format(settle=1000 * self.settle) + "".join(row.line() for row in self.rows)
        if self.memory:
            page += MEMORY + "".join(process.line() for process in self.memory)
        self.file.write_text(page, encoding="utf-8")


def p95(values: Sequence[float]) -> float:
    """The value that 95 % do not exceed."""
    return sorted(values)[-(-95 * len(values) // 100) - 1]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms" if seconds < 0.1 else f"{1000 * seconds:.0f} ms"


def _said(limit: float | None, met: bool) -> str:
    return "" if limit is None else "yes" if met else "**no**"
