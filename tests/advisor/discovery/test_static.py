from __future__ import annotations

from pathlib import Path

from advisor.discovery.static import layer_calls, static_graph
from advisor.graph import Graph

from .helpers import found

CODE = """
import torch.nn as nn
from torch.nn import Linear as L
WIDTH = 16
class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.a = nn.Conv2d(3, WIDTH * 2, (3, 5), padding=1, groups=1, bias=False)
        self.b = nn.Conv2d(width, 8, 1)
        self.c = nn.Sequential(nn.ReLU6(), L(32, 10))
        self.p = nn.Parameter(None)
        self.loss = nn.CrossEntropyLoss()
    def forward(self, x): return x
class Other(nn.Module):
    def __init__(self):
        super().__init__()
        self.z = nn.LSTM(3, 4)
    def forward(self, x): return x
"""


def test_layers_as_written(tmp_path: Path) -> None:
    discovery = found(tmp_path, CODE)
    assert discovery.source is not None
    net = next(c for c in discovery.candidates if c.name == "Net")
    graph = static_graph(discovery.source, net)
    assert graph is not None
    assert [(o.path, o.op) for o in graph.ops] == [
        ("a", "conv"),
        ("b", "other"),
        ("c@10:32", "activation"),
        ("c@10:44", "linear"),
    ]
    first = graph.ops[0]
    assert first.attrs["kernel"] == [3, 5]
    assert graph.weight_shape(first) == (32, 3, 3, 5)
    assert "bias" not in first.weights
    site = graph.site(first)
    assert site is not None
    assert (site.line, site.column) == (8, 18)
    assert not graph.connected()
    assert Graph.from_plain(graph.to_plain()).to_plain() == graph.to_plain()


def test_a_class_without_layers_has_no_static_graph(tmp_path: Path) -> None:
    code = "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x): return x\n"
    discovery = found(tmp_path, code)
    assert discovery.source is not None
    assert static_graph(discovery.source, discovery.candidates[0]) is None


def test_layer_calls_leave_out_what_is_no_layer(tmp_path: Path) -> None:
    discovery = found(tmp_path, CODE)
    assert discovery.source is not None
    spans = layer_calls(discovery.source)
    assert [s.line for s in spans] == [8, 9, 10, 10, 17]
