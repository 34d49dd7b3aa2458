"""Graphs built by hand, for tests that need no torch.

Values are tensor ids: ``x = b.conv(b.input((1, 3, 32, 32)), 16, 3)``. Shapes follow torch's rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from advisor.graph import Graph, Module, Op, Tensor


class GraphBuilder:
    """Collects ops in execution order; :meth:`build` returns the checked graph."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.tensors: dict[int, Tensor] = {}
        self.modules: dict[str, Module] = {"": Module("", "Model")}
        self.inputs: list[int] = []

    # ---- primitives

    def tensor(self, shape: Sequence[int], role: str = "activation", name: str = "", dtype: str = "float32") -> int:
        key = len(self.tensors)
        self.tensors[key] = Tensor(tuple(shape), dtype, "contiguous", role, name)
        return key

    def input(self, shape: Sequence[int], name: str = "x", dtype: str = "float32") -> int:
        key = self.tensor(shape, "input", name, dtype)
        self.inputs.append(key)
        return key

    def parameter(self, shape: Sequence[int], name: str = "weight") -> int:
        return self.tensor(shape, "parameter", name)

    def op(
        self,
        op: str,
        inputs: Sequence[int],
        *outputs: Sequence[int],
        weights: dict[str, int] | None = None,
        path: str | None = None,
        target: str | None = None,
        dtype: str = "float32",
        **attrs: Any,
    ) -> int:
        """Append an op whose outputs have the given shapes; returns its first output's tensor id.

        ``path`` names the module that the op is the call of; without it the op is a function of the root.
        """
        made = tuple(self.tensor(s, dtype=dtype) for s in outputs)
        module = path is not None
        if path is not None:
            self.modules.setdefault(path, Module(path, target or op))
        key = len(self.ops)
        self.ops.append(Op(key, op, target or op, attrs, tuple(inputs), made, weights or {}, path or "", module))
        return made[0]

    def shape(self, tensor: int) -> tuple[int, ...]:
        return self.tensors[tensor].shape

    def build(self, *outputs: int) -> Graph:
        """The graph with these outputs (default: the last op's)."""
        chosen = outputs or self.ops[-1].outputs
        graph = Graph(list(self.ops), dict(self.tensors), dict(self.modules), tuple(self.inputs), tuple(chosen))
        graph.check()
        return graph

    # ---- operators with weights

    def conv(
        self,
        x: int,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        padding: int | None = None,
        dilation: int = 1,
        bias: bool = False,
        path: str | None = None,
    ) -> int:
        """A convolution over all spatial dimensions of ``x``, padded like 'same' when ``padding`` is None."""
        n, c, *space = self.shape(x)
        pad = dilation * (kernel - 1) // 2 if padding is None else padding
        dims = len(space)
        size = [(s + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1 for s in space]
        path = path or f"conv{len(self.ops)}"
        weights = {"weight": self.parameter((out, c // groups, *[kernel] * dims), f"{path}.weight")}
        if bias:
            weights["bias"] = self.parameter((out,), f"{path}.bias")
        return self.op(
            "conv",
            [x],
            (n, out, *size),
            weights=weights,
            path=path,
            target=f"torch.nn.Conv{dims}d",
            kernel=[kernel] * dims,
            stride=[stride] * dims,
            padding=[pad] * dims,
            dilation=[dilation] * dims,
            groups=groups,
            transposed=False,
            output_padding=[0] * dims,
        )

    def depthwise(self, x: int, kernel: int = 3, stride: int = 1, path: str | None = None) -> int:
        c = self.shape(x)[1]
        return self.conv(x, c, kernel, stride, groups=c, path=path)

    def linear(self, x: int, out: int, bias: bool = True, path: str | None = None) -> int:
        *head, c = self.shape(x)
        path = path or f"linear{len(self.ops)}"
        weights = {"weight": self.parameter((out, c), f"{path}.weight")}
        if bias:
            weights["bias"] = self.parameter((out,), f"{path}.bias")
        return self.op("linear", [x], (*head, out), weights=weights, path=path, target="torch.nn.Linear")

    def bn(self, x: int, path: str | None = None) -> int:
        c = self.shape(x)[1]
        path = path or f"bn{len(self.ops)}"
        weights = {n: self.parameter((c,), f"{path}.{n}") for n in ("weight", "bias")}
        weights |= {n: self.tensor((c,), "buffer", f"{path}.{n}") for n in ("running_mean", "running_var")}
        target = "torch.nn.BatchNorm2d"
        return self.op("batch_norm", [x], self.shape(x), weights=weights, path=path, target=target, eps=1e-5)

    def layer_norm(self, x: int, path: str | None = None) -> int:
        c = self.shape(x)[-1]
        path = path or f"norm{len(self.ops)}"
        weights = {n: self.parameter((c,), f"{path}.{n}") for n in ("weight", "bias")}
        target = "torch.nn.LayerNorm"
        return self.op("layer_norm", [x], self.shape(x), weights=weights, path=path, target=target, dims=1, eps=1e-5)

    # ---- operators without weights

    def act(self, x: int, fn: str = "relu", path: str | None = None) -> int:
        return self.op("activation", [x], self.shape(x), path=path or f"act{len(self.ops)}", fn=fn)

    def elementwise(self, fn: str, x: int, y: int) -> int:
        """An element-wise function of two tensors of as many dimensions, either of which may broadcast."""
        shape = [max(pair) for pair in zip(self.shape(x), self.shape(y), strict=True)]
        return self.op("elementwise", [x, y], shape, target=f"torch.{fn}", fn=fn)

    def add(self, x: int, y: int) -> int:
        return self.elementwise("add", x, y)

    def pool(self, x: int, kernel: int = 2, stride: int | None = None, fn: str = "max") -> int:
        n, c, *space = self.shape(x)
        step = stride or kernel
        size = [(s - kernel) // step + 1 for s in space]
        dims = len(space)
        return self.op(
            "pool",
            [x],
            (n, c, *size),
            path=f"pool{len(self.ops)}",
            fn=fn,
            kernel=[kernel] * dims,
            stride=[step] * dims,
            padding=[0] * dims,
            dilation=[1] * dims,
            ceil=False,
            adaptive=None,
        )

    def global_pool(self, x: int) -> int:
        n, c, *space = self.shape(x)
        dims = list(range(2, 2 + len(space)))
        return self.op(
            "reduce", [x], (n, c, *[1] * len(space)), target="torch.mean", fn="mean", dims=dims, keepdim=True
        )

    def concat(self, xs: Sequence[int], dim: int = 1) -> int:
        shape = list(self.shape(xs[0]))
        shape[dim] = sum(self.shape(x)[dim] for x in xs)
        return self.op("concat", xs, shape, target="torch.cat", dim=dim)

    def split(self, x: int, sizes: Sequence[int], dim: int = 1) -> tuple[int, ...]:
        """Split along ``dim``; returns the parts' tensor ids."""
        base = self.shape(x)
        shapes = [(*base[:dim], s, *base[dim + 1 :]) for s in sizes]
        equal = len(set(sizes)) == 1
        self.op("split", [x], *shapes, target="torch.split", dim=dim, sizes=list(sizes), equal=equal)
        return self.ops[-1].outputs

    def reshape(self, x: int, shape: Sequence[int]) -> int:
        return self.op("reshape", [x], shape, target="torch.reshape")

    def flatten(self, x: int) -> int:
        n, *rest = self.shape(x)
        size = 1
        for d in rest:
            size *= d
        return self.reshape(x, (n, size))

    def permute(self, x: int, dims: Sequence[int]) -> int:
        shape = self.shape(x)
        return self.op("permute", [x], [shape[d] for d in dims], target="torch.permute", dims=list(dims))

    def matmul(self, x: int, y: int) -> int:
        *head, m, _ = self.shape(x)
        return self.op("matmul", [x, y], (*head, m, self.shape(y)[-1]), target="torch.matmul")

    def attention(self, q: int, k: int, v: int, causal: bool = False) -> int:
        shape = (*self.shape(q)[:-1], self.shape(v)[-1])
        name = "torch.nn.functional.scaled_dot_product_attention"
        return self.op("attention", [q, k, v], shape, target=name, causal=causal, scale=None)

    # ---- blocks

    def conv_bn_act(
        self, x: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, fn: str = "relu6"
    ) -> int:
        return self.act(self.bn(self.conv(x, out, kernel, stride, groups)), fn)

    def inverted_bottleneck(
        self, x: int, out: int, expand: int = 6, kernel: int = 3, stride: int = 1, fused: bool = False
    ) -> int:
        """MobileNetV2's block, or its fused form (one standard convolution for expansion and depthwise)."""
        c = self.shape(x)[1]
        wide = c * expand
        if fused:
            y = self.conv_bn_act(x, wide, kernel, stride)
        else:
            y = self.conv_bn_act(x, wide) if expand != 1 else x
            y = self.conv_bn_act(y, wide, kernel, stride, groups=wide)
        y = self.bn(self.conv(y, out))
        return self.add(x, y) if stride == 1 and c == out else y


MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Rows of (expansion, channels, repeats, stride): table 2 of the MobileNetV2 paper (arXiv 1801.04381)."""


def mobilenet_v2(size: int = 224, fused: int = 0) -> Graph:
    """MobileNetV2 at ``size`` pixels with its first ``fused`` expanded blocks in fused form."""
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, 3, size, size)), 32, 3, 2)
    index = 0
    for expand, out, repeats, stride in MOBILENET_V2:
        for i in range(repeats):
            x = b.inverted_bottleneck(x, out, expand, stride=stride if i == 0 else 1, fused=0 < index <= fused)
            index += 1
    x = b.conv_bn_act(x, 1280)
    return b.build(b.linear(b.flatten(b.global_pool(x)), 1000))
