"""Small networks of ten families, each a function of its widths: what a move must reproduce is built again with
other numbers."""

from __future__ import annotations

from advisor.graph import Graph
from tests.graphs import GraphBuilder


def _norm_act(b: GraphBuilder, x: int, fn: str = "relu") -> int:
    return b.act(b.bn(x), fn)


def _head(b: GraphBuilder, x: int, classes: int = 10) -> Graph:
    return b.build(b.linear(b.flatten(b.global_pool(x)), classes))


def resnet(trunk: int = 16, middle: int = 8) -> Graph:
    """Two residual blocks: the trunk's width is one group over all that is added to it."""
    b = GraphBuilder()
    x = _norm_act(b, b.conv(b.input((1, 3, 32, 32)), trunk, 3, stride=2))
    for _ in range(2):
        y = _norm_act(b, b.conv(x, middle, 3))
        x = b.act(b.add(b.bn(b.conv(y, trunk, 3)), x))
    return _head(b, x)


def densenet(stem: int = 16, growth: int = 6, second: int = 8) -> Graph:
    """Concatenation: each layer's output is a group of its own, read by all later layers."""
    b = GraphBuilder()
    features = [b.conv(b.input((1, 3, 16, 16)), stem, 3)]
    for width in (growth, second):
        x = _norm_act(b, b.concat(features)) if len(features) > 1 else _norm_act(b, features[0])
        features.append(b.conv(x, width, 3))
    return _head(b, _norm_act(b, b.concat(features)))


def shufflenet(half: int = 16, hidden: int = 12) -> Graph:
    """Chunk, a branch with a depthwise convolution, concat, channel shuffle by reshapes: both halves tie."""
    b = GraphBuilder()
    x = b.input((1, 3, 16, 16))
    left = _norm_act(b, b.conv(x, half, 3, stride=2))
    right = _norm_act(b, b.conv(x, half, 3, stride=2))
    x = _shuffle(b, b.concat([left, right]))
    keep, y = b.split(x, [half, half])
    y = _norm_act(b, b.conv(y, hidden))
    y = b.bn(b.depthwise(y))
    y = _norm_act(b, b.conv(y, half))
    return _head(b, _shuffle(b, b.concat([keep, y])))


def _shuffle(b: GraphBuilder, x: int) -> int:
    n, c, h, w = b.shape(x)
    x = b.permute(b.reshape(x, (n, 2, c // 2, h, w)), (0, 2, 1, 3, 4))
    return b.reshape(x, (n, c, h, w))


def mobilenet(trunk: int = 8, expanded: int = 32, fused: bool = False, stride: int = 2, se: int = 0) -> Graph:
    """An inverted bottleneck, optionally fused, optionally with squeeze and excite of width ``se``."""
    b = GraphBuilder()
    x = _norm_act(b, b.conv(b.input((1, 3, 32, 32)), trunk, 3, stride=2), "relu6")
    for s in (1, stride):
        y = x
        if fused and s == stride:
            y = _norm_act(b, b.conv(y, expanded, 3, stride=s), "relu6")
        else:
            y = _norm_act(b, b.conv(y, expanded), "relu6")
            y = _norm_act(b, b.depthwise(y, 3, stride=s), "relu6")
        if se:
            y = _gate(b, y, se)
        y = b.bn(b.conv(y, trunk))
        x = b.add(y, x) if s == 1 else y
    return _head(b, x)


def _gate(b: GraphBuilder, x: int, width: int) -> int:
    g = b.act(b.conv(b.global_pool(x), width, bias=True))
    return b.elementwise("mul", x, b.act(b.conv(g, b.shape(x)[1], bias=True), "sigmoid"))


def ghostnet(made: int = 12) -> Graph:
    """Half of the channels are made by a cheap depthwise convolution of the other half; the whole is sliced."""
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 16, 16)), made, 3)
    x = b.concat([x, b.depthwise(x)])
    n, c, h, w = b.shape(x)
    x = b.op("slice", [x], (n, c, h, w), index=[None, [0, c, 1], None, None])
    return _head(b, _norm_act(b, b.conv(x, 16)))


