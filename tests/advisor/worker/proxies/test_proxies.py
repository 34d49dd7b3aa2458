"""Each proxy against its paper's formula, worked out another way, and against networks whose order is known."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from advisor.worker.proxies import aznas, counts, meco, naswot, synflow, zen
from advisor.worker.proxies.blocks import blocks
from advisor.worker.proxies.rig import Inputs, Unscorable, gaussian

from .networks import Applied, Net, images, made

EVERY: dict[str, Callable[[nn.Module, Inputs], float]] = {
    "naswot": naswot.naswot,
    "expressivity": lambda m, x: aznas.expressivity(aznas.entropies(m, x, blocks(m, x))),
    "progressivity": lambda m, x: aznas.progressivity(aznas.entropies(m, x, blocks(m, x))),
    "trainability": lambda m, x: aznas.trainability(m, x, blocks(m, x), 0),
    "synflow": synflow.synflow,
    "zen": lambda m, x: zen.zen(m, x, blocks(m, x), 0),
    "meco": meco.meco,
    "meco-drawn": lambda m, x: meco.meco_drawn(m, x, 0),
    "flops": counts.flops,
}


@pytest.mark.parametrize("name", EVERY)
def test_a_score_is_a_number_that_comes_again_and_leaves_the_model_as_it_was(name):
    model, inputs = made().train(), images()
    before = copy.deepcopy(model.state_dict())
    given = inputs.args[0].clone()
    first = EVERY[name](model, inputs)
    assert math.isfinite(first)
    assert EVERY[name](model, inputs) == pytest.approx(first, rel=1e-6)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(m.training for m in model.modules())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert torch.equal(inputs.args[0], given)


@pytest.mark.parametrize("name", ["naswot", "expressivity", "synflow", "zen", "meco-drawn", "flops"])
def test_a_deeper_network_scores_higher(name):
    assert EVERY[name](made(Net, 8, 5), images()) > EVERY[name](made(Net, 8, 1), images())


def test_naswot_is_the_determinant_of_the_codes_hamming_kernel():
    below, above = nn.Linear(6, 20), nn.Linear(20, 12)
    model = nn.Sequential(below, nn.ReLU(), above, nn.ReLU())
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    first = below(x)
    second = above(first.relu())
    codes = torch.cat([first > 0, second > 0], 1)
    kernel = torch.tensor([[float((a == b).sum()) for b in codes] for a in codes])
    assert naswot.naswot(model, Inputs((x,), {})) == pytest.approx(float(torch.logdet(kernel)), rel=1e-5)


def test_naswot_sees_functions_and_modules_alike():
    class Functions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.silu(self.conv(x)).sum()

    model = Functions()
    same = nn.Sequential(model.conv, nn.SiLU())
    assert naswot.naswot(model, images()) == naswot.naswot(same, images())


def test_naswot_counts_gates_only_where_there_is_nothing_else():
    layer = nn.Linear(6, 50)
    gated = nn.Sequential(layer, nn.ReLU(), nn.Sigmoid())
    x = gaussian(Inputs((torch.empty(4, 6),), {}), 0)
    assert naswot.naswot(gated, x) == naswot.naswot(nn.Sequential(layer, nn.ReLU()), x)
    assert math.isfinite(naswot.naswot(nn.Sequential(layer, nn.Sigmoid()), x))


@pytest.mark.parametrize(
    ("model", "inputs", "why"),
    [
        (nn.Linear(6, 4), Inputs((torch.ones(4, 6),), {}), "no nonlinearity"),
        (nn.Sequential(nn.Linear(6, 4), nn.ReLU()), Inputs((torch.ones(1, 6),), {}), "one image"),
        (nn.Sequential(nn.Linear(6, 4), nn.ReLU()), Inputs((torch.ones(4, 6),), {}), "apart"),
    ],
)
def test_naswot_says_why_it_says_nothing(model, inputs, why):
    with pytest.raises(Unscorable, match=why):
        naswot.naswot(model, inputs)


def test_entropy_of_independent_channels_is_the_logarithm_of_their_number():
    independent = torch.randn(64, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    assert aznas.entropy(independent) == pytest.approx(math.log(8), abs=0.01)
    same = independent[:, :1].expand(-1, 8, -1, -1)
    assert aznas.entropy(same) == pytest.approx(0, abs=0.01)
    assert aznas.entropy(torch.zeros(4, 8, 2, 2)) == 0


def test_entropy_takes_the_same_from_positions_or_channels():
    """More channels than positions: the smaller product has the same eigenvalues."""
    wide = torch.randn(2, 40, 3, 3, generator=torch.Generator().manual_seed(0))
    matrix = wide.permute(0, 2, 3, 1).reshape(-1, 40)
    matrix = matrix - matrix.mean(0)
    shares = torch.linalg.eigvalsh(matrix.T @ matrix).clamp_min(0)
    shares = shares / shares.sum()
    assert aznas.entropy(wide) == pytest.approx(float(-torch.special.xlogy(shares, shares).sum()), rel=1e-3)


def test_progressivity_is_the_smallest_step():
    assert aznas.progressivity([1.0, 3.0, 3.5, 5.0]) == 0.5
    with pytest.raises(Unscorable, match="single block"):
        aznas.progressivity([1.0])


def test_trainability_is_best_where_a_block_keeps_the_gradients_size():
    """A block that is a number times an orthogonal map: sigma is that number, up to the noise of few positions."""

    def score(by: float) -> float:
        torch.manual_seed(0)
        layer = nn.Conv2d(8, 8, 1, bias=False)
        nn.init.orthogonal_(layer.weight)
        layer.weight.data *= by
        return aznas.trainability(nn.Sequential(layer), images(16, 32, 8), [("0",)], 0)

    assert score(1.0) == pytest.approx(0, abs=0.01)
    assert score(1.0) > score(3.0) > score(10.0)
    assert score(1.0) > score(0.3) > score(0.1)


def test_trainability_meets_the_positions_of_a_stride():
    """A convolution of 2 x 2 with stride 2 that copies one position: its gradient is found in the stacked channels."""
    layer = nn.Conv2d(4, 4, 2, 2, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:, :, 1, 0] = torch.eye(4)
    assert aznas.trainability(nn.Sequential(layer), images(16, 32, 4), [("0",)], 0) == pytest.approx(0, abs=0.01)


def test_synflow_is_the_flow_through_each_weight_counted_layer_by_layer():
    """In a chain without biases every layer's scores sum to R (the paper's conservation): three layers, 3 R."""
    layers = [nn.Linear(a, b, bias=False) for a, b in ((5, 7), (7, 6), (6, 2))]
    model = nn.Sequential(layers[0], nn.ReLU(), *layers[1:])
    flow = torch.ones(1, 5, dtype=torch.float64)
    for layer in layers:
        flow = flow @ layer.weight.detach().double().abs().T
    inputs = Inputs((torch.randn(4, 5),), {})
    assert synflow.synflow(model, inputs) == pytest.approx(math.log(3 * float(flow.sum())), rel=1e-9)


def test_synflow_leaves_normalisations_out():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False))
    normed = nn.Sequential(plain[0], nn.BatchNorm2d(4, affine=False))
    assert synflow.synflow(normed, images()) == synflow.synflow(plain, images())


@pytest.mark.parametrize(
    "clipped",
    [
        nn.ReLU6(),
        nn.ReLU6(inplace=True),
        nn.Hardtanh(0, 6),
        Applied(lambda x: x.clamp(0, 6)),
        Applied(lambda x: torch.clamp(x, max=6)),
        Applied(lambda x: x.clone().clip_(min=0, max=6)),
    ],
    ids=repr,
)
def test_synflow_passes_a_clipped_activation_as_a_relu_does(clipped):
    """The flow leaves ReLU6's range at once; cut off there, it would be the same however wide the network is."""

    def of(width: int, act: nn.Module) -> float:
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, width, 3), act, nn.Conv2d(width, width, 3), act, nn.Conv2d(width, 8, 3)]
        return synflow.synflow(nn.Sequential(*layers), images())

    assert of(16, clipped) == pytest.approx(of(16, nn.ReLU()), rel=1e-12)
    assert of(64, clipped) > of(16, clipped) + 1


