"""What the makers of callables share: an op with its graph and weights, and the refusal of what cannot be run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from advisor.graph import Graph, Op, Tensor

Run = Callable[..., Any]
"""Takes the op's activations in order; gives one tensor, or as many as the op has outputs."""


class CannotRun(ValueError):
    """An op that has no equivalent in torch that its graph tells; the message says why."""


@dataclass(slots=True, frozen=True)
class Making:
    """An op about to become a callable.

    ``weights`` are its stored operands by role, ``dtype`` translates a graph's type, ``device`` is where it will run.
    """

    graph: Graph
    op: Op
    weights: Mapping[str, torch.Tensor]
    dtype: Callable[[str], torch.dtype]
    device: str

    @property
    def attrs(self) -> dict[str, Any]:
        return self.op.attrs

    @property
    def read(self) -> list[Tensor]:
        """What is known of the activations that it reads."""
        return [self.graph.tensors[t] for t in self.op.inputs]

    @property
    def made(self) -> list[Tensor]:
        """What is known of its results."""
        return [self.graph.tensors[t] for t in self.op.outputs]

    @property
    def shape(self) -> tuple[int, ...]:
        """The first result's shape."""
        return self.made[0].shape

    def with_weights(self, roles: tuple[str, ...], call: Run) -> Run:
        """``call(x, *operands)`` with an operand for each role, None where there is none.

        Operands that the forward computed are inputs after ``x``, in the order of the roles that are not stored.
        """
        computed = len(self.op.inputs) - 1
        missing = [role for role in roles if role not in self.weights][:computed]
        if not missing:
            stored = [self.weights.get(role) for role in roles]
            return lambda x, *unused: call(x, *stored)

        def run(x: torch.Tensor, *operands: torch.Tensor) -> Any:
            given = {**self.weights, **dict(zip(missing, operands, strict=False))}
            return call(x, *(given.get(role) for role in roles))

        return run
