"""torch → the advisor's operators: looks up what one recorded call means.

Functions are looked up by their short name, which torch uses for one meaning across ``torch``, ``torch.Tensor``,
``torch.nn.functional`` and ``torch.ops``: ``torch.add``, ``Tensor.__iadd__`` and ``aten.add_.Tensor`` are all
``add``. A call that no table knows is ``other``: it keeps its edges and shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from . import vocabulary_arithmetic, vocabulary_layers, vocabulary_movement
from .meaning import Call, Meaning
from .recording import Node, Spec
from .vocabulary_modules import MODULES

_FUNCTIONS: dict[str, Callable[[Call], Meaning | None]] = {
    **vocabulary_arithmetic.TABLE,
    **vocabulary_layers.TABLE,
    **vocabulary_movement.TABLE,
}

_SPECIAL_METHODS = {
    "truediv": "div",
    "rtruediv": "rdiv",
    "floordiv": "floor_divide",
    "rfloordiv": "rfloor_divide",
    "mod": "remainder",
    "rmod": "rremainder",
    "radd": "add",
    "rmul": "mul",
    "and": "bitwise_and",
    "rand": "bitwise_and",
    "or": "bitwise_or",
    "ror": "bitwise_or",
    "xor": "bitwise_xor",
    "rxor": "bitwise_xor",
    "invert": "bitwise_not",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}
"""``__truediv__`` and the like; those that are not here keep their bare name (``__add__`` is ``add``)."""

_IN_PLACE_METHODS = {
    "iadd": "add",
    "isub": "sub",
    "imul": "mul",
    "idiv": "div",
    "itruediv": "div",
    "ifloordiv": "floor_divide",
    "imod": "remainder",
    "ipow": "pow",
    "iand": "bitwise_and",
    "ior": "bitwise_or",
    "ixor": "bitwise_xor",
    "ilshift": "bitwise_left_shift",
    "irshift": "bitwise_right_shift",
    "setitem": "setitem",
}

_names: dict[Any, tuple[str, bool]] = {}


def short_name(function: Any) -> tuple[str, bool]:
    """The name by which a torch callable is looked up, and whether it changes its first argument."""
    known = _names.get(function)
    if known is None:
        known = _names[function] = _short_name(function)
    return known


def _short_name(function: Any) -> tuple[str, bool]:
    raw = str(getattr(function, "__name__", type(function).__name__))
    if raw in ("__get__", "__set__"):  # a property: .T, .data
        return f"{function.__self__.__name__}.{raw.strip('_')}", raw == "__set__"
    raw = raw.split(".")[0]  # an overload: add_.Tensor
    if raw.startswith("__") and raw.endswith("__"):
        bare = raw.strip("_")
        if bare in _IN_PLACE_METHODS:
            return _IN_PLACE_METHODS[bare], True
        return _SPECIAL_METHODS.get(bare, bare), False
    return raw.strip("_"), raw.endswith("_")


def target_name(function: Any) -> str:
    """The public torch name of a callable: ``torch.nn.functional.gelu``, ``torch.Tensor.view``,
    ``torch.ops.aten.add``.
    """
    name = str(getattr(function, "__name__", type(function).__name__))
    if name in ("__get__", "__set__"):
        return f"torch.Tensor.{function.__self__.__name__}"
    if isinstance(function, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)):
        return f"torch.ops.{function}"
    for owner, prefix in ((torch.Tensor, "torch.Tensor"), (torch, "torch")):
        if getattr(owner, name, None) is function:
            return f"{prefix}.{name}"
    module = getattr(function, "__module__", None) or "torch"
    return f"{'torch.nn.functional' if module == 'torch._C._nn' else module}.{name}"


def type_name(kind: type[nn.Module]) -> str:
    """``torch.nn.Conv2d`` for torch's layers, the class's own name for everybody else's."""
    if getattr(nn, kind.__name__, None) is kind:
        return f"torch.nn.{kind.__name__}"
    return kind.__qualname__


def function_meaning(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: list[Spec]) -> Meaning:
    """What a call of a torch function means; tensors in ``args`` and ``kwargs`` are nodes, ``out`` the specs of its
    results.
    """
    call = Call(short_name(function)[0], args, kwargs, out)
    handler = _FUNCTIONS.get(call.name)
    meaning = handler(call) if handler is not None else None
    return meaning if meaning is not None else other(target_name(function), call.nodes)


def module_meaning(module: nn.Module, inputs: list[Node], out: list[Spec]) -> Meaning:
    """What a call of a leaf module means, without its weights."""
    for kind in type(module).__mro__:
        handler = MODULES.get(kind)
        if handler is not None:
            return handler(module, inputs, out)
    return other(type_name(type(module)), inputs)


def weighted_op(kind: type[nn.Module]) -> str | None:
    """The operator with weights that a torch layer class, or a subclass of one, stands for."""
    return next((_WEIGHTED[base] for base in kind.__mro__ if base in _WEIGHTED), None)


_WEIGHTED: dict[type, str] = {
    nn.modules.conv._ConvNd: "conv",
    nn.Linear: "linear",
    nn.Embedding: "embedding",
    nn.modules.batchnorm._BatchNorm: "batch_norm",
    nn.modules.instancenorm._InstanceNorm: "instance_norm",
    nn.LayerNorm: "layer_norm",
    nn.RMSNorm: "rms_norm",
    nn.GroupNorm: "group_norm",
    nn.PReLU: "activation",
}


def other(name: str, inputs: list[Node]) -> Meaning:
    """An operation outside the vocabulary."""
    return Meaning("other", {"fn": name}, inputs)
