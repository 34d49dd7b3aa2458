"""The recorder: which ops it sees, where they belong, and what it does when the forward fails."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from advisor.graph import Graph
from advisor.worker.trace.tracer import Trace, trace, trace_ladder

X = (2, 8, 6, 6)


def meta(*shape: int) -> torch.Tensor:
    return torch.empty(shape, device="meta")


def graph_of(model: nn.Module, *args: Any, rung: Any = "fx-meta") -> Graph:
    found = trace(model, args or (meta(*X),), {}, rung)
    assert found.status == "ok", found.error
    assert found.unobserved == 0
    assert found.plain is not None
    graph = Graph.from_plain(found.plain)
    assert graph.connected()
    return graph


def kinds(graph: Graph) -> list[str]:
    return [op.op for op in graph.ops]


class Model(nn.Module):
    """A model whose forward is given; layers are keyword arguments."""

    def __init__(self, forward: Callable[..., Any], **layers: Any) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.run = forward

    def forward(self, *args: Any) -> Any:
        return self.run(self, *args)


def test_paths_weights_and_shared_modules() -> None:
    model = Model(
        lambda m, x: m.body(m.body(x)) * m.scale,
        body=nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()),
        scale=nn.Parameter(torch.ones(1)),
    )
    graph = graph_of(model)
    assert [(op.path, op.op) for op in graph.ops] == [
        ("body.0", "conv"),
        ("body.1", "activation"),
        ("body.0", "conv"),
        ("body.1", "activation"),
        ("", "elementwise"),
    ]
    assert graph.ops[0].weights == graph.ops[2].weights
    assert graph.tensors[graph.ops[0].weights["weight"]].name == "body.0.weight"
    assert graph.tensors[graph.ops[4].inputs[1]][3:5] == ("parameter", "scale")
    assert list(graph.modules) == ["", "body", "body.0", "body.1"]
    assert graph.enclosing_types(graph.ops[0]) == ["torch.nn.Conv2d", "torch.nn.Sequential", "Model"]


def test_control_flow_on_shapes_runs() -> None:
    def forward(m: Model, x: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        if h % 2 == 0 and isinstance(x, torch.Tensor):
            x = x.view(b, c, h * w)
        for row in x:
            last = row
        return last.sum(0) if len(x) == 2 else x

    assert kinds(graph_of(Model(forward))) == ["reshape", "unbind", "reduce"]


def test_in_place_operations_are_seen_by_later_readers() -> None:
    def forward(m: Model, x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y.add_(1)
        y[:, 0] = 0
        y[:, 1].mul_(3)
        return y + x

    graph = graph_of(Model(forward))
    last = graph.ops[-1]
    chain = []
    tensor = last.inputs[0]
    while tensor in graph.producer:
        op = graph.producer[tensor]
        chain.append(op.op)
        tensor = op.inputs[0]
    assert chain == ["copy", "copy", "elementwise", "elementwise"]
    writers = {op.op for op in graph.ops if op.outputs[0] in graph.ops[-2].inputs}
    assert writers == {"copy", "elementwise"}


def test_in_place_relu_changes_what_the_residual_reads() -> None:
    model = Model(lambda m, x: m.relu(m.conv(x)) + 0, conv=nn.Conv2d(8, 8, 1), relu=nn.ReLU(inplace=True))

    def residual(m: Model, x: torch.Tensor) -> torch.Tensor:
        y = m.conv(x)
        z = m.relu(y)
        return y + z

    model.run = residual
    graph = graph_of(model)
    assert graph.ops[-1].inputs == graph.ops[1].outputs * 2


def test_attention_is_seen_inside_multihead_attention() -> None:
    model = Model(
        lambda m, x: m.attention(x, x, x, need_weights=False)[0],
        attention=nn.MultiheadAttention(8, 2, batch_first=True),
    )
    graph = graph_of(model, meta(2, 5, 8))
    assert "attention" in kinds(graph)
    linears = [op for op in graph.ops if op.op == "linear"]
    assert linears[-1].path == "attention.out_proj"
    assert linears[-1].module


def test_transformer_encoder_layer() -> None:
    graph = graph_of(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), meta(2, 5, 8))
    assert kinds(graph).count("layer_norm") == 2
    assert kinds(graph).count("linear") == 4


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_are_one_op(kind: Any) -> None:
    model = Model(lambda m, x: m.rnn(x)[0], rnn=kind(8, 4, 2, batch_first=True, bidirectional=True))
    graph = graph_of(model, meta(2, 5, 8))
    assert kinds(graph) == ["rnn"]
    assert graph.ops[0].attrs["kind"] == kind.__name__.lower()
    assert graph.shape(graph.outputs[0]) == (2, 5, 8)


def test_direct_forward_and_module_built_in_forward() -> None:
    model = Model(lambda m, x: nn.ReLU()(m.conv.forward(x)), conv=nn.Conv2d(8, 4, 1))
    graph = graph_of(model)
    assert [(op.op, op.path, op.module) for op in graph.ops] == [
        ("conv", "conv", True),
        ("activation", "ReLU@0", True),
    ]


def test_subclass_of_a_layer_is_that_layer() -> None:
    class Padded(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(F.pad(x, (1, 1, 1, 1)))

    graph = graph_of(Model(lambda m, x: m.conv(x), conv=Padded(8, 4, 3)))
    assert [(op.op, op.path, op.module) for op in graph.ops] == [("pad", "conv", False), ("conv", "conv", True)]


def test_hooks_of_the_user_run() -> None:
    seen: list[tuple[int, ...]] = []
    conv = nn.Conv2d(8, 4, 1)
    conv.register_forward_hook(lambda m, a, out: out * 2)
    conv.register_forward_pre_hook(lambda m, a: seen.append(tuple(a[0].shape)))
    graph = graph_of(Model(lambda m, x: m.conv(x), conv=conv))
    assert kinds(graph) == ["conv", "elementwise"]
    assert seen == [X]


def test_weight_normalised_layer_is_connected_through_its_weight() -> None:
    conv = nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 4, 1))
    graph = graph_of(Model(lambda m, x: m.conv(x), conv=conv))
    assert graph.ops[-1].op == "conv"
    assert graph.tensors[graph.ops[-1].inputs[1]].shape == (4, 8, 1, 1)


def test_checkpointed_blocks_are_transparent() -> None:
    model = Model(lambda m, x: checkpoint(m.conv, x, use_reentrant=True), conv=nn.Conv2d(8, 4, 1))
    assert kinds(graph_of(model)) == ["conv"]


def test_compiled_functions_run_as_written() -> None:
    def forward(m: Model, x: torch.Tensor) -> torch.Tensor:
        return torch.compile(lambda t: t.relu() + 1)(x)

    assert kinds(graph_of(Model(forward))) == ["activation", "elementwise"]


def test_nested_inputs_and_outputs() -> None:
    def forward(m: Model, features: dict[str, Any]) -> dict[str, Any]:
        return {"out": [features["a"] + features["b"][0]], "n": 3}

    found = trace(Model(forward), ({"a": meta(*X), "b": (meta(*X),)},), {})
    assert found.plain is not None
    graph = Graph.from_plain(found.plain)
    assert [graph.tensors[i].name for i in graph.inputs] == ["arg0.a", "arg0.b.0"]
    assert graph.outputs == graph.ops[-1].outputs


def test_tensors_made_in_the_forward_have_producers() -> None:
    def forward(m: Model, x: torch.Tensor) -> torch.Tensor:
        return x + torch.arange(6, device=x.device) + torch.ones(6) + m.table.to(x.device)

    graph = graph_of(Model(forward, table=torch.ones(6)))
    assert kinds(graph).count("create") == 2
    constants = [t for t in graph.tensors.values() if t.role == "constant"]
    assert [t.name for t in constants] == ["table"]


def test_devices_that_are_not_there() -> None:
    def forward(m: Model, x: torch.Tensor) -> torch.Tensor:
        return x.to("cuda").float().cpu() + torch.zeros(6, device="cuda:0").cuda()

    assert kinds(graph_of(Model(forward))) == ["create", "elementwise"]


def test_call_sites_are_the_expression() -> None:
    model = Model(lambda m, x: (m.conv(x) + 1).relu(), conv=nn.Conv2d(8, 4, 1))
    graph = graph_of(model)
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    texts = []
    for op in graph.ops:
        assert op.call is not None
        assert op.call.file == __file__
        texts.append(lines[op.call.line - 1][op.call.column - 1 : op.call.end_column - 1])
    assert texts == ["m.conv(x)", "m.conv(x) + 1", "(m.conv(x) + 1).relu()"]


def test_a_forward_that_raises_is_shown_up_to_there() -> None:
    def forward(m: Model, x: torch.Tensor) -> torch.Tensor:
        x = m.conv(x)
        return x @ x[..., :2, :]

    found = trace(Model(forward, conv=nn.Conv2d(8, 4, 1)), (meta(*X),), {})
    assert found.status == "partial"
    assert found.plain is not None
    assert [o[1] for o in found.plain["ops"]] == ["conv", "slice"]
    assert found.error is not None
    assert found.error["type"] == "RuntimeError"
    assert found.error["file"] == __file__
    assert found.error["line"] == forward.__code__.co_firstlineno + 2


def reads_data(m: Model, x: torch.Tensor) -> torch.Tensor:
    x = m.conv(x)
    return x[: int((x.mean() * 0).item()) + 1].relu()


def cpu_inputs(device: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (torch.zeros(X, device=device),), {}


def test_the_ladder_goes_down_to_real_tensors() -> None:
    found = trace_ladder(Model(reads_data, conv=nn.Conv2d(8, 4, 1, device="meta")), cpu_inputs)
    assert (found.rung, found.status) == ("fx-real", "ok")
    assert found.plain is not None
    graph = Graph.from_plain(found.plain)
    assert graph.shape(graph.outputs[0]) == (1, 4, 6, 6)


def test_the_ladder_stops_at_an_error_of_shapes() -> None:
    tried: list[str] = []

    def inputs(device: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        tried.append(device)
        return (torch.zeros((2, 3, 6, 6), device=device),), {}

    found = trace_ladder(Model(lambda m, x: m.conv(x), conv=nn.Conv2d(8, 4, 1)), inputs)
    assert found.status == "failed"
    assert tried == ["meta"]


def test_fake_tensors_and_layers_only() -> None:
    model = Model(lambda m, x: m.relu(m.conv(x)) + 1, conv=nn.Conv2d(8, 4, 1, device="meta"), relu=nn.ReLU())
    assert kinds(graph_of(model, torch.zeros(X), rung="fx-fake")) == ["conv", "activation", "elementwise"]
    found = trace(model, (torch.zeros(X),), {}, "hooks")
    assert found.plain is not None
    graph = Graph.from_plain(found.plain)
    assert kinds(graph) == ["conv", "activation"]
    assert graph.shape(graph.ops[1].outputs[0]) == (2, 4, 6, 6)


def test_rungs_agree() -> None:
    model = nn.Sequential(nn.Conv2d(8, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU6(), nn.Flatten(), nn.Linear(16, 3))
    graphs = [
        graph_of(model, torch.zeros(X, device=d), rung=r)
        for r, d in (("fx-meta", "meta"), ("fx-real", "cpu"), ("fx-fake", "cpu"))
    ]
    plain = [g.to_plain() for g in graphs]
    assert plain[0] == plain[1] == plain[2]


def test_the_deadline_ends_a_trace() -> None:
    def forward(m: Model, x: torch.Tensor) -> torch.Tensor:
        for _ in range(10**9):
            try:
                x = x + 1
            except Exception:
                continue
        return x

    found = trace(Model(forward), (meta(*X),), {}, deadline=time.monotonic() + 0.05)
    assert found.status == "partial"
    assert found.error is not None
    assert found.error["type"] == "OutOfTime"


def test_the_model_is_left_as_it_was() -> None:
    def forward(m: Model, x: torch.Tensor) -> torch.Tensor:
        m.calls = 1
        m.cache.append(x)
        m.norm.running_mean += 1
        m.count += 1
        return m.norm(m.conv(x))

    model = Model(forward, conv=nn.Conv2d(8, 4, 1), norm=nn.BatchNorm2d(4), cache=[])
    model.register_buffer("count", torch.zeros((), dtype=torch.long))
    state = {k: v.clone() for k, v in model.state_dict().items()}
    parameters = list(model.parameters())
    for rung, device in (("fx-meta", "meta"), ("fx-real", "cpu"), ("fx-fake", "cpu")):
        found: Trace = trace(model, (torch.zeros(X, device=device),), {}, rung)  # pyright: ignore[reportArgumentType]
        assert found.status == "ok", found.error
    assert model.training
    assert model.norm.training
    assert model.cache == []
    assert not hasattr(model, "calls")
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


def test_lazy_modules_stay_lazy() -> None:
    model = Model(lambda m, x: m.conv(x), conv=nn.LazyConv2d(4, 1))
    assert kinds(graph_of(model)) == ["conv"]
    assert isinstance(model.conv, nn.LazyConv2d)
    assert nn.parameter.is_lazy(model.conv.weight)


def test_torch_is_left_as_it_was() -> None:
    before = (nn.Module.__call__, F.has_torch_function_unary, torch.compile)
    trace(Model(lambda m, x: 1 / 0), (meta(*X),), {})
    assert (nn.Module.__call__, F.has_torch_function_unary, torch.compile) == before


def test_threads_take_turns_and_others_are_not_recorded() -> None:
    model = Model(lambda m, x: [m.conv(x).relu() for _ in range(20)][-1], conv=nn.Conv2d(8, 4, 1))
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(lambda: [nn.Conv2d(8, 4, 1)(torch.zeros(X)).shape for _ in range(50)])
        graphs = list(pool.map(lambda _: graph_of(model).to_plain(), range(2)))
    assert graphs[0] == graphs[1] == graph_of(model).to_plain()
    assert set(other.result()) == {(2, 4, 6, 6)}


def test_no_deadline_by_default() -> None:
    assert trace_ladder(nn.ReLU(), cpu_inputs, math.inf).status == "ok"


def test_an_exception_that_cannot_be_printed_ends_the_trace_where_it_was_raised() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("not even this")

    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        m.conv(x)
        raise Unprintable

    found = trace(Model(forward, conv=nn.Conv2d(8, 8, 1)), (meta(*X),), {})
    assert (found.status, found.ops) == ("partial", 1)
    assert found.error is not None and found.error["type"] == "Unprintable"
