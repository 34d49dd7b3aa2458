"""Fast output shapes on the meta device.

Many meta kernels are Python decompositions: BatchNorm, ReLU6, LayerNorm or an upsampling cost 0.4 to 4 ms a call, an
empty tensor of the right shape a thousandth of it. Whatever is unusual (another device, a subclass, strides, mixed
types, a wrong channel count) gets None here and goes to torch's own kernel, which also raises torch's own error. The
tests hold both equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from .meaning import ints


def _plain(x: Any) -> bool:
    """A floating meta tensor without surprises."""
    return (
        (type(x) is torch.Tensor or type(x) is nn.Parameter)
        and x.is_meta
        and x.is_floating_point()
        and x.is_contiguous()
    )


def _empty(x: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    return torch.empty(shape, dtype=x.dtype, device="meta")


def _windows(size: Sequence[int], kernel: Sequence[int], stride: Any, padding: Any, dilation: Any) -> list[int] | None:
    rank = len(kernel)
    stride, padding, dilation = ints(stride, rank), ints(padding, rank), ints(dilation, rank)
    out = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    ]
    return out if min(out) > 0 else None


# ---- modules


def _conv(m: Any, x: torch.Tensor) -> torch.Tensor | None:
    kernel = m.kernel_size
    size = x.shape
    if m.padding_mode != "zeros" or len(size) != len(kernel) + 2 or size[1] != m.in_channels:
        return None
    if isinstance(m.padding, str) or m.weight.dtype != x.dtype:
        return None
    out = _windows(size[2:], kernel, m.stride, m.padding, m.dilation)
    return None if out is None else _empty(x, (size[0], m.out_channels, *out))


def _conv_transpose(m: Any, x: torch.Tensor) -> None:
    """torch's meta kernel takes any number of channels; raises what the CPU's raises."""
    if x.dim() == len(m.kernel_size) + 2 and x.shape[1] != m.in_channels:
        weight, size = list(m.weight.shape), list(x.shape)
        raise RuntimeError(
            f"Given transposed=1, weight of size {weight}, expected input{size} to have {m.in_channels} channels, "
            f"but got {size[1]} channels instead"
        )


def _batch_norm(m: Any, x: torch.Tensor) -> torch.Tensor | None:
    fits = x.dim() >= 2 and x.shape[1] == m.num_features and not m.training and m.running_mean is not None
    return _empty(x, x.shape) if fits and x.dim() in _BATCH_NORM_RANKS[type(m)] else None


_BATCH_NORM_RANKS = {nn.BatchNorm1d: (2, 3), nn.BatchNorm2d: (4,), nn.BatchNorm3d: (5,)}


def _layer_norm(m: Any, x: torch.Tensor) -> torch.Tensor | None:
    dims = tuple(m.normalized_shape)
    return _empty(x, x.shape) if tuple(x.shape[-len(dims) :]) == dims and _same_type(m.weight, x) else None


def _same_type(weight: torch.Tensor | None, x: torch.Tensor) -> bool:
    return weight is None or weight.dtype == x.dtype


def _group_norm(m: Any, x: torch.Tensor) -> torch.Tensor | None:
    fits = x.dim() >= 2 and x.shape[1] == m.num_channels and x.numel() > m.num_groups and _same_type(m.weight, x)
    return _empty(x, x.shape) if fits else None


def _linear(m: Any, x: torch.Tensor) -> torch.Tensor | None:
    fits = x.dim() > 0 and x.shape[-1] == m.in_features and m.weight.dtype == x.dtype
    return _empty(x, (*x.shape[:-1], m.out_features)) if fits else None


def _activation(m: Any, x: torch.Tensor) -> torch.Tensor:
    return x if getattr(m, "inplace", False) else _empty(x, x.shape)


def _prelu(m: Any, x: torch.Tensor) -> torch.Tensor | None:
    fits = m.weight.dtype == x.dtype and (m.num_parameters == 1 or (x.dim() > 1 and x.shape[1] == m.num_parameters))
    return _empty(x, x.shape) if fits else None


def _dropout(m: Any, x: torch.Tensor) -> torch.Tensor | None:
    return None if m.training else x


def _adaptive_pool(m: Any, x: torch.Tensor) -> torch.Tensor | None:
    return None if x.dim() != 4 else _adaptive(x, m.output_size, 2)


def _adaptive(x: torch.Tensor, size: Any, rank: int) -> torch.Tensor:
    wanted = size if isinstance(size, (list, tuple)) else [size] * rank
    kept = x.shape[-rank:]
    return _empty(x, (*x.shape[:-rank], *(k if w is None else int(w) for w, k in zip(wanted, kept, strict=True))))


_MODULES: dict[type[nn.Module], Callable[[Any, torch.Tensor], torch.Tensor | None]] = {
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), _conv),
    **dict.fromkeys((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), _conv_transpose),
    **dict.fromkeys(_BATCH_NORM_RANKS, _batch_norm),
    nn.LayerNorm: _layer_norm,
    nn.GroupNorm: _group_norm,
    nn.Linear: _linear,
    **dict.fromkeys(
        (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.GELU, nn.Sigmoid, nn.Tanh), _activation
    ),
    **dict.fromkeys((nn.LeakyReLU, nn.ELU, nn.Mish, nn.Softplus), _activation),
    nn.PReLU: _prelu,
    **dict.fromkeys((nn.Dropout, nn.Dropout2d), _dropout),
    nn.AdaptiveAvgPool2d: _adaptive_pool,
}


def module_output(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor | None:
    """The result of a leaf module's call on one meta tensor; None when torch has to compute it."""
    rule = _MODULES.get(type(module))
    if rule is None or kwargs or len(args) != 1 or not _plain(args[0]):
        return None
    return rule(module, args[0])


