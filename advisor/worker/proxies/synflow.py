"""SynFlow: how much passes through a network's weights, whatever the input.

Tanaka, Kunin, Yamins, Ganguli: Pruning neural networks without any data by iteratively conserving synaptic flow.
NeurIPS 2020, arXiv 2006.05467, section 5: weights are replaced by their absolute values, the input is all ones, R is
the sum of the outputs, and a weight's score is theta dR/dtheta. As a proxy for architectures, the sum over all weights:
Abdelfattah, Mehrotra, Dudziak, Lane: Zero-Cost Proxies for Lightweight NAS. ICLR 2021, arXiv 2101.08134, which leaves
out the normalisations.

With absolute weights and a positive input a ReLU lets everything pass, and R is linear in each layer's weights. A
clipped one (ReLU6) would not: the flow reaches its bound in every channel, and all networks score alike. So the bound
is lifted here. Smooth activations and gates stay as they are.

The sum grows exponentially with depth, so its natural logarithm is given; the order is the same.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ..trace import trees
from .rig import NORMS, Inputs, Unscorable, call

_LEFT_OUT: tuple[type[nn.Module], ...] = (*NORMS, nn.LayerNorm, nn.GroupNorm)
_CLIPPED = {
    "relu6": ("", 0.0),
    "relu6_": ("", 0.0),
    "hardtanh": ("min_val", -1.0),
    "hardtanh_": ("min_val", -1.0),
    "clamp": ("min", None),
    "clamp_": ("min", None),
    "clip": ("min", None),
    "clip_": ("min", None),
}
"""Functions with an upper bound: the argument that is their lower one, and its value where none is given."""


def synflow(model: nn.Module, inputs: Inputs) -> float:
    """log of the sum of theta dR/dtheta; larger is better. Raises :class:`Unscorable` where it leaves the range of
    double precision, or nothing passes through."""
    linear = copy.deepcopy(model).double().eval()
    for module in linear.modules():
        if isinstance(module, _LEFT_OUT):
            module.register_forward_hook(_passed)
    parameters = list(linear.parameters())
    for parameter in parameters:
        parameter.data.abs_()
        parameter.requires_grad_()
    with torch.enable_grad(), _Unbounded():
        outputs = [t for t in trees.tensors(call(linear, inputs.each(_ones))) if t.requires_grad]
        if not outputs:
            raise Unscorable("its output has no gradient")
        grads = torch.autograd.grad([t.sum() for t in outputs], parameters, allow_unused=True)
    score = sum(float((p.detach() * g).sum()) for p, g in zip(parameters, grads, strict=True) if g is not None)
    if not math.isfinite(score):
        raise Unscorable("the flow leaves the range of double precision, as in very deep networks")
    if score <= 0:
        raise Unscorable("nothing flows from its input to its output")
    return math.log(score)


class _Unbounded(TorchFunctionMode):
    """Inside, nothing has an upper bound."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name not in _CLIPPED or not args:
            return func(*args, **kwargs)
        keyword, least = _CLIPPED[name]
        if keyword:
            least = args[1] if len(args) > 1 else kwargs.get(keyword, least)
        if least is None:
            return args[0]
        in_place = name.endswith("_") or kwargs.get("inplace", False)
        return args[0].clamp_(min=least) if in_place else args[0].clamp(min=least)


def _ones(tensor: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(tensor[:1], dtype=torch.float64) if tensor.is_floating_point() else tensor[:1]


def _passed(_module: nn.Module, args: tuple[torch.Tensor, ...], _output: torch.Tensor) -> torch.Tensor:
    """In place of a normalisation's output, its input."""
    return args[0]
