"""Weights made of several old ones, held against the layers that they stand for."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from advisor.worker.migrating.making import make


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def norm(width: int) -> nn.BatchNorm2d:
    made = nn.BatchNorm2d(width).eval()
    for i, tensor in enumerate((made.weight, made.bias, made.running_mean, made.running_var)):
        tensor.data = torch.rand(width, generator=torch.Generator().manual_seed(i)) + 0.5
    return made


def named(prefix: str, module: nn.Module) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """A layer's weights by role, and the state dict that holds them."""
    state = {f"{prefix}.{k}": v.detach() for k, v in module.state_dict().items() if v.is_floating_point()}
    return {name.rpartition(".")[2]: name for name in state}, state


def layers(**modules: nn.Module) -> tuple[dict[str, dict[str, str]], dict[str, torch.Tensor]]:
    roles, state = {}, {}
    for prefix, module in modules.items():
        roles[prefix], own = named(prefix, module)
        state |= own
    return roles, state


RESULTS = {"weight": "w", "bias": "b"}


def test_a_product_of_convolutions_folds_the_norm_between():
    first, between, second = nn.Conv2d(3, 8, 3, padding=1), norm(8), nn.Conv2d(8, 5, 1)
    roles, state = layers(first=first, norm=between, second=second)
    sources = {
        "first": roles["first"],
        "norms": [{**roles["norm"], "eps": between.eps}],
        "activation": None,
        "second": roles["second"],
    }
    made, error = make({"kind": "merge", "sources": sources, "results": RESULTS}, state)
    x = drawn(2, 3, 9, 9)
    assert error is None
    assert torch.allclose(F.conv2d(x, made["w"], made["b"], padding=1), second(between(first(x))), atol=1e-5)


def bottleneck(activation: str | None) -> tuple[dict[str, object], dict[str, torch.Tensor], nn.Module]:
    expand, between = nn.Conv2d(4, 12, 1, bias=False), norm(12)
    filters = nn.Conv2d(12, 12, 3, padding=1, groups=12)
    roles, state = layers(expand=expand, norm=between, filters=filters)
    sources = {
        "first": roles["expand"],
        "norms": [{**roles["norm"], "eps": between.eps}],
        "activation": activation,
        "second": roles["filters"],
        "reads": None,
        "padding": [1, 1],
        "dilation": [1, 1],
    }
    return sources, state, nn.Sequential(expand, between, nn.ReLU() if activation else nn.Identity(), filters)


def test_a_fused_convolution_is_exact_inside_of_the_image_where_nothing_nonlinear_stands_between():
    sources, state, block = bottleneck(None)
    made, error = make({"kind": "fuse", "sources": sources, "results": RESULTS}, state)
    x = drawn(2, 4, 9, 9)
    fused, truth = F.conv2d(x, made["w"], made["b"], padding=1), block(x)
    assert torch.allclose(fused[..., 1:-1, 1:-1], truth[..., 1:-1, 1:-1], atol=1e-5)
    assert error is not None and 0 < error < 1  # at the borders the norm's constant was not padded


def test_a_fused_convolution_is_the_least_squares_fit():
    """No other gain of a channel and no other constant predicts the block better on normal inputs."""
    sources, state, block = bottleneck("relu")
    made, error = make({"kind": "fuse", "sources": sources, "results": RESULTS}, state)
    x = torch.randn(64, 4, 16, 16, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        truth = block(x)[..., 1:-1, 1:-1]

    def lost(weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return (F.conv2d(x, weight, bias) - truth).square().mean((0, 2, 3))

    best = lost(made["w"], made["b"])
    for factor in (0.9, 1.1):
        assert bool((lost(made["w"] * factor, made["b"]) > best).all())
    for offset in (-0.05, 0.05):
        assert bool((lost(made["w"], made["b"] + offset) > best).all())
    assert error is not None
    assert error == pytest.approx(float((best.sum() / truth.var((0, 2, 3)).sum()).sqrt()), rel=0.2)


def test_filters_that_are_products_are_split_without_loss():
    weight = drawn(6, 4, 1, 1) * drawn(6, 1, 3, 3)
    results = {"pointwise": "p", "depthwise": "d"}
    made, error = make({"kind": "unfuse", "sources": {"weight": "x"}, "results": results}, {"x": weight})
    assert error == pytest.approx(0, abs=1e-6)
    assert torch.allclose(made["p"] * made["d"], weight, atol=1e-6)
    _, error = make({"kind": "unfuse", "sources": {"weight": "x"}, "results": results}, {"x": drawn(6, 4, 3, 3)})
    assert error is not None and 0.3 < error < 1


def test_grouped_filters_as_a_block_diagonal_compute_the_same():
    weight, x = drawn(6, 2, 3, 3), drawn(2, 6, 8, 8)
    sources = {"weight": "x", "had": 3, "groups": 1}
    made, error = make({"kind": "regroup", "sources": sources, "results": {"weight": "w"}}, {"x": weight})
    assert error is None
    assert torch.allclose(F.conv2d(x, made["w"]), F.conv2d(x, weight, groups=3), atol=1e-5)
    sources = {"weight": "x", "had": 1, "groups": 6}
    made, error = make({"kind": "regroup", "sources": sources, "results": {"weight": "w"}}, {"x": made["w"]})
    assert torch.equal(made["w"][:, 0], torch.stack([weight[i, i % 2] for i in range(6)]))
    assert error == pytest.approx(float((1 - made["w"].square().sum() / weight.square().sum()).sqrt()), rel=1e-4)


def test_the_dtype_is_that_of_the_old_weights():
    made, _ = make(
        {"kind": "unfuse", "sources": {"weight": "x"}, "results": {"pointwise": "p", "depthwise": "d"}},
        {"x": drawn(6, 4, 3, 3).half()},
    )
    assert made["p"].dtype == made["d"].dtype == torch.float16
