"""Weights that cost nothing on meta and are the same in every run where values are computed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from advisor.worker.load.cheapweights import cheap_weights

from ..audits import Auditor, attempt, candidate


@pytest.fixture
def dirty_memory() -> Iterator[None]:
    """In here torch fills what it allocates without values with NaN."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def net() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64), nn.Linear(64, 100), nn.Embedding(50, 20))
    model.extra = nn.Parameter(nn.init.trunc_normal_(torch.empty(70, 80)))
    model.tokens = nn.Parameter(torch.empty(40, 30).normal_().erfinv_())
    return model


def test_real_weights_are_finite_and_the_same_each_time(dirty_memory: None) -> None:
    with cheap_weights():
        first, second = net().state_dict(), net().state_dict()
    assert all(torch.isfinite(value).all() for value in first.values())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(first["1.weight"], torch.ones(64))
    assert first["0.weight"].std() > 0


def test_torch_draws_as_before_afterwards() -> None:
    with cheap_weights():
        pass
    assert not torch.equal(nn.Linear(40, 40).weight, nn.Linear(40, 40).weight)


class Noting(nn.BatchNorm2d):
    def reset_parameters(self) -> None:
        self.resets = getattr(self, "resets", 0) + 1
        super().reset_parameters()


def test_layers_on_meta_are_what_they_are_without_us() -> None:
    with torch.device("meta"):
        usual = net().state_dict()
        with cheap_weights():
            cheap, noting = net().state_dict(), Noting(3)
    assert {k: (v.shape, v.dtype, v.device) for k, v in cheap.items()} == {
        k: (v.shape, v.dtype, v.device) for k, v in usual.items()
    }
    assert noting.resets == 1
    with cheap_weights():
        assert torch.equal(Noting(3).weight, torch.ones(3))


ROUTED = """
import random
import torch
from torch import nn

torch.use_deterministic_algorithms(True)  # what is allocated without values is NaN

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(64, 64)

    def forward(self, x):
        x = self.gate(x)
        for _ in range(int(x.abs().sum() * 1000 + 100 * torch.rand(()) + 100 * random.random()) % 40 + 1):
            x = self.gate(x)
        return x
"""


def test_control_flow_on_values_gives_the_same_graph_each_time(auditor: Auditor) -> None:
    path = auditor.write("net.py", ROUTED)
    models = [auditor.run(path, candidate("Net", attempts=[attempt(source="default")]))[2] for _ in range(2)]
    assert [m["status"] for m in models] == ["ok", "ok"], models[0]["error"]
    assert models[0]["rung"] == "fx-real"
    assert models[0]["graph"] == models[1]["graph"]
