"""Changes of structure: what is made of the old weights, and what is said of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from advisor.migration.outcome import Layer, Outcome

from .nets import IMAGE, settled
from .test_live import migrated


class Chain(nn.Module):
    """Layers one after the other, averaged over the image and classified."""

    def __init__(self, *layers: nn.Module, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3)))


def of(outcome: Outcome, layer: str) -> Layer:
    return next(found for found in outcome.layers if found.layer == layer)


def conv(a: int, b: int, kernel: int = 3, **more: int | bool) -> nn.Conv2d:
    return nn.Conv2d(a, b, kernel, padding=kernel // 2, **more)  # pyright: ignore[reportArgumentType]


def pair(old: list[nn.Module], new: list[nn.Module], width: int) -> tuple[Outcome, float]:
    done, difference = migrated(settled(Chain(*old, width=width)), settled(Chain(*new, width=width), 1), IMAGE)
    return done.outcome, difference


def test_a_bias_before_a_norm_goes_into_its_mean():
    outcome, difference = pair(
        [conv(3, 8), nn.BatchNorm2d(8), nn.ReLU()], [conv(3, 8, bias=False), nn.BatchNorm2d(8), nn.ReLU()], 8
    )
    assert outcome.exact
    assert difference < 1e-5
    assert "running mean" in of(outcome, "body.0").what


def test_a_bias_with_no_norm_behind_it_is_missed():
    outcome, difference = pair([conv(3, 8), nn.ReLU()], [conv(3, 8, bias=False), nn.ReLU()], 8)
    assert difference > 1e-5
    assert (of(outcome, "body.0").exact, of(outcome, "body.0").why) == (False, "nothing takes it up")


def test_new_biases_and_new_norms_change_nothing():
    outcome, difference = pair(
        [conv(3, 8, bias=False), nn.ReLU()], [conv(3, 8), nn.BatchNorm2d(8, eps=1e-3), nn.ReLU()], 8
    )
    assert outcome.exact
    assert difference < 1e-5


def test_merged_layers_are_their_product():
    old = [conv(3, 8, bias=False), nn.BatchNorm2d(8), conv(8, 6, 1), nn.ReLU(), conv(6, 4)]
    outcome, difference = pair(old, [conv(3, 6), nn.ReLU(), conv(6, 4)], 4)
    assert outcome.exact
    assert difference < 1e-5
    assert of(outcome, "body.0").what == "the product of body.0 and body.2"


def bottleneck(act: bool) -> list[nn.Module]:
    inner = [nn.ReLU()] if act else []
    first = [conv(8, 24, 1, bias=False), nn.BatchNorm2d(24), *inner]
    return [conv(3, 8), *first, conv(24, 24, groups=24, bias=False), nn.BatchNorm2d(24), nn.ReLU(), conv(24, 8, 1)]


def fused() -> list[nn.Module]:
    return [conv(3, 8), conv(8, 24, bias=False), nn.BatchNorm2d(24), nn.ReLU(), conv(24, 8, 1)]


def test_a_fused_bottleneck_has_its_error():
    outcome, _ = pair(bottleneck(act=True), fused(), 8)
    layer = of(outcome, "body.1")
    assert layer.what == "initialised from body.1 and body.4"
    assert not layer.exact and layer.why == "body.3 stood between"
    assert layer.error is not None and 0.1 < layer.error < 1
    assert [found for found in outcome.changed if found is not layer] == []


def test_a_fused_bottleneck_predicts_better_than_new_weights():
    old = settled(Chain(*bottleneck(act=True), width=8))
    new = settled(Chain(*fused(), width=8), 1)
    x = torch.randn(IMAGE)
    with torch.no_grad():
        fresh = float((old(x) - new(x)).square().mean())
        migrated(old, new, IMAGE)
        assert float((old(x) - new(x)).square().mean()) < fresh


def test_a_split_convolution_is_followed_by_a_norm_that_changes_nothing():
    outcome, _ = pair(fused(), bottleneck(act=True), 8)
    assert of(outcome, "body.1").error is not None
    assert of(outcome, "body.2").what == "a new norm, set to change nothing"
    assert of(outcome, "body.1").why == "body.3 stands between now"


def test_depthwise_made_standard_is_exact_and_back_has_an_error():
    def net(groups: int) -> list[nn.Module]:
        return [conv(3, 8), conv(8, 8, groups=groups), nn.ReLU()]

    outcome, difference = pair(net(8), net(1), 8)
    assert outcome.exact
    assert difference < 1e-5
    back, _ = pair(net(1), net(8), 8)
    assert not back.exact
    assert of(back, "body.1").error is not None


def test_another_function_or_stride_is_named():
    outcome, _ = pair([conv(3, 8), nn.ReLU()], [conv(3, 8, stride=2), nn.SiLU()], 8)
    assert of(outcome, "body.0").why == "stride 1×1 → 2×2"
    assert of(outcome, "body.1").why == "fn relu → silu"
    assert not outcome.exact


def test_a_kernel_of_another_size_keeps_its_initial_values_and_that_is_said():
    outcome, _ = pair([conv(3, 8), nn.ReLU()], [conv(3, 8, 5), nn.ReLU()], 8)
    layer = of(outcome, "body.0")
    assert "weight keeps its initial values" in layer.what
    assert not layer.exact