def unet(outer: int = 8, inner: int = 16) -> Graph:
    """Down, up by a transposed convolution, concat with the skip."""
    b = GraphBuilder()
    skip = _norm_act(b, b.conv(b.input((1, 3, 16, 16)), outer, 3))
    x = _norm_act(b, b.conv(b.pool(skip), inner, 3))
    n, _, h, w = b.shape(x)
    up = {"weight": b.parameter((inner, outer, 2, 2), "up.weight")}
    x = b.op(
        "conv",
        [x],
        (n, outer, 2 * h, 2 * w),
        weights=up,
        path="up",
        kernel=[2, 2],
        stride=[2, 2],
        padding=[0, 0],
        dilation=[1, 1],
        groups=1,
        transposed=True,
        output_padding=[0, 0],
    )
    return b.build(b.conv(b.concat([skip, x]), 4))


def espcn(features: int = 8, shuffled: int = 4) -> Graph:
    """Pixel shuffle in the middle: a convolution makes four times what the next one reads."""
    b = GraphBuilder()
    x = b.act(b.conv(b.input((1, 3, 16, 16)), features, 3), "tanh")
    x = b.conv(x, 4 * shuffled, 3)
    n, _, h, w = b.shape(x)
    x = b.op("pixel_shuffle", [x], (n, shuffled, 2 * h, 2 * w), factor=2)
    return b.build(b.conv(b.act(x), 3, 3))


def _layer_scale(b: GraphBuilder, x: int) -> int:
    """A bare parameter of the last dimension's size, broadcast over the others."""
    gamma = b.parameter(b.shape(x)[-1:], "gamma")
    return b.op("elementwise", [x, gamma], b.shape(x), target="torch.mul", fn="mul")


def vit(width: int = 32, hidden: int = 64, head: int = 8, heads: int = 4) -> Graph:
    """One transformer block on patches: position embedding, fused qkv, attention, MLP, layer scale."""
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 32, 32)), width, 8, stride=8, padding=0)
    tokens = b.permute(b.reshape(x, (1, width, 16)), (0, 2, 1))
    x = b.add(tokens, b.parameter((1, 16, width), "pos_embed"))
    y = b.linear(b.layer_norm(x), 3 * heads * head)
    y = b.permute(b.reshape(y, (1, 16, 3, heads, head)), (2, 0, 3, 1, 4))
    shape = (1, heads, 16, head)
    b.op("unbind", [y], shape, shape, shape, dim=0)
    q, k, v = b.ops[-1].outputs
    q = b.op("elementwise", [q], shape, fn="mul", scalar=head**-0.5)
    scores = b.op("matmul", [q, b.permute(k, (0, 1, 3, 2))], (1, heads, 16, 16))
    scores = b.op("softmax", [scores], (1, heads, 16, 16), dim=3, log=False)
    y = b.op("matmul", [scores, v], shape)
    y = b.linear(b.reshape(b.permute(y, (0, 2, 1, 3)), (1, 16, heads * head)), width)
    x = b.add(x, _layer_scale(b, y))
    y = b.linear(b.act(b.linear(b.layer_norm(x), hidden), "gelu"), width)
    x = b.add(x, y)
    x = b.op("reduce", [x], (1, width), fn="mean", dims=[1], keepdim=False)
    return b.build(b.linear(x, 10))


def convnext(width: int = 16, hidden: int = 64) -> Graph:
    """Depthwise convolution, channels-last norm and MLP, residual."""
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 16, 16)), width, 4, stride=4, padding=0)
    y = b.layer_norm(b.permute(b.depthwise(x, 7), (0, 2, 3, 1)))
    y = b.linear(b.act(b.linear(y, hidden), "gelu"), width)
    y = _layer_scale(b, y)
    return _head(b, b.add(b.permute(y, (0, 3, 1, 2)), x))


def alexnet(features: int = 8, size: int = 16) -> Graph:
    """Flatten before the classifier: the linear reads channels times positions."""
    b = GraphBuilder()
    x = b.act(b.conv(b.input((1, 3, size, size)), features, 3))
    x = b.flatten(b.pool(x, 2))
    return b.build(b.linear(b.act(b.linear(x, 20)), 10))


def glu(width: int = 12) -> Graph:
    """A gate made of one convolution's two halves."""
    b = GraphBuilder()
    value, gate = b.split(b.conv(b.input((1, 3, 8, 8)), 2 * width, 3), [width, width])
    return _head(b, b.elementwise("mul", value, b.act(gate, "sigmoid")))
