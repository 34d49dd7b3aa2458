"""Functions with weights, normalisations, activations, attention, windows and resizing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .meaning import Call, Meaning, dimension, ints, is_stored, number, same_padding, shape, words
from .recording import Node

_WEIGHT_ROLES = ("weight", "bias", "running_mean", "running_var")


def _with_weights(op: str, attrs: dict[str, Any], x: Any, **operands: Any) -> Meaning:
    """A weighted op. An operand that the forward computed is no weight but an input after ``x``."""
    inputs: list[Node] = [x]
    weights: dict[str, Node] = {}
    for role in _WEIGHT_ROLES:
        node = operands.get(role)
        if isinstance(node, Node):
            if is_stored(node):
                weights[role] = node
            else:
                inputs.append(node)
    return Meaning(op, attrs, inputs, weights)


def conv_attrs(
    kernel: list[int],
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    transposed: bool = False,
    output_padding: Any = 0,
) -> dict[str, Any]:
    """Attributes of a convolution; ``'same'`` and ``'valid'`` become numbers, single numbers one a dimension."""
    rank = len(kernel)
    dilation = ints(dilation, rank)
    if padding == "same":
        padding = same_padding(kernel, dilation)
    elif padding == "valid":
        padding = 0
    return {
        "kernel": kernel,
        "stride": ints(stride, rank),
        "padding": ints(padding, rank),
        "dilation": dilation,
        "groups": int(groups),
        "transposed": transposed,
        "output_padding": ints(output_padding, rank),
    }


def _conv(call: Call) -> Meaning:
    weight = call.get(1, "weight")
    attrs = conv_attrs(
        list(shape(weight)[2:]),
        call.get(3, "stride", 1),
        call.get(4, "padding", 0),
        call.get(5, "dilation", 1),
        call.get(6, "groups", 1),
    )
    return _with_weights("conv", attrs, call.get(0, "input"), weight=weight, bias=call.get(2, "bias"))


def _conv_transpose(call: Call) -> Meaning:
    weight = call.get(1, "weight")
    attrs = conv_attrs(
        list(shape(weight)[2:]),
        call.get(3, "stride", 1),
        call.get(4, "padding", 0),
        call.get(7, "dilation", 1),
        call.get(6, "groups", 1),
        True,
        call.get(5, "output_padding", 0),
    )
    return _with_weights("conv", attrs, call.get(0, "input"), weight=weight, bias=call.get(2, "bias"))


def _convolution(call: Call) -> Meaning:
    """``aten.convolution``: one name for all ranks and both directions."""
    weight = call.get(1, "weight")
    attrs = conv_attrs(
        list(shape(weight)[2:]),
        call.get(3, "stride"),
        call.get(4, "padding"),
        call.get(5, "dilation"),
        call.get(8, "groups", 1),
        bool(call.get(6, "transposed", False)),
        call.get(7, "output_padding", 0),
    )
    return _with_weights("conv", attrs, call.get(0, "input"), weight=weight, bias=call.get(2, "bias"))


def _linear(call: Call) -> Meaning:
    return _with_weights("linear", {}, call.get(0, "input"), weight=call.get(1, "weight"), bias=call.get(2, "bias"))


def _embedding(call: Call) -> Meaning:
    return _with_weights("embedding", {}, call.get(1, "indices"), weight=call.get(0, "weight"))


def _channel_norm(op: str) -> Callable[[Call], Meaning]:
    """``batch_norm`` and ``instance_norm`` share their signature."""

    def handler(call: Call) -> Meaning:
        return _with_weights(
            op,
            {"eps": float(call.get(7, "eps", 1e-5))},
            call.get(0, "input"),
            weight=call.get(1, "weight"),
            bias=call.get(2, "bias"),
            running_mean=call.get(3, "running_mean"),
            running_var=call.get(4, "running_var"),
        )

    return handler


def _layer_norm(call: Call) -> Meaning:
    attrs = {"dims": len(call.get(1, "normalized_shape")), "eps": float(call.get(4, "eps", 1e-5))}
    return _with_weights(
        "layer_norm", attrs, call.get(0, "input"), weight=call.get(2, "weight"), bias=call.get(3, "bias")
    )


def _rms_norm(call: Call) -> Meaning:
    attrs = {"dims": len(call.get(1, "normalized_shape")), "eps": number(call.get(3, "eps"))}
    return _with_weights("rms_norm", attrs, call.get(0, "input"), weight=call.get(2, "weight"))


def _group_norm(call: Call) -> Meaning:
    attrs = {"groups": int(call.get(1, "num_groups")), "eps": float(call.get(4, "eps", 1e-5))}
    return _with_weights(
        "group_norm", attrs, call.get(0, "input"), weight=call.get(2, "weight"), bias=call.get(3, "bias")
    )


def _activation(call: Call) -> Meaning:
    return Meaning("activation", {"fn": call.name}, call.nodes[:1])


def clipped_fn(low: float, high: float) -> str:
    """The activation that clips to [low, high]."""
    return "relu6" if (low, high) == (0, 6) else "hardtanh"


def _hardtanh(call: Call) -> Meaning:
    fn = clipped_fn(call.get(1, "min_val", -1.0), call.get(2, "max_val", 1.0))
    return Meaning("activation", {"fn": fn}, [call.x])


def _prelu(call: Call) -> Meaning:
    return _with_weights("activation", {"fn": "prelu"}, call.get(0, "input"), weight=call.get(1, "weight"))


def _softmax(call: Call) -> Meaning:
    x = call.x
    dim = call.get(1, "dim", -1)
    attrs = {"dim": dimension(-1 if dim is None else dim, len(shape(x))), "log": call.name == "log_softmax"}
    return Meaning("softmax", attrs, [x])


def _attention(call: Call) -> Meaning:
    scale = call.kwargs.get("scale")
    attrs = {"causal": bool(call.get(5, "is_causal", False)), "scale": None if scale is None else float(scale)}
    operands = (call.get(0, "query"), call.get(1, "key"), call.get(2, "value"), call.get(3, "attn_mask"))
    return Meaning("attention", attrs, [n for n in operands if isinstance(n, Node)])


def pool_attrs(
    fn: str, kernel: list[int], stride: Any, padding: Any, dilation: Any = 1, ceil: Any = False
) -> dict[str, Any]:
    """Attributes of a pool over windows; without a stride its windows do not overlap."""
    rank = len(kernel)
    return {
        "fn": fn,
        "kernel": kernel,
        "stride": list(kernel) if stride is None or stride == () or stride == [] else ints(stride, rank),
        "padding": ints(padding, rank),
        "dilation": ints(dilation, rank),
        "ceil": bool(ceil),
        "adaptive": None,
    }


def adaptive_attrs(fn: str, size: list[int]) -> dict[str, Any]:
    """Attributes of a pool that is given by its output size: its windows follow from the input."""
    rank = len(size)
    return {**pool_attrs(fn, [1] * rank, 1, 0), "adaptive": size}


def _rank(call: Call) -> int:
    """Spatial rank in a name such as ``max_pool2d_with_indices``."""
    return int(call.name.split("d_")[0].rstrip("d")[-1])


def _max_pool(call: Call) -> Meaning:
    kernel = ints(call.get(1, "kernel_size"), _rank(call))
    padding, dilation, ceil = call.get(3, "padding", 0), call.get(4, "dilation", 1), call.get(5, "ceil_mode", False)
    return Meaning("pool", pool_attrs("max", kernel, call.get(2, "stride"), padding, dilation, ceil), [call.x])


def _avg_pool(call: Call) -> Meaning:
    kernel = ints(call.get(1, "kernel_size"), _rank(call))
    padding, ceil = call.get(3, "padding", 0), call.get(4, "ceil_mode", False)
    return Meaning("pool", pool_attrs("avg", kernel, call.get(2, "stride"), padding, 1, ceil), [call.x])


def _adaptive_pool(call: Call) -> Meaning:
    fn = "max" if "max" in call.name else "avg"
    return Meaning("pool", adaptive_attrs(fn, list(call.out[0].shape[-_rank(call) :])), [call.x])


def _upsample(call: Call) -> Meaning:
    """``upsample_bilinear2d(input, output_size, align_corners, scale_factors)`` and its kin, antialiased ones
    included.
    """
    mode = call.name.removeprefix("upsample_").removesuffix("_aa").rstrip("d").rstrip("123").replace("_", "-")
    before, after = shape(call.x)[2:], call.out[0].shape[2:]
    if call.get(1, "output_size") is not None:
        return Meaning("resize", {"mode": mode, "scale": None, "size": list(after)}, [call.x])
    scale = next((a for a in call.args[2:] if isinstance(a, (list, tuple))), None)
    factors = [b / a for a, b in zip(before, after, strict=True)] if scale is None else list(map(float, scale))
    return Meaning("resize", {"mode": mode, "scale": factors, "size": None}, [call.x])


_ACTIVATIONS = words(
    "relu relu6 hardswish hardsigmoid silu gelu sigmoid tanh leaky_relu elu selu celu rrelu mish softplus "
    "log_sigmoid hardshrink softshrink threshold"
)
_UPSAMPLES = words(
    "nearest1d nearest2d nearest3d nearest_exact1d nearest_exact2d nearest_exact3d linear1d bilinear2d bicubic2d "
    "trilinear3d bilinear2d_aa bicubic2d_aa"
)

TABLE: dict[str, Callable[[Call], Meaning]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _conv_transpose),
    "convolution": _convolution,
    "linear": _linear,
    "embedding": _embedding,
    "batch_norm": _channel_norm("batch_norm"),
    "instance_norm": _channel_norm("instance_norm"),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
    **dict.fromkeys(_ACTIVATIONS, _activation),
    "hardtanh": _hardtanh,
    "prelu": _prelu,
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    "scaled_dot_product_attention": _attention,
    **{f"max_pool{n}d{suffix}": _max_pool for n in (1, 2, 3) for suffix in ("", "_with_indices")},
    **{f"avg_pool{n}d": _avg_pool for n in (1, 2, 3)},
    **{f"adaptive_{fn}_pool{n}d": _adaptive_pool for fn in ("avg", "max") for n in (1, 2, 3)},
    **{f"upsample_{mode}": _upsample for mode in _UPSAMPLES},
}
