"""Each torch call means the right operator with the right attributes; fast output shapes are torch's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from advisor import live
from advisor.graph import Graph, Op
from advisor.operators import OPERATORS
from advisor.worker.trace.shapes import function_output, module_output
from advisor.worker.trace.vocabulary import short_name


class Function(nn.Module):
    """A model that is one function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(*args)


def graph_of(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Graph:
    graph, info = live.trace(Function(function).eval(), [torch.empty(s, device="meta") for s in shapes])
    assert info.status == "ok", info.failure
    return graph


def the_op(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Op:
    graph = graph_of(function, *shapes)
    assert len(graph.ops) == 1, [o.target for o in graph.ops]
    return graph.ops[0]


IMAGE = (2, 8, 6, 6)
TOKENS = (2, 5, 8)

CASES: list[tuple[Callable[..., Any], tuple[tuple[int, ...], ...], str, dict[str, Any]]] = [
    (lambda x: x + 1, (IMAGE,), "elementwise", {"fn": "add", "scalar": 1}),
    (lambda x: 1 - x, (IMAGE,), "elementwise", {"fn": "rsub", "scalar": 1}),
    (lambda x: 2 / x, (IMAGE,), "elementwise", {"fn": "rdiv", "scalar": 2}),
    (lambda x: x.clamp(min=0.5), (IMAGE,), "elementwise", {"fn": "clamp", "scalar": 0.5}),
    (lambda x, y: x * y, (IMAGE, IMAGE), "elementwise", {"fn": "mul"}),
    (lambda x, y: torch.max(x, y), (IMAGE, IMAGE), "elementwise", {"fn": "maximum"}),
    (lambda x: x.mean((2, 3)), (IMAGE,), "reduce", {"fn": "mean", "dims": [2, 3], "keepdim": False}),
    (lambda x: x.mean(dim=[-1, -2], keepdim=True), (IMAGE,), "reduce", {"fn": "mean", "dims": [3, 2], "keepdim": True}),
    (lambda x: x.sum(), (IMAGE,), "reduce", {"fn": "sum", "dims": [0, 1, 2, 3], "keepdim": False}),
    (lambda x: x.max(dim=1)[0], (IMAGE,), "reduce", {"fn": "max", "dims": [1], "keepdim": False}),
    (lambda x: x.norm(dim=1, keepdim=True), (IMAGE,), "reduce", {"fn": "norm", "dims": [1], "keepdim": True}),
    (lambda x: x.flatten(1), (IMAGE,), "reshape", {}),
    (lambda x: x[:, None], (IMAGE,), "reshape", {}),
    (lambda x: x[:, 1:5:2], (IMAGE,), "slice", {"index": [None, [1, 5, 2]]}),
    (lambda x: x[..., -1], (IMAGE,), "slice", {"index": [None, None, None, -1]}),
    (lambda x: x.narrow(1, 2, 3), (IMAGE,), "slice", {"index": [None, [2, 5, 1]]}),
    (lambda x: x[:, [0, 2]], (IMAGE,), "gather", {}),
    (lambda x: x.permute(0, 2, 3, 1), (IMAGE,), "permute", {"dims": [0, 2, 3, 1]}),
    (lambda x: x.transpose(-1, 1), (TOKENS,), "permute", {"dims": [0, 2, 1]}),
    (lambda x: x.mT, (TOKENS,), "permute", {"dims": [0, 2, 1]}),
    (lambda x: x.movedim(1, -1), (IMAGE,), "permute", {"dims": [0, 2, 3, 1]}),
    (lambda x: torch.cat([x, x], -3), (IMAGE,), "concat", {"dim": 1}),
    (lambda x: torch.stack([x, x], -1), (IMAGE,), "stack", {"dim": 4}),
    (lambda x: torch.hstack([x, x]), (IMAGE,), "concat", {"dim": 1}),
    (lambda x: torch.hstack([x, x]), ((3,),), "concat", {"dim": 0}),
    (lambda x: torch.vstack([x, x]), ((3,),), "stack", {"dim": 0}),
    (lambda x: torch.dstack([x, x]), ((3, 4),), "stack", {"dim": 2}),
    (lambda x, y: torch.column_stack([x, y]), ((3,), (3, 2)), "gather", {}),
    (lambda x: x.chunk(3, 1), (IMAGE,), "split", {"dim": 1, "sizes": [3, 3, 2], "equal": True}),
    (lambda x: x.split([2, 6], 1), (IMAGE,), "split", {"dim": 1, "sizes": [2, 6], "equal": False}),
    (lambda x: x.unbind(1), (IMAGE,), "unbind", {"dim": 1}),
    (lambda x: list(x), (IMAGE,), "unbind", {"dim": 0}),
    (lambda x: F.pad(x, (1, 0, 2, 0)), (IMAGE,), "pad", {"pad": [1, 0, 2, 0], "mode": "constant"}),
    (lambda x: torch.roll(x, (1, -1), (2, 3)), (IMAGE,), "roll", {"shifts": [1, -1], "dims": [2, 3]}),
    (lambda x: x.flip(-1), (IMAGE,), "flip", {"dims": [3]}),
    (lambda x: x.repeat(2, 1, 1, 3), (IMAGE,), "repeat", {"repeats": [2, 1, 1, 3]}),
    (lambda x: x.expand(4, 2, 8, 6, 6), (IMAGE,), "expand", {}),
    (lambda x: F.pixel_shuffle(x, 2), (IMAGE,), "pixel_shuffle", {"factor": 2}),
    (lambda x: F.softmax(x, -1), (TOKENS,), "softmax", {"dim": 2, "log": False}),
    (lambda x: F.relu6(x), (IMAGE,), "activation", {"fn": "relu6"}),
    (lambda x: F.hardswish(x), (IMAGE,), "activation", {"fn": "hardswish"}),
    (lambda x: torch.sigmoid(x), (IMAGE,), "activation", {"fn": "sigmoid"}),
    (lambda x: F.gelu(x, approximate="tanh"), (IMAGE,), "activation", {"fn": "gelu"}),
    (lambda x: x @ x.mT.contiguous(), (TOKENS,), "matmul", {}),
    (
        lambda x, y: torch.einsum("b i j , b j k -> b i k", x, y),
        ((2, 3, 4), (2, 4, 5)),
        "einsum",
        {"equation": "bij,bjk->bik"},
    ),
    (lambda x, y: torch.tensordot(x, y, 1), ((2, 3), (3, 4)), "einsum", {"equation": "ab,bc->ac"}),
    (lambda x: x.half(), (IMAGE,), "cast", {}),
    (lambda x: x.clone(), (IMAGE,), "copy", {}),
    (lambda x: x.detach(), (IMAGE,), "identity", {}),
    (lambda x: F.dropout(x, 0.5, training=False) + 0, (IMAGE,), "elementwise", {"fn": "add", "scalar": 0}),
    (
        lambda x: F.max_pool2d(x, 3, 2, 1),
        (IMAGE,),
        "pool",
        {
            "fn": "max",
            "kernel": [3, 3],
            "stride": [2, 2],
            "padding": [1, 1],
            "dilation": [1, 1],
            "ceil": False,
            "adaptive": None,
        },
    ),
    (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
        (IMAGE,),
        "resize",
        {"mode": "bilinear", "scale": [2.0, 2.0], "size": None},
    ),
    (lambda x: F.interpolate(x, (3, 4)), (IMAGE,), "resize", {"mode": "nearest", "scale": None, "size": [3, 4]}),
    (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        ((2, 4, 5, 8),) * 3,
        "attention",
        {"causal": True, "scale": None},
    ),
]


@pytest.mark.parametrize(("function", "shapes", "op", "attrs"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_function(
    function: Callable[..., Any], shapes: tuple[tuple[int, ...], ...], op: str, attrs: dict[str, Any]
) -> None:
    found = graph_of(function, *shapes).ops[-1]
    assert (found.op, found.attrs) == (op, attrs)


def test_an_empty_vector_is_nothing_to_be_joined() -> None:
    graph = graph_of(lambda x: torch.cat((torch.empty(0), x, x), 1), IMAGE)
    assert [graph.shape(t) for t in graph.ops[-1].inputs] == [IMAGE, IMAGE]
    graph = graph_of(lambda x: torch.cat((x, torch.empty(0))), (5,))
    assert [graph.shape(t) for t in graph.ops[-1].inputs] == [(5,), (0,)]


def test_adaptive_pool_keeps_its_output_size() -> None:
    op = the_op(lambda x: F.adaptive_avg_pool2d(x, (1, None)), IMAGE)
    assert op.op == "pool"
    assert op.attrs["fn"] == "avg"
    assert op.attrs["adaptive"] == [1, 6]


def test_same_padding_becomes_numbers() -> None:
    graph, _ = live.trace(nn.Conv2d(8, 4, (3, 5), padding="same", dilation=(2, 1)), torch.empty(IMAGE, device="meta"))
    assert graph.ops[0].attrs["padding"] == [2, 2]


def test_transposed_convolution() -> None:
    graph, _ = live.trace(nn.ConvTranspose2d(8, 4, 3, 2, 1, output_padding=1), torch.empty(IMAGE, device="meta"))
    attrs = graph.ops[0].attrs
    assert (attrs["transposed"], attrs["output_padding"], graph.shape(graph.outputs[0])) == (
        True,
        [1, 1],
        (2, 4, 12, 12),
    )


def test_transposed_convolution_refuses_wrong_channels_as_on_the_cpu() -> None:
    conv, size = nn.ConvTranspose2d(8, 4, 3), (2, 3, 6, 6)
    with pytest.raises(RuntimeError) as on_cpu:
        conv(torch.zeros(size))
    with pytest.raises(live.TraceError, match="to have 8 channels") as traced:
        live.trace(conv, torch.empty(size, device="meta"))
    assert traced.value.failure.message == str(on_cpu.value)


def test_computed_weight_is_an_input() -> None:
    class Standardised(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.conv2d(x, self.weight - self.weight.mean(), self.bias)

    graph, _ = live.trace(Standardised(8, 4, 3), torch.empty(IMAGE, device="meta"))
    conv = graph.ops[-1]
    assert conv.op == "conv"
    assert set(conv.weights) == {"bias"}
    assert graph.shape(conv.inputs[1]) == (4, 8, 3, 3)
    assert [graph.ops[i].key in graph.constant_ops for i in range(3)] == [True, True, False]


def test_gated_linear_unit_is_what_it_computes() -> None:
    graph, _ = live.trace(nn.GLU(1), torch.empty(IMAGE, device="meta"))
    assert [op.op for op in graph.ops] == ["split", "activation", "elementwise"]


def test_unknown_function_keeps_its_edges() -> None:
    graph = graph_of(lambda x: torch.linalg.inv(x) + 1, (2, 3, 3))
    assert (graph.ops[0].op, graph.ops[0].attrs) == ("other", {"fn": graph.ops[0].target})
    assert graph.ops[1].inputs == graph.ops[0].outputs


def test_every_case_follows_the_operator_table() -> None:
    for function, shapes, op, attrs in CASES:
        assert set(attrs) <= set(OPERATORS[op]), op
        assert graph_of(function, *shapes).ops[-1].op in OPERATORS


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (torch.add, ("add", False)),
        (torch.Tensor.add_, ("add", True)),
        (torch.Tensor.__iadd__, ("add", True)),
        (torch.Tensor.__rtruediv__, ("rdiv", False)),
        (torch.Tensor.__invert__, ("bitwise_not", False)),
        (torch.Tensor.T.__get__, ("T.get", False)),
        (torch.ops.aten.relu_.default, ("relu", True)),
    ],
)
def test_short_name(function: Any, name: tuple[str, bool]) -> None:
    assert short_name(function) == name


# ---- fast shapes against torch's meta kernels

sizes = st.integers(1, 9)


def agree(fast: torch.Tensor | None, compute: Callable[[], torch.Tensor]) -> None:
    """A fast answer is torch's; where torch raises there is none."""
    try:
        expected = compute()
    except (RuntimeError, ValueError):
        assert fast is None
        return
    if fast is not None:
        assert (fast.shape, fast.dtype, fast.stride()) == (expected.shape, expected.dtype, expected.stride())


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 5), st.integers(1, 3), st.integers(0, 2),
    st.integers(1, 2), st.tuples(sizes, sizes, sizes), st.integers(1, 3), st.booleans(),
)  # fmt: skip
def test_fast_convolution(
    rank: int, cin: int, mult: int, kernel: int, stride: int, padding: int, dilation: int, size: tuple[int, ...],
    channels: int, depthwise: bool,
) -> None:  # fmt: skip
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1]
    groups = cin if depthwise else 1
    m = kind(cin, cin * mult, kernel, stride, padding, dilation, groups, device="meta")
    x = torch.empty((2, channels, *size[:rank]), device="meta")
    agree(module_output(m, (x,), {}), lambda: m(x))


