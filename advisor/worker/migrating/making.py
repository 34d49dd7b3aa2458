"""Weights that are computed of several old ones; see ``advisor/migration/rewriting.py`` for what each is for.

All of it is worked out in double precision and handed on in the type of the old weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SEED = 0
DRAWN = 4096
"""Activations drawn for each channel where a nonlinearity is averaged."""
_IMAGES = 8
_SIDE = 12
"""Images, and their width, on which the error of a fused convolution is measured."""

State = Mapping[str, Tensor]


def make(making: Mapping[str, Any], state: State) -> tuple[dict[str, Tensor], float | None]:
    """The entries that ``making`` makes, by their names, and the relative error: the root of the part of the output's
    variance (for filters: of their sum of squares) that is lost; None where nothing is."""
    return _KINDS[making["kind"]](making["sources"], making["results"], state)


def _merge(sources: Mapping[str, Any], results: Mapping[str, str], state: State) -> tuple[dict[str, Tensor], None]:
    weight, bias = _folded(sources, state)
    second = state[sources["second"]["weight"]].double()
    product = torch.einsum("om,mi...->oi...", second.flatten(1), weight)
    constant = second.flatten(1) @ bias + _bias(sources["second"], state, second.shape[0])
    dtype = state[sources["second"]["weight"]].dtype
    return {results["weight"]: product.to(dtype), results["bias"]: constant.to(dtype)}, None


def _fuse(sources: Mapping[str, Any], results: Mapping[str, str], state: State) -> tuple[dict[str, Tensor], float]:
    """The k×k convolution that is closest to expansion, activation and depthwise convolution for normal inputs.

    For independent normal inputs the best linear prediction of ``f(w·x + b)`` is ``E[f'(z)] w·x`` and a constant, with
    ``z = w·x + b`` (Bussgang, 1952), so each expanded channel is one gain and one constant away from its own.
    ``E[f'(z)]`` is the covariance of ``f(z)`` and ``z`` over the variance of ``z``, on seeded draws. The inputs' spread
    is that of the batch norm that makes them, else one.
    """
    weight, bias = _folded(sources, state)
    weight = weight.flatten(1)
    filters = state[sources["second"]["weight"]].double()
    mean, spread = _inputs(sources.get("reads"), state, weight.shape[1])
    function = _function(sources["activation"])
    centre = weight @ mean + bias
    deviation = ((weight * spread) ** 2).sum(1).sqrt()
    draws = torch.randn(DRAWN, generator=torch.Generator().manual_seed(SEED), dtype=torch.float64)
    draws = (draws - draws.mean()) / draws.std(unbiased=False)
    values = function(centre[:, None] + deviation[:, None] * draws)
    gain = torch.where(deviation > 0, (values * draws).mean(1) / deviation.clamp(min=1e-30), torch.zeros_like(centre))
    constant = values.mean(1) - gain * (weight @ mean)
    fused = filters * (gain[:, None] * weight)[:, :, None, None]
    offset = filters.flatten(1).sum(1) * constant + _bias(sources["second"], state, filters.shape[0])
    error = _residual(sources, state, (weight, bias, function, filters), (fused, offset), (mean, spread))
    dtype = state[sources["second"]["weight"]].dtype
    return {results["weight"]: fused.to(dtype), results["bias"]: offset.to(dtype)}, error


def _residual(
    sources: Mapping[str, Any],
    state: State,
    block: tuple[Tensor, Tensor, Any, Tensor],
    fused: tuple[Tensor, Tensor],
    inputs: tuple[Tensor, Tensor],
) -> float:
    """The error on seeded images, borders included."""
    weight, bias, function, filters = block
    mean, spread = inputs
    side = max(_SIDE, *(2 * k for k in filters.shape[2:]))
    generator = torch.Generator().manual_seed(SEED + 1)
    x = torch.randn(_IMAGES, weight.shape[1], side, side, generator=generator, dtype=torch.float64)
    x = x * spread.view(1, -1, 1, 1) + mean.view(1, -1, 1, 1)
    padding, dilation = tuple(sources["padding"]), tuple(sources["dilation"])
    truth = function(F.conv2d(x, weight[:, :, None, None], bias))
    own = _bias(sources["second"], state, filters.shape[0])
    truth = F.conv2d(truth, filters, own, padding=padding, dilation=dilation, groups=filters.shape[0])
    found = F.conv2d(x, *fused, padding=padding, dilation=dilation)
    total = (truth - truth.mean((0, 2, 3), keepdim=True)).square().sum()
    return float(((found - truth).square().sum() / total.clamp(min=1e-30)).sqrt())


def _unfuse(sources: Mapping[str, Any], results: Mapping[str, str], state: State) -> tuple[dict[str, Tensor], float]:
    """Each filter as the product of a vector over inputs and one over its window: its first singular vectors, the
    singular value shared between the two."""
    weight = state[sources["weight"]]
    out, ins, *kernel = weight.shape
    u, s, v = torch.linalg.svd(weight.double().reshape(out, ins, -1), full_matrices=False)
    root = s[:, :1].sqrt()
    pointwise = (u[:, :, 0] * root).reshape(out, ins, *(1 for _ in kernel))
    depthwise = (v[:, 0] * root).reshape(out, 1, *kernel)
    total = s.square().sum()
    error = float((1 - s[:, 0].square().sum() / total.clamp(min=1e-30)).clamp(min=0).sqrt())
    dtype = weight.dtype
    return {results["pointwise"]: pointwise.to(dtype), results["depthwise"]: depthwise.to(dtype)}, error


def _regroup(
    sources: Mapping[str, Any], results: Mapping[str, str], state: State
) -> tuple[dict[str, Tensor], float | None]:
    """The filters as one matrix of outputs by inputs, zero between groups; then the blocks that are wanted."""
    weight = state[sources["weight"]]
    had, groups = sources["had"], sources["groups"]
    out, share, *kernel = weight.shape
    dense = weight.new_zeros(had, out // had, had, share, *kernel)
    for g in range(had):
        dense[g, :, g] = weight[g * (out // had) : (g + 1) * (out // had)]
    dense = dense.reshape(out, had * share, *kernel)
    if groups == 1:
        return {results["weight"]: dense}, None
    blocks = dense.reshape(groups, out // groups, groups, had * share // groups, *kernel)
    made = torch.stack([blocks[g, :, g] for g in range(groups)]).reshape(out, had * share // groups, *kernel)
    total = weight.double().square().sum()
    error = float((1 - made.double().square().sum() / total.clamp(min=1e-30)).clamp(min=0).sqrt())
    return {results["weight"]: made}, error


_KINDS = {"merge": _merge, "fuse": _fuse, "unfuse": _unfuse, "regroup": _regroup}


# ---- parts


def _folded(sources: Mapping[str, Any], state: State) -> tuple[Tensor, Tensor]:
    """Weight and bias of the first layer with the batch norms behind it folded in."""
    weight = state[sources["first"]["weight"]].double()
    bias = _bias(sources["first"], state, weight.shape[0])
    for norm in sources["norms"]:
        scale = 1 / (state[norm["running_var"]].double() + norm["eps"]).sqrt() if "running_var" in norm else None
        if scale is None:
            continue
        if "weight" in norm:
            scale = scale * state[norm["weight"]].double()
        bias = (bias - state[norm["running_mean"]].double()) * scale + _bias(norm, state, weight.shape[0])
        weight = weight * scale.view(-1, *(1 for _ in weight.shape[1:]))
    return weight, bias


def _bias(names: Mapping[str, str], state: State, size: int) -> Tensor:
    return state[names["bias"]].double() if "bias" in names else torch.zeros(size, dtype=torch.float64)


def _inputs(names: Mapping[str, str] | None, state: State, size: int) -> tuple[Tensor, Tensor]:
    """Mean and spread of what the block reads."""
    zero, one = torch.zeros(size, dtype=torch.float64), torch.ones(size, dtype=torch.float64)
    if not names or "weight" not in names:
        return zero, one
    spread = state[names["weight"]].double().abs()
    return _bias(names, state, size), torch.where(spread > 0, spread, one)


def _function(name: str | None) -> Any:
    """An activation by the graph's name of it; those with a parameter as torch has them by default."""
    if name is None:
        return lambda x: x
    special = {"log_sigmoid": F.logsigmoid, "prelu": lambda x: F.leaky_relu(x, 0.25), "tanh": torch.tanh}
    return special.get(name) or getattr(F, name)
