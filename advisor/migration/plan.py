"""The plan of a migration: of each entry of the new state dict, how it is made of old ones. Plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .widths import Growth, Segment


@dataclass(slots=True)
class Step:
    """How one entry is made. Its values are ``source``'s, an old entry or one that a :class:`Making` makes; None where
    there is none, and ``fill`` says what it holds: ``initial`` (what the new model starts with) or ``neutral`` (as if
    the layer were not there).

    ``dims`` has for each dimension the segments that it is made of, None where it stays the same; ``reads`` whether the
    dimension is one that its layer reads channels by. ``role`` is the entry's among its layer's weights. ``minus`` is
    an entry that is subtracted before anything else.
    """

    entry: str
    source: str | None
    dims: tuple[tuple[Segment, ...] | None, ...] = ()
    reads: tuple[bool, ...] = ()
    role: str = "weight"
    fill: str = "initial"
    minus: str | None = None
    eps: float = 0.0
    """Of a normalisation without a source: what it adds to a variance."""
    scales: tuple[tuple[int, int, float], ...] = ()
    """Rows of the new entry, from one to before another, and by what they are multiplied in the end."""


@dataclass(slots=True)
class Making:
    """Entries computed of old ones before any width changes. ``kind``: ``merge``, ``fuse``, ``unfuse``, ``regroup``.

    ``sources`` names old entries (and numbers that go with them) by what they are to the kind, ``results`` new ones.
    ``layer`` is the row that its error goes to.
    """

    kind: str
    layer: str
    sources: dict[str, Any]
    results: dict[str, str]


@dataclass(slots=True)
class Row:
    """What happened to one layer, for people. ``exact``: the function is kept; else ``why`` not. None where a
    :class:`Making` approximates: its error says it."""

    layer: str
    what: str
    exact: bool | None = True
    why: str = ""


@dataclass(slots=True)
class Plan:
    """``paths`` are the modules that were called something else, new name → old."""

    steps: list[Step] = field(default_factory=list)
    makings: list[Making] = field(default_factory=list)
    growths: list[Growth] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """What ``advisor/worker/migrating`` reads."""
        return {
            "steps": [_step(step) for step in self.steps],
            "makings": [asdict(making) for making in self.makings],
            "growths": [asdict(growth) for growth in self.growths],
            "paths": dict(self.paths),
        }


def _step(step: Step) -> dict[str, Any]:
    dims: Sequence[Any] = [None if d is None else [list(segment) for segment in d] for d in step.dims]
    return {
        "entry": step.entry,
        "source": step.source,
        "dims": dims,
        "reads": list(step.reads),
        "role": step.role,
        "fill": step.fill,
        "minus": step.minus,
        "eps": step.eps,
        "scales": [list(scale) for scale in step.scales],
    }
