"""The last rung of the trace ladder: layers as the source writes them, with nothing executed.

A static graph lists the ``nn.X(...)`` expressions of a class in source order. It claims only what the text says: an op
has neither inputs nor outputs, for nothing is known of what flows through it; its parameters are there where the
layer's sizes are constants in the text; a layer whose sizes are not is ``other``. So nothing in it can be costed or
moved (:meth:`advisor.graph.Graph.connected` is false), and how often a line runs, or whether it runs, is unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ..graph import Graph, Module, Op, Span, Tensor
from .candidates import Candidate
from .classes import CONTAINERS
from .constants import Constants, NotConstant
from .outline import CallSite, Outline, outline
from .source import Source

_NO_LAYER = CONTAINERS | {"Parameter", "UninitializedParameter", "DataParallel", "Buffer"}

Values = dict[str, Any]
Described = tuple[str, Values, dict[str, tuple[int, ...]]]
"""An op of :mod:`advisor.operators`: its name, attributes and the shapes of its parameters."""


def layer_calls(source: Source) -> list[Span]:
    """The expressions of a file that create a layer, ``nn.X(...)``: containers, losses and parameters left out."""
    described = outline(source)
    return [source.span(site.node) for site in _layers(described)]


def static_graph(source: Source, candidate: Candidate) -> Graph | None:
    """The layers that the class of ``candidate`` creates in its own text, None when it creates none."""
    described = outline(source)
    node = described.classes.get(candidate.builds or candidate.name)
    first, last = (candidate.line, candidate.end_line) if node is None else (node.lineno, node.end_lineno or 0)
    constants = Constants(described)
    ops: list[Op] = []
    tensors: dict[int, Tensor] = {}
    modules: dict[str, Module] = {}
    for site in _layers(described):
        if not first <= site.node.lineno <= last:
            continue
        span = source.span(site.node)
        path = _path(site, span)
        if path in modules:  # assigned in two branches
            path = f"{path}@{span.line}:{span.column}"
        target = described.qualified(site.callee)
        op, attrs, shapes = _describe(target, site, constants)
        weights: dict[str, int] = {}
        for role, shape in shapes.items():
            weights[role] = len(tensors)
            tensors[len(tensors)] = Tensor(shape, role="parameter", name=f"{path}.{role}")
        modules[path] = Module(path, target, (span,))
        ops.append(Op(len(ops), op, target, attrs, (), (), weights, path, True, span))
    return Graph(ops, tensors, modules, (), ()) if ops else None


def _layers(described: Outline) -> list[CallSite]:
    return [site for site in described.calls if _is_layer(described.qualified(site.callee))]


def _is_layer(name: str) -> bool:
    module, _, last = name.rpartition(".")
    known = module == "torch.nn" or module.startswith("torch.nn.modules")
    return known and last[:1].isupper() and last not in _NO_LAYER and not last.endswith("Loss")


def _path(site: CallSite, span: Span) -> str:
    """The attribute that the layer is assigned to, with the place where one attribute gets several."""
    for scope in site.scope.chain():
        if isinstance(scope.node, ast.FunctionDef):
            for child in ast.walk(scope.node):
                if isinstance(child, ast.Assign) and any(n is site.node for n in ast.walk(child.value)):
                    target = child.targets[0]
                    if isinstance(target, ast.Attribute):
                        return target.attr if child.value is site.node else f"{target.attr}@{span.line}:{span.column}"
    return f"@{span.line}:{span.column}"


def _describe(target: str, site: CallSite, constants: Constants) -> Described:
    kind = target.rpartition(".")[2]
    table = _LAYERS.get(kind)
    if table is not None:
        names, describe = table
        try:
            return describe(kind, _given(site, names, constants))
        except (NotConstant, KeyError, TypeError, ValueError, ZeroDivisionError):
            pass  # sizes that only running the program would tell
    return "other", {"fn": target}, {}


def _given(site: CallSite, names: tuple[str, ...], constants: Constants) -> Values:
    """The arguments of a call by parameter name; raises :class:`NotConstant` when one is not known."""
    if len(site.node.args) > len(names) or any(isinstance(a, ast.Starred) for a in site.node.args):
        raise NotConstant("*")
    out = {n: constants.value(a, site.scope) for n, a in zip(names, site.node.args, strict=False)}
    for keyword in site.node.keywords:
        if keyword.arg is None:
            raise NotConstant("**")
        out[keyword.arg] = constants.value(keyword.value, site.scope)
    return out


def _conv(kind: str, given: Values) -> Described:
    rank = int(kind[-2])
    transposed = "Transpose" in kind

    def each(name: str, default: int) -> list[int]:
        value = given.get(name, default)
        if isinstance(value, int):
            return [value] * rank
        if not isinstance(value, list | tuple) or len(value) != rank:
            raise NotConstant(name)
        return [int(v) for v in value]

    kernel, groups = each("kernel_size", 1), int(given.get("groups", 1))
    first, second = int(given["in_channels"]), int(given["out_channels"])
    dilation = each("dilation", 1)
    padding = given.get("padding", 0)
    if isinstance(padding, str):
        padding = [d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)] if padding == "same" else 0
    attrs = {
        "kernel": kernel,
        "stride": each("stride", 1),
        "padding": [padding] * rank if isinstance(padding, int) else [int(p) for p in padding],
        "dilation": dilation,
        "groups": groups,
        "transposed": transposed,
        "output_padding": each("output_padding", 0),
    }
    outer, inner = (first, second) if transposed else (second, first)
    shapes = {"weight": (outer, inner // groups, *kernel)}
    return "conv", attrs, _with_bias(shapes, given, second)


def _linear(kind: str, given: Values) -> Described:
    width = int(given["out_features"])
    return "linear", {}, _with_bias({"weight": (width, int(given["in_features"]))}, given, width)


def _embedding(kind: str, given: Values) -> Described:
    return "embedding", {}, {"weight": (int(given["num_embeddings"]), int(given["embedding_dim"]))}


def _with_bias(shapes: dict[str, tuple[int, ...]], given: Values, width: int) -> dict[str, tuple[int, ...]]:
    return {**shapes, "bias": (width,)} if given.get("bias", True) else shapes


def _batch_norm(kind: str, given: Values) -> Described:
    width = (int(given["num_features"]),)
    shapes = {"weight": width, "bias": width} if given.get("affine", True) else {}
    return "batch_norm", {"eps": given.get("eps", 1e-5)}, shapes


def _layer_norm(kind: str, given: Values) -> Described:
    value = given["normalized_shape"]
    shape = (value,) if isinstance(value, int) else tuple(int(v) for v in value)
    shapes = {"weight": shape, "bias": shape} if given.get("elementwise_affine", True) else {}
    return "layer_norm", {"dims": len(shape), "eps": given.get("eps", 1e-5)}, shapes


def _group_norm(kind: str, given: Values) -> Described:
    width = (int(given["num_channels"]),)
    attrs = {"groups": int(given["num_groups"]), "eps": given.get("eps", 1e-5)}
    return "group_norm", attrs, {"weight": width, "bias": width} if given.get("affine", True) else {}


def _activation(kind: str, given: Values) -> Described:
    return "activation", {"fn": _ACTIVATIONS[kind]}, {}


def _identity(kind: str, given: Values) -> Described:
    return "identity", {}, {}


_CONV_NAMES = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias")
_TRANSPOSED_NAMES = (*_CONV_NAMES[:5], "output_padding", "groups", "bias", "dilation")
_ACTIVATIONS = {
    "ReLU": "relu",
    "ReLU6": "relu6",
    "Hardswish": "hardswish",
    "Hardsigmoid": "hardsigmoid",
    "SiLU": "silu",
    "GELU": "gelu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "LeakyReLU": "leaky_relu",
    "Mish": "mish",
}
_LAYERS: dict[str, tuple[tuple[str, ...], Callable[[str, Values], Described]]] = {
    **{f"Conv{n}d": (_CONV_NAMES, _conv) for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": (_TRANSPOSED_NAMES, _conv) for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": (("num_features", "eps", "momentum", "affine"), _batch_norm) for n in (1, 2, 3)},
    "Linear": (("in_features", "out_features", "bias"), _linear),
    "Embedding": (("num_embeddings", "embedding_dim"), _embedding),
    "LayerNorm": (("normalized_shape", "eps", "elementwise_affine"), _layer_norm),
    "GroupNorm": (("num_groups", "num_channels", "eps", "affine"), _group_norm),
    **dict.fromkeys(_ACTIVATIONS, (("inplace",), _activation)),
    **dict.fromkeys(("Identity", "Dropout", "Dropout2d", "Dropout3d"), (("p", "inplace"), _identity)),
}