# ---- functions: rules get (args, kwargs), the first argument is a plain meta tensor

Arguments = dict[str, Any]


def _same_shape(args: tuple[Any, ...], kwargs: Arguments) -> torch.Tensor | None:
    return _empty(args[0], args[0].shape)


def _binary(args: tuple[Any, ...], kwargs: Arguments) -> torch.Tensor | None:
    """Tensor with tensor of one type and equal shape, or with a number."""
    if kwargs or len(args) != 2:
        return None
    a, b = args
    if isinstance(b, (int, float)):
        return _empty(a, a.shape)
    return _empty(a, a.shape) if _plain(b) and a.dtype == b.dtype and a.shape == b.shape else None


def _batch_norm_function(args: tuple[Any, ...], kwargs: Arguments) -> torch.Tensor | None:
    x = args[0]
    fits = len(args) >= 6 and args[3] is not None and not args[5] and x.dim() >= 2 and args[3].shape[0] == x.shape[1]
    return _empty(x, x.shape) if fits else None


def _layer_norm_function(args: tuple[Any, ...], kwargs: Arguments) -> torch.Tensor | None:
    x, dims = args[0], tuple(args[1])
    fits = tuple(x.shape[-len(dims) :]) == dims and (len(args) < 3 or _same_type(args[2], x))
    return _empty(x, x.shape) if fits else None


def _linear_function(args: tuple[Any, ...], kwargs: Arguments) -> torch.Tensor | None:
    if len(args) < 2 or not _plain(args[1]):
        return None
    x, weight = args[:2]
    fits = x.dim() > 0 and weight.dim() == 2 and x.shape[-1] == weight.shape[1] and x.dtype == weight.dtype
    return _empty(x, (*x.shape[:-1], weight.shape[0])) if fits else None


def _attention(args: tuple[Any, ...], kwargs: Arguments) -> torch.Tensor | None:
    """Queries, keys and values with equal leading dimensions; grouped queries and broadcasts are torch's business."""
    if len(args) < 3 or not (_plain(args[1]) and _plain(args[2])):
        return None
    q, k, v = args[:3]
    fits = q.dim() == k.dim() == v.dim() == 4 and q.shape[:-2] == k.shape[:-2] == v.shape[:-2]
    fits = fits and q.shape[-1] == k.shape[-1] and k.shape[-2] == v.shape[-2] and q.dtype == k.dtype == v.dtype
    return _empty(q, (*q.shape[:-1], v.shape[-1])) if fits else None


def _upsample(args: tuple[Any, ...], kwargs: Arguments) -> torch.Tensor | None:
    x = args[0]
    if x.dim() != 4 or kwargs or len(args) < 3:
        return None
    if args[1] is not None:
        return _empty(x, (*x.shape[:2], *map(int, args[1])))
    scale = args[-1]
    if not isinstance(scale, (list, tuple)):
        return None
    return _empty(x, (*x.shape[:2], *(int(n * s) for n, s in zip(x.shape[2:], scale, strict=True))))


def _adaptive_function(args: tuple[Any, ...], kwargs: Arguments) -> torch.Tensor | None:
    return _adaptive(args[0], args[1], 2) if len(args) == 2 and not kwargs and args[0].dim() == 4 else None


_FUNCTIONS: dict[str, Callable[[tuple[Any, ...], Arguments], torch.Tensor | None]] = {
    **dict.fromkeys(
        ("relu", "relu6", "hardtanh", "hardswish", "hardsigmoid", "silu", "gelu", "sigmoid", "tanh"), _same_shape
    ),
    **dict.fromkeys(("leaky_relu", "elu", "mish", "softplus", "roll"), _same_shape),
    **dict.fromkeys(("add", "mul", "sub", "div"), _binary),
    "batch_norm": _batch_norm_function,
    "layer_norm": _layer_norm_function,
    "linear": _linear_function,
    "scaled_dot_product_attention": _attention,
    **dict.fromkeys(("upsample_nearest2d", "upsample_bilinear2d", "upsample_bicubic2d"), _upsample),
    "adaptive_avg_pool2d": _adaptive_function,
}


def function_output(name: str, in_place: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor | None:
    """The result of a function's call on meta tensors; None when torch has to compute it."""
    rule = _FUNCTIONS.get(name)
    if rule is None or not args or not _plain(args[0]) or "out" in kwargs:
        return None
    out = rule(args, kwargs)
    return args[0] if in_place and out is not None else out
