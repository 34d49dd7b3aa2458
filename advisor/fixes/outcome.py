"""What became of files that were fixed: which fixes were applied, what is left and why, and what the texts are now."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..findings import Finding
from ..graph import Graph
from ..report import FileReport, ModelReport
from .compose import Offered
from .fix import Fix


@dataclass(frozen=True, slots=True)
class Left:
    """A finding that is left, and why. ``fix`` is what was there and not wanted, None where there was none."""

    finding: Finding
    reason: str
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A model that became another one: its reports before and after."""

    before: ModelReport
    after: ModelReport


@dataclass(slots=True)
class FixedFile:
    """What became of one audited file. ``report`` is that of the texts as they are now."""

    file: str
    report: FileReport
    applied: list[Offered] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)


class Change(NamedTuple):
    """What a file held and holds now, line ends as they are in it; ``encoding`` gives its bytes."""

    before: str
    after: str
    encoding: str


@dataclass(slots=True)
class FixReport:
    """What became of all of them. ``changes``: the files that are others now. ``root`` is where relative paths
    start."""

    root: str
    targets: tuple[str, ...]
    files: list[FixedFile] = field(default_factory=list)
    changes: dict[Path, Change] = field(default_factory=dict)


def graphs(outcome: Outcome) -> tuple[Graph, Graph] | None:
    """The graphs before and after; None where one could not be traced."""
    before, after = outcome.before.graph, outcome.after.graph
    return None if before is None or after is None else (before, after)
