"""Migrating the weights of live modules, in the caller's process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .. import live
from ..worker.migrating.carry import carry
from .outcome import Outcome, outcome
from .planner import plan


@dataclass(frozen=True, slots=True)
class Migrated:
    """``state`` is for the new model's ``load_state_dict``; ``outcome`` says what became of each layer."""

    state: dict[str, Tensor]
    outcome: Outcome


def migrate_state_dict(
    state: Mapping[str, Tensor], old_model: nn.Module, new_model: nn.Module, inputs: Any = None
) -> Migrated:
    """``state``, a state dict of ``old_model``, made into one of ``new_model``.

    Both models are traced in eval mode with ``inputs`` (as for :func:`advisor.audit`; None has them guessed) and left
    as they were; what nothing can be carried to keeps ``new_model``'s values, so that is not on the meta device.
    Raises :class:`advisor.live.TraceError` where a model cannot be traced, and
    :class:`advisor.worker.migrating.carry.CarryError` where ``state`` is not one of ``old_model``.
    """
    old, _ = live.trace(old_model, inputs)
    new, _ = live.trace(new_model, inputs)
    found = plan(old, new)
    carried = carry(state, new_model.state_dict(), found.to_plain())
    return Migrated(carried.state, outcome(found, carried.errors, carried.kept, carried.dropped))
