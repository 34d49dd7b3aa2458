"""A recorded fx graph → the plain form of the core's graph: tensors, ops and modules as lists that JSON and msgpack
carry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import fx, nn

from .frames import Span, span
from .meaning import Spec, collect, is_stored
from .vocabulary import function_meaning, module_meaning, target_name, type_name, weighted_op

VERSION = 1
"""The plain form's version, which the core checks."""

Sites = Callable[[nn.Module], list[Span]]


def encode(graph: fx.Graph, model: nn.Module, executed: Mapping[str, nn.Module], sites: Sites) -> dict[str, Any]:
    """The plain form. ``executed`` are the modules that ran, by path; ``sites`` gives where a module was created.

    A graph without output node, of a forward that raised, has the results of its last op as outputs.
    """
    encoder = _Encoder(model, executed)
    outputs: list[int] | None = None
    for node in graph.nodes:
        if node.op == "output":
            outputs = [encoder.tensor(n) for n in node.args[0]]
        elif node.op in ("call_function", "call_module") and "result_of" not in node.meta:
            encoder.op(node)
    if outputs is None:
        outputs = encoder.ops[-1][5] if encoder.ops else []
    inputs = [encoder.tensor(n) for n in graph.nodes if n.op == "placeholder"]
    return {
        "version": VERSION,
        "tensors": encoder.tensors,
        "modules": _modules(model, encoder.executed, sites, encoder.span),
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
        self._ids: dict[fx.Node, int] = {}
        self._named: dict[str, int] = {}
        self._model = model
        self._modules = dict(model.named_modules())

    def span(self, value: Span | None) -> list[int] | None:
        if value is None:
            return None
        file, *rest = value
        return [self.files.setdefault(file, len(self.files)), *rest]

    def tensor(self, node: fx.Node) -> int:
        """The id of a node's value; a stored tensor has one id however often it is read."""
        known = self._ids.get(node)
        if known is not None:
            return known
        role, name = "activation", ""
        if node.op == "placeholder":
            role, name = "input", node.meta["name"]
        elif is_stored(node):
            role, name = node.meta["role"], node.meta["name"]
        spec: Spec = node.meta["spec"]
        key = len(self.tensors)
        self.tensors.append([key, list(spec.shape), spec.dtype, spec.layout, role, name])
        self._ids[node] = key
        return key

    def op(self, node: fx.Node) -> None:
        results = node.meta.get("outputs") or [node]
        specs = [r.meta["spec"] for r in results]
        module: nn.Module | None = node.meta.get("module")
        path: str = node.meta.get("path", "")
        if module is not None:
            inputs: list[fx.Node] = []
            collect(node.args, inputs)
            collect(node.kwargs, inputs)
            meaning = module_meaning(module, inputs, specs)
            meaning.weights = node.meta["weights"]
            target, is_call = type_name(type(module)), True
        else:
            meaning = function_meaning(node.target, node.args, node.kwargs, specs)
            target = target_name(node.target)
            owner = self._owner(meaning.op, meaning.weights)
            is_call = owner is not None
            path = path if owner is None else owner
        site = node.meta.get("site")
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

    def _owner(self, op: str, weights: Mapping[str, fx.Node]) -> str | None:
        """The path of the torch layer whose weights a function reads: the function is that layer's call.

        So it is for layers with hooks or a subclass's forward, and for those whose ``weight`` somebody passes to
        ``F.linear``.
        """
        for node in weights.values():
            path = node.meta["name"].rpartition(".")[0]
            module = self._modules.get(path)
            if module is not None and weighted_op(type(module)) == op:
                self.executed.setdefault(path, module)
                return path
        return None


def _modules(
    model: nn.Module, executed: Mapping[str, nn.Module], sites: Sites, encode_span: Callable[[Span], Any]
) -> list[list[Any]]:
    """The executed modules and all around them."""
    known = dict(model.named_modules())
    wanted = dict(executed)
    for path in executed:
        while path:
            path = path.rpartition(".")[0]
            if path in wanted:
                break
            if path in known:
                wanted[path] = known[path]
    return [[p, type_name(type(m)), [encode_span(s) for s in sites(m)]] for p, m in wanted.items()]
