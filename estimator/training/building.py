"""Graphs written op by op, as random chains need them. Values are tensor ids; shapes follow torch's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from advisor.graph import Graph, Module, Op, Tensor


class Builder:
    """Collects ops in execution order; images are (1, channels, height, width)."""

    def __init__(self, *shape: int) -> None:
        self._ops: list[Op] = []
        self._tensors: dict[int, Tensor] = {0: Tensor(shape, role="input")}

    def __len__(self) -> int:
        """The number of operations; the next one's key."""
        return len(self._ops)

    def shape(self, x: int) -> tuple[int, ...]:
        return self._tensors[x].shape

    def channels(self, x: int) -> int:
        return self._tensors[x].shape[1]

    def build(self, *outputs: int) -> Graph:
        """The graph; every tensor that nothing reads is an output beside those named."""
        read = {t for op in self._ops for t in op.inputs}
        loose = [t for op in self._ops for t in op.outputs if t not in read]
        chosen = tuple(dict.fromkeys((*outputs, *loose)))
        graph = Graph(self._ops, self._tensors, {"": Module("", "Chain")}, (0,), chosen)
        graph.check()
        return graph

    def _tensor(self, shape: Sequence[int], role: str = "activation") -> int:
        key = len(self._tensors)
        self._tensors[key] = Tensor(tuple(shape), role=role)
        return key

    def op(
        self, op: str, inputs: Sequence[int], shape: Sequence[int], weights: dict[str, int] | None = None, **attrs: Any
    ) -> int:
        """Append an op with one output; returns that."""
        made = self._tensor(shape)
        self._ops.append(Op(len(self._ops), op, op, attrs, tuple(inputs), (made,), weights or {}))
        return made

    # ---- layers

    def conv(
        self,
        x: int,
        out: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        padded: bool = True,
    ) -> int:
        """A convolution with bias; ``padded`` so that stride 1 keeps the size."""
        _, c, h, w = self.shape(x)
        window = [kernel, kernel] if isinstance(kernel, int) else list(kernel)
        pad = [dilation * (k - 1) // 2 if padded else 0 for k in window]
        places = zip((h, w), window, pad, strict=True)
        size = [(s + 2 * p - dilation * (k - 1) - 1) // stride + 1 for s, k, p in places]
        weights = {
            "weight": self._tensor((out, c // groups, *window), "parameter"),
            "bias": self._tensor((out,), "parameter"),
        }
        return self.op(
            "conv",
            [x],
            (1, out, *size),
            weights,
            kernel=window,
            stride=[stride] * 2,
            padding=pad,
            dilation=[dilation] * 2,
            groups=groups,
            transposed=False,
            output_padding=[0, 0],
        )

    def upconv(self, x: int, out: int) -> int:
        """A transposed convolution that doubles the size."""
        _, c, h, w = self.shape(x)
        weights = {"weight": self._tensor((c, out, 2, 2), "parameter"), "bias": self._tensor((out,), "parameter")}
        return self.op(
            "conv",
            [x],
            (1, out, 2 * h, 2 * w),
            weights,
            kernel=[2, 2],
            stride=[2, 2],
            padding=[0, 0],
            dilation=[1, 1],
            groups=1,
            transposed=True,
            output_padding=[0, 0],
        )

    def depthwise(self, x: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> int:
        c = self.channels(x)
        return self.conv(x, c, kernel, stride, c, dilation)

    def linear(self, x: int, out: int) -> int:
        *head, c = self.shape(x)
        weights = {"weight": self._tensor((out, c), "parameter"), "bias": self._tensor((out,), "parameter")}
        return self.op("linear", [x], (*head, out), weights)

    def norm(self, x: int, op: str) -> int:
        """A normalisation over the last dimension (``layer_norm``), of the whole image (``group_norm`` with one group)
        or by stored statistics (``batch_norm``)."""
        c = self.shape(x)[-1 if op == "layer_norm" else 1]
        weights = {name: self._tensor((c,), "parameter") for name in ("weight", "bias")}
        if op == "batch_norm":
            weights |= {name: self._tensor((c,), "buffer") for name in ("running_mean", "running_var")}
        attrs = {"layer_norm": {"dims": 1}, "group_norm": {"groups": 1}}.get(op, {})
        return self.op(op, [x], self.shape(x), weights, eps=1e-5, **attrs)

    def permute(self, x: int, *dims: int) -> int:
        shape = self.shape(x)
        return self.op("permute", [x], [shape[d] for d in dims], dims=list(dims))

    def act(self, x: int, fn: str) -> int:
        """An activation; ``none`` adds nothing."""
        return x if fn == "none" else self.op("activation", [x], self.shape(x), fn=fn)

    def elementwise(self, fn: str, x: int, y: int) -> int:
        shape = [max(pair) for pair in zip(self.shape(x), self.shape(y), strict=True)]
        return self.op("elementwise", [x, y], shape, fn=fn)

    def pool(self, x: int, fn: str, kernel: int, stride: int, padded: bool = True) -> int:
        """A window pool; ``padded`` puts half the kernel around, where that is odd."""
        _, c, h, w = self.shape(x)
        pad = kernel // 2 if kernel % 2 and padded else 0
        size = [(s + 2 * pad - kernel) // stride + 1 for s in (h, w)]
        attrs = {"fn": fn, "kernel": [kernel] * 2, "stride": [stride] * 2, "padding": [pad] * 2, "dilation": [1, 1]}
        return self.op("pool", [x], (1, c, *size), ceil=False, adaptive=None, **attrs)

    def global_pool(self, x: int) -> int:
        return self.op("reduce", [x], (1, self.channels(x), 1, 1), fn="mean", dims=[2, 3], keepdim=True)

    def resize(self, x: int, mode: str, factor: int) -> int:
        _, c, h, w = self.shape(x)
        size = [h * factor, w * factor]
        return self.op("resize", [x], (1, c, *size), mode=mode, scale=[float(factor)] * 2, size=None)

    def concat(self, xs: Sequence[int]) -> int:
        first = self.shape(xs[0])
        return self.op("concat", xs, (1, sum(map(self.channels, xs)), *first[2:]), dim=1)

    def reshape(self, x: int, *shape: int) -> int:
        return self.op("reshape", [x], shape)

    def unbind(self, x: int) -> tuple[int, ...]:
        """The parts along the first dimension."""
        count, *shape = self.shape(x)
        made = tuple(self._tensor(shape) for _ in range(count))
        self._ops.append(Op(len(self._ops), "unbind", "unbind", {"dim": 0}, (x,), made))
        return made

    def flatten(self, x: int) -> int:
        n, *rest = self.shape(x)
        size = 1
        for d in rest:
            size *= d
        return self.op("reshape", [x], (n, size))
