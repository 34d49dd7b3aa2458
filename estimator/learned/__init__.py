"""The learned cost model: what a kernel costs in its context, by regression on ground truth.

:data:`LEARNED` is its door: numpy and the model are loaded once a target is costed that has a predictor.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from advisor.costs import Costs, Label
from advisor.graph import Graph
from advisor.targets import Target

from .shelf import present

if TYPE_CHECKING:
    from .model import Learned


class Door:
    """The learned model with the predictors on the shelf, behind :class:`advisor.costs.Estimator`."""

    label: Label = "predicted"

    @cached_property
    def model(self) -> Learned:
        from .model import Learned

        return Learned()

    def covers(self, target: Target) -> bool:
        """Whether a predictor of this target is there, and made for what the target is today."""
        return bool(present(target.name)) and self.model.covers(target)

    def estimate(self, graph: Graph, target: Target) -> Costs:
        """Costs of the whole graph."""
        return self.model.estimate(graph, target)

    def restimate(self, base: Costs, before: Graph, after: Graph, target: Target) -> Costs:
        """Costs of ``after``, equal to ``estimate(after, target)``."""
        return self.model.restimate(base, before, after, target)


LEARNED = Door()
