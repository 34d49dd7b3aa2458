"""Migrated weights in networks that were built with other widths."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from advisor import migrate_state_dict
from advisor.migration.live import Migrated
from advisor.worker.migrating.carry import CarryError

from .nets import (
    IMAGE,
    Attended,
    Concat,
    Fused,
    Gated,
    Grouped,
    Multiplied,
    Normed,
    Recurrent,
    Residual,
    Tied,
    Tokens,
    settled,
)


def migrated(old: nn.Module, new: nn.Module, inputs: Any) -> tuple[Migrated, float]:
    """The migration, and how far the outputs are from each other."""
    done = migrate_state_dict(old.state_dict(), old, new, inputs)
    new.load_state_dict(done.state)
    x = inputs if isinstance(inputs, torch.Tensor) else torch.randn(inputs, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return done, float((old(x) - new(x)).abs().max())


WORDS = torch.arange(10).reshape(2, 5)
WIDER: list[tuple[Callable[..., nn.Module], dict[str, int], Any]] = [
    (Residual, {"trunk": 11}, IMAGE),
    (Residual, {"trunk": 11, "middle": 9}, IMAGE),
    (Concat, {"left": 9}, IMAGE),
    (Concat, {"left": 7, "right": 6}, IMAGE),
    (Grouped, {"width": 12}, IMAGE),
    (Gated, {"width": 10, "squeezed": 5, "up": 6}, IMAGE),
    (Multiplied, {"width": 9}, IMAGE),
    (Tokens, {"width": 12, "hidden": 20}, IMAGE),
    (Tokens, {"head": 6}, IMAGE),
    (Tokens, {"heads": 3}, IMAGE),
    (Fused, {"head": 6}, IMAGE),
    (partial(Fused, own=True), {"head": 6}, IMAGE),
    (partial(Fused, split=True), {"head": 7}, IMAGE),
    (Fused, {"heads": 3}, IMAGE),
    (partial(Fused, split=True), {"heads": 3}, IMAGE),
    (Recurrent, {"width": 9, "hidden": 8}, WORDS),
    (Tied, {"width": 9}, WORDS),
    (Normed, {"width": 16}, IMAGE),
    (Attended, {"width": 12}, IMAGE),
]


@pytest.mark.parametrize(("build", "wider", "inputs"), WIDER, ids=lambda v: getattr(v, "__name__", str(v))[:40])
def test_a_wider_network_computes_the_same(build, wider, inputs):
    old, new = settled(build()), settled(build(**wider), seed=1)
    done, difference = migrated(old, new, inputs)
    assert [layer for layer in done.outcome.layers if not layer.exact] == []
    assert done.outcome.exact
    assert difference < 1e-5
    assert any("zero padding" in layer.what or "duplication" in layer.what for layer in done.outcome.changed)


@pytest.mark.parametrize(
    ("build", "wider", "why"),
    [
        (lambda **k: Tokens(norm=True, **k), {"width": 12}, "norm normalises over the channels"),
        (Normed, {"width": 12}, "norm normalises over groups of channels"),
        (Attended, {"width": 8}, "takes the mean over channels"),
    ],
)
def test_what_mixes_channels_is_said_to_be_inexact(build, wider, why):
    done, difference = migrated(settled(build()), settled(build(**wider), seed=1), IMAGE)
    assert not done.outcome.exact
    assert difference > 1e-5
    assert any(why in layer.why for layer in done.outcome.layers)


def test_repeated_channels_pass_a_normalisation_over_them():
    old, new = settled(Tokens(norm=True)), settled(Tokens(width=16, norm=True), seed=1)
    done, difference = migrated(old, new, IMAGE)
    assert done.outcome.exact
    assert difference < 1e-5
    assert "duplication" in next(layer.what for layer in done.outcome.layers if layer.layer == "norm")


def test_new_channels_can_be_trained():
    """They begin as the new model has them: were they zero, neither they nor their readers would ever move."""
    old, new = settled(Residual()), settled(Residual(middle=9), seed=1)
    migrated(old, new, IMAGE)
    new(torch.randn(IMAGE)).square().sum().backward()
    assert float(new.b.weight.grad[:, 6:].abs().min()) > 0


def test_the_largest_channels_stay_wherever_they_are_tied():
    old, new = settled(Residual()), settled(Residual(middle=3), seed=1)
    with torch.no_grad():
        for keep, channel in enumerate((5, 0, 2)):
            old.a.weight[channel] *= 10 + keep
    done, _ = migrated(old, new, IMAGE)
    assert not done.outcome.exact
    assert torch.equal(new.a.weight, old.a.weight[[0, 2, 5]])
    assert torch.equal(new.b.weight, old.b.weight[:, [0, 2, 5]])
    assert torch.equal(new.na.running_var, old.na.running_var[[0, 2, 5]])
    assert next(layer.why for layer in done.outcome.layers if layer.layer == "a") == "channels are dropped"


def test_dropping_channels_that_are_zero_keeps_the_outputs():
    old, new = settled(Concat()), settled(Concat(left=4), seed=1)
    with torch.no_grad():
        for channel in (1, 3):
            old.mix.weight[:, [channel, 10 + channel]] = 0
            old.left.weight[channel] = 0
            old.each.weight[channel] = 0
    _, difference = migrated(old, new, IMAGE)
    assert difference < 1e-5


def test_equal_networks_keep_every_value_dtype_and_layout():
    old, new = settled(Residual()).to(memory_format=torch.channels_last), settled(Residual(), seed=1)
    state = {name: value.half() if value.is_floating_point() else value for name, value in old.state_dict().items()}
    done = migrate_state_dict(state, old, new, IMAGE)
    assert done.outcome.changed == []
    assert done.state.keys() == state.keys()
    for name, value in done.state.items():
        assert torch.equal(value, state[name])
        assert value.dtype == state[name].dtype
        assert value.stride() == state[name].stride()
        assert value.data_ptr() != state[name].data_ptr()


def test_models_are_left_as_they_were():
    old, new = Residual(), Residual(trunk=9)
    before = {name: value.clone() for name, value in new.state_dict().items()}
    migrate_state_dict(old.state_dict(), old, new, IMAGE)
    assert old.training and new.training
    assert all(torch.equal(value, before[name]) for name, value in new.state_dict().items())


def test_layers_that_are_new_or_gone_are_named():
    class More(Residual):
        def __init__(self) -> None:
            super().__init__()
            self.extra = nn.Conv2d(8, 8, 1)

        def forward(self, x):
            x = self.stem(x)
            x = torch.sigmoid(x + self.nb(self.b(torch.relu(self.na(self.a(x))))))
            return self.head(torch.tanh(self.extra(x)).mean((2, 3)))

    torch.manual_seed(3)
    old, new = settled(Residual()), settled(More(), seed=1)
    start = new.extra.weight.clone()
    done, _ = migrated(old, new, IMAGE)
    assert torch.equal(new.extra.weight, start)
    said = {layer.layer: layer for layer in done.outcome.layers}
    assert "initial values" in said["extra"].what
    assert not said["extra"].exact
    back = migrate_state_dict(new.state_dict(), new, old, IMAGE)
    assert set(back.outcome.dropped) == {"extra.weight", "extra.bias"}
    assert not back.outcome.exact


def test_modules_that_were_renamed_keep_their_weights():
    class Renamed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3))

        def forward(self, x):
            return self.body(x).mean((2, 3))

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm, self.second = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3)

        def forward(self, x):
            return self.second(torch.relu(self.norm(self.first(x)))).mean((2, 3))

    done, difference = migrated(settled(Plain()), settled(Renamed(), seed=1), IMAGE)
    assert difference == 0
    assert done.outcome.exact


def test_another_models_state_is_refused():
    with pytest.raises(CarryError, match=r"the checkpoint has no stem\.weight"):
        migrate_state_dict({"x": torch.zeros(1)}, Residual(), Residual(trunk=9), IMAGE)
    with pytest.raises(CarryError, match=r"stem\.weight has the shape \(9, 3, 3, 3\)"):
        migrate_state_dict(Residual(trunk=9).state_dict(), Residual(), Residual(trunk=9), IMAGE)
