"""What a recording is made of: a ``torch.fx`` graph whose nodes carry what the advisor needs in their ``meta``.

The arguments of a call's node are the nodes that the call reads, in order: they are the graph's edges. What the call
was given, with the same nodes in the places of tensors, is in ``meta``: ``torch.fx`` would make other types of it, and
the advisor reads it once. Keys of ``meta``:

- ``spec``: the :class:`Spec` of a node that is a value; a call with several results is none.
- ``role``: of a stored tensor: parameter, buffer or constant.
- ``path``: of the module in which a call happens, or which is called; ``site``: the call's :data:`Position` or None.
- ``args``, ``kwargs``: of a function's call, as it was given them.
- ``module``, ``weights``: the leaf module that is called, and the nodes of its own tensors by role.
- ``outputs``: the nodes of the results, where a call has not just one; each has the call as ``result_of``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import CodeType
from typing import Any, NamedTuple

from torch import nn
from torch.fx import Graph, Node

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


class Recording:
    """A graph in the making: nodes in the order in which they came to be. That of a forward that raised has no output
    node.
    """

    def __init__(self) -> None:
        self.graph = Graph()
        self._made = 0

    def input(self, place: str, spec: Spec) -> Node:
        """A tensor given to the forward: ``x``, ``x.0``, ``x.mask``."""
        return self._add("placeholder", place, "input", spec=spec)

    def stored(self, name: str, role: str, spec: Spec) -> Node:
        """A tensor that the model has, or that nobody saw being made."""
        return self._add("get_attr", name, role, spec=spec, role=role)

    def call(
        self,
        function: Callable[..., Any],
        short: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        path: str,
        site: Position | None,
    ) -> Node:
        """A call of a function; ``short`` is its name in the graph's text."""
        read: list[Node] = []
        collect(args, read)
        collect(kwargs, read)
        return self._add(
            "call_function", function, short, read, args=args, kwargs=kwargs, path=path, site=site, outputs=[]
        )

    def leaf(
        self, module: nn.Module, read: list[Node], weights: dict[str, Node], path: str, site: Position | None
    ) -> Node:
        """A call of a module that is one operation, on the nodes that it ``read``."""
        short = type(module).__name__
        return self._add(
            "call_module", path, short, read, module=module, weights=weights, path=path, site=site, outputs=[]
        )

    def result(self, call: Node, spec: Spec) -> Node:
        """The next one of several results of ``call``."""
        outputs = call.meta["outputs"]
        node = self._add("call_function", operator.getitem, "result", [call], spec=spec, result_of=call)
        node.args = (call, len(outputs))
        outputs.append(node)
        return node

    def close(self, outputs: list[Node]) -> None:
        """End the recording with what the forward returned."""
        self.graph.output(tuple(outputs))

    def _add(self, op: str, target: Any, short: str, read: list[Node] | None = None, **meta: Any) -> Node:
        self._made += 1  # a name of its own: torch.fx need not look for a free one
        node = self.graph.create_node(op, target, name=f"{short}_{self._made}")
        if read:
            node.args = tuple(read)
        node.meta.update(meta)
        return node


def collect(value: Any, found: list[Node]) -> None:
    """Append every node in ``value`` to ``found``."""
    if isinstance(value, Node):
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for v in value:
            collect(v, found)
    elif isinstance(value, dict):
        for v in value.values():
            collect(v, found)
    elif isinstance(value, slice):
        collect((value.start, value.stop, value.step), found)
