"""Leaf modules of ``torch.nn``: what a call of each means. Their weights are the module's own and are added by the
encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from .meaning import Meaning, dimension, ints, number, shape
from .recording import Node, Spec
from .vocabulary_layers import adaptive_attrs, clipped_fn, conv_attrs, pool_attrs

Handler = Callable[[Any, list[Node], list[Spec]], Meaning]


def _conv(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
    kernel = ints(module.kernel_size, len(module.kernel_size))
    padding = module.padding
    transposed = bool(module.transposed)
    attrs = conv_attrs(
        kernel, module.stride, padding, module.dilation, module.groups, transposed, module.output_padding
    )
    return Meaning("conv", attrs, inputs[:1])


def _bare(op: str) -> Handler:
    return lambda module, inputs, out: Meaning(op, {}, inputs)


def _with_eps(op: str) -> Handler:
    return lambda module, inputs, out: Meaning(op, {"eps": float(module.eps)}, inputs)


def _over_last(op: str) -> Handler:
    return lambda module, inputs, out: Meaning(
        op, {"dims": len(module.normalized_shape), "eps": number(module.eps)}, inputs
    )


def _group_norm(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
    return Meaning("group_norm", {"groups": int(module.num_groups), "eps": float(module.eps)}, inputs)


def _rnn(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
    attrs = {
        "kind": module.mode.split("_")[0].lower(),
        "hidden": int(module.hidden_size),
        "layers": int(module.num_layers),
        "bidirectional": bool(module.bidirectional),
        "batch_first": bool(module.batch_first),
        "projection": int(module.proj_size),
    }
    return Meaning("rnn", attrs, inputs)


def _rnn_cell(kind: str) -> Handler:
    """One step of a recurrent layer: its input has no time dimension."""

    def handler(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
        attrs = {
            "kind": kind,
            "hidden": int(module.hidden_size),
            "layers": 1,
            "bidirectional": False,
            "batch_first": False,
            "projection": 0,
        }
        return Meaning("rnn", attrs, inputs)

    return handler


def _activation(fn: str) -> Handler:
    return lambda module, inputs, out: Meaning("activation", {"fn": fn}, inputs)


def _hardtanh(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
    return Meaning("activation", {"fn": clipped_fn(module.min_val, module.max_val)}, inputs)


def _softmax(log: bool) -> Handler:
    def handler(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
        rank = len(shape(inputs[0]))
        implicit = 0 if rank in (0, 1, 3) else 1  # torch's default for modules made without a dimension
        dim = implicit if module.dim is None else module.dim
        return Meaning("softmax", {"dim": dimension(dim, rank), "log": log}, inputs)

    return handler


def _softmax_2d(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
    return Meaning("softmax", {"dim": len(shape(inputs[0])) - 3, "log": False}, inputs)


def _pool(fn: str, rank: int) -> Handler:
    def handler(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
        kernel = ints(module.kernel_size, rank)
        padding = getattr(module, "padding", 0)  # LPPool has neither padding nor dilation
        dilation = getattr(module, "dilation", 1)
        return Meaning("pool", pool_attrs(fn, kernel, module.stride, padding, dilation, module.ceil_mode), inputs)

    return handler


def _adaptive_pool(fn: str, rank: int) -> Handler:
    return lambda module, inputs, out: Meaning("pool", adaptive_attrs(fn, list(out[0].shape[-rank:])), inputs)


def _upsample(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
    size = list(out[0].shape[2:])
    if module.size is not None:
        return Meaning("resize", {"mode": module.mode, "scale": None, "size": size}, inputs)
    scale = module.scale_factor
    factors = [float(s) for s in (scale if isinstance(scale, tuple) else [scale] * len(size))]
    return Meaning("resize", {"mode": module.mode, "scale": factors, "size": None}, inputs)


def _pad(mode: str) -> Handler:
    def handler(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
        return Meaning("pad", {"pad": [int(p) for p in module.padding], "mode": mode}, inputs)

    return handler


def _unfold(module: Any, inputs: list[Node], out: list[Spec]) -> Meaning:
    attrs = {
        "kernel": ints(module.kernel_size, 2),
        "stride": ints(module.stride, 2),
        "padding": ints(module.padding, 2),
        "dilation": ints(module.dilation, 2),
    }
    return Meaning("unfold", attrs, inputs)


def _with_factor(op: str, source: str, attr: str) -> Handler:
    return lambda module, inputs, out: Meaning(op, {attr: int(getattr(module, source))}, inputs)


_RANKS: tuple[tuple[int, str], ...] = ((1, "1d"), (2, "2d"), (3, "3d"))

_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.Hardswish: "hardswish",
    nn.Hardsigmoid: "hardsigmoid",
    nn.SiLU: "silu",
    nn.GELU: "gelu",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.LeakyReLU: "leaky_relu",
    nn.PReLU: "prelu",
    nn.ELU: "elu",
    nn.SELU: "selu",
    nn.CELU: "celu",
    nn.RReLU: "rrelu",
    nn.Mish: "mish",
    nn.Softplus: "softplus",
    nn.Softsign: "softsign",
    nn.LogSigmoid: "log_sigmoid",
    nn.Tanhshrink: "tanhshrink",
    nn.Hardshrink: "hardshrink",
    nn.Softshrink: "softshrink",
    nn.Threshold: "threshold",
}
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)

MODULES: dict[type[nn.Module], Handler] = {
    nn.modules.conv._ConvNd: _conv,
    nn.Linear: _bare("linear"),
    nn.Embedding: _bare("embedding"),
    nn.modules.rnn.RNNBase: _rnn,
    nn.LSTMCell: _rnn_cell("lstm"),
    nn.GRUCell: _rnn_cell("gru"),
    nn.RNNCell: _rnn_cell("rnn"),
    nn.modules.batchnorm._BatchNorm: _with_eps("batch_norm"),
    nn.modules.instancenorm._InstanceNorm: _with_eps("instance_norm"),
    nn.LayerNorm: _over_last("layer_norm"),
    nn.RMSNorm: _over_last("rms_norm"),
    nn.GroupNorm: _group_norm,
    nn.LocalResponseNorm: lambda module, inputs, out: Meaning(
        "local_response_norm", {"size": int(module.size)}, inputs
    ),
    **{kind: _activation(fn) for kind, fn in _ACTIVATIONS.items()},
    nn.Hardtanh: _hardtanh,
    nn.Softmax: _softmax(log=False),
    nn.LogSoftmax: _softmax(log=True),
    nn.Softmax2d: _softmax_2d,
    **{getattr(nn, f"MaxPool{name}"): _pool("max", rank) for rank, name in _RANKS},
    **{getattr(nn, f"AvgPool{name}"): _pool("avg", rank) for rank, name in _RANKS},
    **{getattr(nn, f"LPPool{name}"): _pool("lp", rank) for rank, name in _RANKS},
    **{getattr(nn, f"AdaptiveMaxPool{name}"): _adaptive_pool("max", rank) for rank, name in _RANKS},
    **{getattr(nn, f"AdaptiveAvgPool{name}"): _adaptive_pool("avg", rank) for rank, name in _RANKS},
    nn.Upsample: _upsample,
    **{getattr(nn, f"ZeroPad{name}"): _pad("constant") for _, name in _RANKS},
    **{getattr(nn, f"ConstantPad{name}"): _pad("constant") for _, name in _RANKS},
    **{getattr(nn, f"ReflectionPad{name}"): _pad("reflect") for _, name in _RANKS},
    **{getattr(nn, f"ReplicationPad{name}"): _pad("replicate") for _, name in _RANKS},
    **{getattr(nn, f"CircularPad{name}"): _pad("circular") for _, name in _RANKS},
    nn.Flatten: _bare("reshape"),
    nn.Unflatten: _bare("reshape"),
    nn.Identity: _bare("identity"),
    **dict.fromkeys(_DROPOUTS, _bare("identity")),
    nn.PixelShuffle: _with_factor("pixel_shuffle", "upscale_factor", "factor"),
    nn.PixelUnshuffle: _with_factor("pixel_unshuffle", "downscale_factor", "factor"),
    nn.ChannelShuffle: _with_factor("channel_shuffle", "groups", "groups"),
    nn.Unfold: _unfold,
}