MODULES: list[Callable[[int], nn.Module]] = [
    nn.BatchNorm2d,
    nn.LayerNorm,
    lambda n: nn.GroupNorm(n, n),
    lambda n: nn.Linear(n, 3),
    lambda n: nn.AdaptiveAvgPool2d((n, None)),
    lambda n: nn.ReLU6(),
    lambda n: nn.Hardswish(),
    lambda n: nn.Dropout(),
    lambda n: nn.PReLU(),
]


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(MODULES), st.integers(1, 3), st.lists(st.integers(1, 3), min_size=2, max_size=5), st.booleans())
def test_fast_modules(make: Callable[[int], nn.Module], width: int, shape: list[int], double: bool) -> None:
    m = make(width).eval().to("meta")
    x = torch.empty(shape, device="meta", dtype=torch.float64 if double else torch.float32)
    agree(module_output(m, (x,), {}), lambda: m(x))


FUNCTIONS: list[tuple[str, Callable[..., torch.Tensor]]] = [
    ("add", torch.add),
    ("mul", torch.mul),
    ("linear", F.linear),
    ("gelu", F.gelu),
    ("hardtanh", F.hardtanh),
]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(FUNCTIONS),
    st.lists(st.integers(1, 3), min_size=1, max_size=4),
    st.lists(st.integers(1, 3), min_size=2, max_size=2),
)
def test_fast_functions(case: tuple[str, Callable[..., torch.Tensor]], a: list[int], b: list[int]) -> None:
    name, function = case
    x, y = torch.empty(a, device="meta"), torch.empty(b, device="meta")
    args = (x,) if name in ("gelu", "hardtanh") else (x, y)
    agree(function_output(name, False, args, {}), lambda: function(*args))


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, st.sampled_from([0.5, 1.5, 2.0, 3.0]), st.booleans())
def test_fast_upsampling(height: int, width: int, scale: float, by_size: bool) -> None:
    x = torch.empty((1, 2, height, width), device="meta")
    size = [height + 1, width] if by_size else None
    args = (x, size, False, None if by_size else [scale, scale])
    agree(function_output("upsample_bilinear2d", False, args, {}), lambda: torch._C._nn.upsample_bilinear2d(*args))


def test_attention_shape() -> None:
    q, k, v = (torch.empty(s, device="meta") for s in ((2, 4, 5, 8), (2, 4, 7, 8), (2, 4, 7, 6)))
    fast = function_output("scaled_dot_product_attention", False, (q, k, v), {})
    assert fast is not None
    assert fast.shape == F.scaled_dot_product_attention(q, k, v).shape