def test_synflow_says_where_nothing_flows_and_where_too_much_does():
    last = nn.Linear(4, 4, bias=False)
    nn.init.zeros_(last.weight)
    dead = nn.Sequential(nn.Linear(4, 4), last)
    with pytest.raises(Unscorable, match="nothing flows"):
        synflow.synflow(dead, Inputs((torch.ones(2, 4),), {}))
    deep = nn.Sequential(*(nn.Linear(300, 300) for _ in range(330)))
    with pytest.raises(Unscorable, match="double precision"):
        synflow.synflow(deep, Inputs((torch.ones(2, 300),), {}))


def test_zen_gives_back_what_normalisations_take_away():
    """A normalisation divides by the standard deviation of Gaussian sums; the correction multiplies it in again."""
    layer = nn.Conv2d(8, 16, 1, bias=False)
    plain = nn.Sequential(nn.Sequential(layer))
    normed = nn.Sequential(nn.Sequential(layer, nn.BatchNorm2d(16)))
    inputs = images(16, 16, 8)
    of_plain = zen.zen(plain, inputs, [("0",)], 0)
    assert zen.zen(normed, inputs, [("0",)], 0) == pytest.approx(of_plain, abs=0.1)


def test_meco_is_the_smallest_eigenvalue_of_each_layers_correlation():
    model = made(Net, 8, 1).eval()
    inputs = images(4, 32)
    expected = 0.0
    maps: list[torch.Tensor] = []
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    handles = [m.register_forward_hook(lambda _m, _a, out: maps.append(out[0].detach().flatten(1))) for m in convs]
    meco_score = meco.meco(model, inputs)
    expected = sum(float(torch.linalg.eigvalsh(torch.corrcoef(m))[0]) for m in maps)
    for handle in handles:
        handle.remove()
    assert meco_score == pytest.approx(expected, rel=1e-3)


def test_meco_of_maps_with_fewer_positions_than_channels_is_nothing_but_drawn_ones_are_not():
    model = nn.Sequential(nn.Conv2d(3, 64, 3, 4, 1))
    assert meco.meco(model, images(4, 16)) == 0
    assert meco.meco_drawn(model, images(4, 16), 0) > 0


def test_counts_are_of_one_image():
    model = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False))
    assert counts.flops(model, images(8, 16)) == 2 * 16 * 16 * 3 * 4
    assert counts.params(model) == 12
