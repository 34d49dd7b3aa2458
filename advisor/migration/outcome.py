"""What a migration came to, once its plan was carried out: what each layer is now, and how far from what it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .plan import Plan, Row
from .planner import COPIED

EXACT = 1e-6
"""A relative error up to here is rounding."""
_COUNTER = "num_batches_tracked"
"""What a batch norm counts while it is trained; nothing is computed of it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: ``what`` was done to its weights; whether its function is kept (``exact``), and ``why`` not; the
    relative ``error`` of one that was fitted, else None."""

    layer: str
    what: str
    exact: bool
    why: str = ""
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """``layers`` in the new model's order; ``kept`` are entries that no layer speaks of and that hold what the new
    model starts with; ``dropped`` old ones that nothing was made of."""

    layers: Sequence[Layer]
    kept: Sequence[str] = ()
    dropped: Sequence[str] = field(default=())

    @property
    def exact(self) -> bool:
        """Whether the new model computes what the old one did."""
        return not self.kept and all(layer.exact for layer in self.layers)

    @property
    def changed(self) -> list[Layer]:
        """The layers whose weights are not simply the old ones."""
        return [layer for layer in self.layers if layer.what != COPIED or not layer.exact]


def outcome(plan: Plan, errors: Mapping[str, float], kept: Sequence[str], dropped: Sequence[str]) -> Outcome:
    """The outcome of a plan with the errors that carrying it out had, by layer."""
    explained = {step.entry for step in plan.steps if step.source is None}
    rows = [_layer(row, errors.get(row.layer)) for row in plan.rows]
    unsaid = [name for name in kept if name not in explained and not name.endswith(_COUNTER)]
    lost = [name for name in dropped if not name.endswith(_COUNTER)]
    return Outcome(rows, tuple(unsaid), tuple(lost))


def _layer(row: Row, error: float | None) -> Layer:
    exact = row.exact
    if exact is None:
        exact = error is not None and error <= EXACT
    return Layer(row.layer, row.what, exact, "" if exact else row.why, error)
