"""A recording → the plain form of the core's graph: tensors, ops and modules as lists that JSON and msgpack
carry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from .frames import Span, span
from .meaning import spec
from .recording import Node, Recording, identity
from .vocabulary import function_meaning, module_meaning, target_name, type_name, weighted_op

VERSION = 1
"""The plain form's version, which the core checks."""

Sites = Callable[[nn.Module], list[Span]]


def encode(recording: Recording, model: nn.Module, executed: Mapping[str, nn.Module], sites: Sites) -> dict[str, Any]:
    """The plain form. ``executed`` are the modules that ran, by path; ``sites`` gives where a module was created.

    A recording without an output node, of a forward that raised, has the results of its last op as outputs.
    """
    encoder = _Encoder(model, executed)
    placeholders: list[Node] = []
    returned: Any = None
    for node in recording.graph.nodes:
        if node.op == "placeholder":
            placeholders.append(node)
        elif node.op == "output":
            returned = node.args[0]
        elif node.op != "get_attr" and "result_of" not in node.meta:
            encoder.op(node)
    if returned is not None:
        outputs = [encoder.tensor(n) for n in returned]
    else:
        outputs = encoder.ops[-1][5] if encoder.ops else []
    inputs = [encoder.tensor(n) for n in placeholders]
    return {
        "version": VERSION,
        "tensors": encoder.tensors,
        "modules": encoder.modules(sites),
        "ops": encoder.ops,
        "inputs": inputs,
        "outputs": outputs,
        "files": list(encoder.files),
    }


class _Encoder:
    def __init__(self, model: nn.Module, executed: Mapping[str, nn.Module]) -> None:
        self.tensors: list[list[Any]] = []
        self.ops: list[list[Any]] = []
        self.files: dict[str, int] = {}
        self.executed = dict(executed)
        self._ids: dict[Node, int] = {}
        self._spans: dict[int, tuple[Span, list[Any]]] = {}
        self._modules = dict(model.named_modules())

    def span(self, value: Span | None) -> list[int] | None:
        if value is None:
            return None
        known = self._spans.get(identity(value))
        if known is None:
            file, *rest = value
            encoded = [self.files.setdefault(file, len(self.files)), *rest]
            known = self._spans[identity(value)] = (value, encoded)  # the key's span is kept alive
        return known[1]

    def tensor(self, node: Node) -> int:
        """The id of a node's value; a stored tensor has one id however often it is read."""
        known = self._ids.get(node)
        if known is not None:
            return known
        if node.op == "placeholder":
            role, name = "input", node.target
        elif node.op == "get_attr":
            role, name = node.meta["role"], node.target
        else:
            role, name = "activation", ""
        shape, dtype, layout = spec(node)
        key = len(self.tensors)
        self.tensors.append([key, list(shape), dtype, layout, role, name])
        self._ids[node] = key
        return key

    def op(self, node: Node) -> None:
        meta = node.meta
        results = meta["outputs"] or [node]
        specs = [spec(r) for r in results]
        path, site = meta["path"], meta["site"]
        if node.op == "call_module":
            module = meta["module"]
            meaning = module_meaning(module, [n for n in node.args if isinstance(n, Node)], specs)
            meaning.weights = meta["weights"]
            target, is_call = type_name(type(module)), True
        else:
            meaning = function_meaning(node.target, meta["args"], meta["kwargs"], specs)
            target = target_name(node.target)
            owner = self._owner(meaning.op, meaning.weights)
            is_call = owner is not None
            path = path if owner is None else owner
        self.ops.append(
            [
                len(self.ops),
                meaning.op,
                target,
                meaning.attrs,
                [self.tensor(n) for n in meaning.inputs],
                [self.tensor(r) for r in results],
                {role: self.tensor(n) for role, n in meaning.weights.items()},
                path,
                is_call,
                self.span(None if site is None else span(site)),
            ]
        )

    def _owner(self, op: str, weights: Mapping[str, Node]) -> str | None:
        """The path of the torch layer whose weights a function reads: the function is that layer's call.

        So it is for layers with hooks or a subclass's forward, and for those whose ``weight`` somebody passes to
        ``F.linear``.
        """
        for node in weights.values():
            path = str(node.target).rpartition(".")[0]
            module = self._modules.get(path)
            if module is not None and weighted_op(type(module)) == op:
                self.executed.setdefault(path, module)
                return path
        return None

    def modules(self, sites: Sites) -> list[list[Any]]:
        """The executed modules and all around them."""
        wanted = dict(self.executed)
        for path in self.executed:
            while path:
                path = path.rpartition(".")[0]
                if path in wanted:
                    break
                if path in self._modules:
                    wanted[path] = self._modules[path]
        return [[p, type_name(type(m)), [self.span(s) for s in sites(m)]] for p, m in wanted.items()]
