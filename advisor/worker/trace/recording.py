"""What a recording is made of: nodes, each a value or the call that made it.

``torch.fx`` has the same, with names and users for every node that nobody here asks for: making them took a third of
the time of a recording.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Literal, NamedTuple

from torch import nn

identity = object.__hash__
"""A live object's ``id`` by other bits. ``id`` itself raises an audit event, which the hook of ``load/reads.py`` has
to look at: that takes three times as long."""


Position = tuple[CodeType, int]
"""Code and the offset of the instruction that it is at."""


class Spec(NamedTuple):
    """What the graph keeps of a tensor value."""

    shape: tuple[int, ...]
    dtype: str
    layout: str


@dataclass(slots=True, eq=False)
class Node:
    """One value, one call, or both.

    ``input`` and ``stored`` (a parameter, a buffer or a constant) are values with a ``name``, a stored one with a
    ``role``. A ``call`` has the function that was called, or None and the leaf ``module``; tensors in its arguments are
    nodes. It is the value of its one result, or has ``outputs``, each a ``result``.
    """

    kind: Literal["input", "stored", "call", "result"]
    spec: Spec | None = None
    name: str = ""
    role: str = ""
    function: Any = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    """Of the module in which the call happens, or which is called."""
    module: nn.Module | None = None
    weights: dict[str, Node] = field(default_factory=dict)
    """A leaf module's own tensors by role."""
    site: Position | None = None
    outputs: list[Node] = field(default_factory=list)

    @property
    def value(self) -> Spec:
        """The spec of a node that is a value."""
        if self.spec is None:
            raise ValueError("a call with several results is no value")
        return self.spec


@dataclass(slots=True)
class Recording:
    """Nodes in the order in which they came to be. ``outputs`` is None where the forward raised."""

    nodes: list[Node] = field(default_factory=list)
    outputs: list[Node] | None = None

    def add(self, node: Node) -> Node:
        """Append a node."""
        self.nodes.append(node)
        return node
