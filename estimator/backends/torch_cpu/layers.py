"""Callables of ops with weights, of normalisations, products, windows and attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .making import Making, Run


def _conv(m: Making) -> Run:
    a = m.attrs
    rank = len(a["kernel"])
    if a["transposed"]:
        function = (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)[rank - 1]
        more = (a["stride"], a["padding"], a["output_padding"], a["groups"], a["dilation"])
    else:
        function = (torch.conv1d, torch.conv2d, torch.conv3d)[rank - 1]
        more = (a["stride"], _padding(m, rank), a["dilation"], a["groups"])
    return m.with_weights(("weight", "bias"), lambda x, weight, bias: function(x, weight, bias, *more))


def _padding(m: Making, rank: int) -> Any:
    """Symmetric padding as numbers; ``"same"`` where the result is larger than symmetric padding makes it."""
    a = m.attrs
    sizes = zip(m.read[0].shape[-rank:], a["padding"], a["dilation"], a["kernel"], a["stride"], strict=True)
    symmetric = [(size + 2 * p - d * (k - 1) - 1) // s + 1 for size, p, d, k, s in sizes]
    if symmetric != list(m.shape[-rank:]) and set(a["stride"]) == {1} and m.shape[-rank:] == m.read[0].shape[-rank:]:
        return "same"
    return a["padding"]


def _linear(m: Making) -> Run:
    return m.with_weights(("weight", "bias"), F.linear)


def _embedding(m: Making) -> Run:
    return m.with_weights(("weight",), F.embedding)


def _rnn(m: Making) -> Run:
    """torch's own layer, with weights of its own."""
    a = m.attrs
    size = m.read[0].shape[-1]
    if m.op.target.endswith("Cell"):
        cell = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}[a["kind"]](size, a["hidden"])
        return _recurrent(m, cell.eval())
    kind = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[a["kind"]]
    options: dict[str, Any] = {"proj_size": a["projection"]} if a["projection"] else {}
    layer = kind(
        size, a["hidden"], a["layers"], batch_first=a["batch_first"], bidirectional=a["bidirectional"], **options
    )
    return _recurrent(m, layer.eval())


def _recurrent(m: Making, layer: nn.Module) -> Run:
    layer = layer.to(m.device, m.dtype("float32"))

    def run(x: torch.Tensor, *states: torch.Tensor) -> Any:
        state = states[0] if len(states) == 1 else tuple(states)
        found = layer(x, state) if states else layer(x)
        flat = []
        for part in found if isinstance(found, tuple) else (found,):
            flat.extend(part if isinstance(part, tuple) else (part,))
        return flat[0] if len(m.made) == 1 else flat

    return run


def _addmm(m: Making) -> Run:
    return torch.baddbmm if len(m.shape) == 3 else torch.addmm


def _einsum(m: Making) -> Run:
    equation = m.attrs["equation"]
    return lambda *operands: torch.einsum(equation, *operands)


def _attention(m: Making) -> Run:
    causal, scale = m.attrs["causal"], m.attrs["scale"]
    function = F.scaled_dot_product_attention
    return lambda q, k, v, mask=None: function(q, k, v, mask, 0.0, causal, scale=scale)


_NORM_ROLES = ("weight", "bias", "running_mean", "running_var")


def _batch_norm(m: Making) -> Run:
    eps = m.attrs["eps"]

    def call(x: torch.Tensor, weight: Any, bias: Any, mean: Any, var: Any) -> torch.Tensor:
        return torch.batch_norm(x, weight, bias, mean, var, mean is None, 0.1, eps, True)

    return m.with_weights(_NORM_ROLES, call)


def _instance_norm(m: Making) -> Run:
    eps = m.attrs["eps"]

    def call(x: torch.Tensor, weight: Any, bias: Any, mean: Any, var: Any) -> torch.Tensor:
        return torch.instance_norm(x, weight, bias, mean, var, mean is None, 0.1, eps, True)

    return m.with_weights(_NORM_ROLES, call)


def _layer_norm(m: Making) -> Run:
    shape, eps = list(m.shape[len(m.shape) - m.attrs["dims"] :]), m.attrs["eps"]
    return m.with_weights(("weight", "bias"), lambda x, weight, bias: torch.layer_norm(x, shape, weight, bias, eps))


def _rms_norm(m: Making) -> Run:
    shape, eps = list(m.shape[len(m.shape) - m.attrs["dims"] :]), m.attrs["eps"]
    return m.with_weights(("weight",), lambda x, weight: torch.rms_norm(x, shape, weight, eps))


def _group_norm(m: Making) -> Run:
    groups, eps = m.attrs["groups"], m.attrs["eps"]
    return m.with_weights(("weight", "bias"), lambda x, weight, bias: torch.group_norm(x, groups, weight, bias, eps))


def _local_response_norm(m: Making) -> Run:
    size = m.attrs["size"]
    return lambda x: F.local_response_norm(x, size)


_MAX_POOLS: tuple[Run, ...] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVG_POOLS: tuple[Run, ...] = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
_LP_POOLS: tuple[Run, ...] = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)
_ADAPTIVE_AVG: tuple[Run, ...] = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
_ADAPTIVE_MAX: tuple[Run, ...] = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)


def _pool(m: Making) -> Run:
    a = m.attrs
    rank, fn = len(a["kernel"]), a["fn"]
    kernel, stride, padding, ceil = a["kernel"], a["stride"], a["padding"], a["ceil"]
    indices = {"return_indices": True} if len(m.made) > 1 else {}
    if a["adaptive"] is not None:
        function = (_ADAPTIVE_AVG if fn == "avg" else _ADAPTIVE_MAX)[rank - 1]
        size = a["adaptive"]
        return lambda x: function(x, size, **indices)
    if fn == "avg":
        average = _AVG_POOLS[rank - 1]
        return lambda x: average(x, kernel, stride, padding, ceil)
    if fn == "lp":
        power, window, step = _LP_POOLS[rank - 1], tuple(kernel), tuple(stride)
        return lambda x: power(x, 2.0, window if rank > 1 else window[0], step if rank > 1 else step[0], ceil)
    largest, dilation = _MAX_POOLS[rank - 1], a["dilation"]
    return lambda x: largest(x, kernel, stride, padding, dilation, ceil, **indices)


def _resize(m: Making) -> Run:
    mode, size = m.attrs["mode"], list(m.shape[2:])
    return lambda x: F.interpolate(x, size=size, mode=mode)


def _unfold(m: Making) -> Run:
    a = m.attrs
    return lambda x: F.unfold(x, a["kernel"], a["dilation"], a["padding"], a["stride"])


def _softmax(m: Making) -> Run:
    dim = m.attrs["dim"]
    function = torch.log_softmax if m.attrs["log"] else torch.softmax
    return lambda x: function(x, dim)


MAKERS: dict[str, Callable[[Making], Run]] = {
    "conv": _conv,
    "linear": _linear,
    "embedding": _embedding,
    "rnn": _rnn,
    "matmul": lambda m: torch.matmul,
    "addmm": _addmm,
    "einsum": _einsum,
    "attention": _attention,
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    "local_response_norm": _local_response_norm,
    "pool": _pool,
    "resize": _resize,
    "unfold": _unfold,
    "softmax": _softmax,
}
