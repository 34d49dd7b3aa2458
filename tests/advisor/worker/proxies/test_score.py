from __future__ import annotations

import copy
import math
import time

import pytest
import torch
from torch import nn

from advisor.worker.proxies import depth, fresh
from advisor.worker.proxies.rig import Inputs, Unscorable
from advisor.worker.proxies.score import BATCH, COMPARED, Bench, scored, smallest

from .networks import Net, images, made

NO_END = 60.0


def until(seconds: float = NO_END) -> float:
    return time.monotonic() + seconds


def given(*shape: int) -> Inputs:
    return Inputs((torch.zeros(shape),), {})


# ---- weights


def test_weights_are_drawn_anew_the_same_each_time_and_the_model_is_left_alone():
    model = made()
    before = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    first, second = fresh.renewed(model, 0), fresh.renewed(model, 0)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(next(first.parameters()), next(model.parameters()))


def test_a_model_without_data_gets_weights():
    with torch.device("meta"):
        model = Net()
    new = fresh.renewed(model, 0)
    assert all(not t.is_meta and torch.isfinite(t).all() for t in (*new.parameters(), *new.buffers()))
    torch.manual_seed(0)
    usual = nn.Conv2d(3, 8, 3)
    stem = new.get_parameter("stem.weight")
    assert stem.std().item() == pytest.approx(usual.weight.std().item(), rel=0.3)


def test_the_models_own_initialisation_is_respected():
    class Own(Net):
        def _init_weights(self, module: nn.Module) -> None:
            if isinstance(module, nn.Conv2d):
                nn.init.constant_(module.weight, 0.5)

    assert (fresh.renewed(Own(), 0).get_parameter("stem.weight") == 0.5).all()


def test_an_initialisation_that_raises_costs_nothing_but_itself():
    class Own(Net):
        def _init_weights(self, module: nn.Module) -> None:
            raise RuntimeError("needs a checkpoint")

    assert torch.isfinite(fresh.renewed(Own(), 0).get_parameter("stem.weight")).all()


def test_tied_weights_stay_tied():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    new = fresh.renewed(model, 0)
    assert new.get_parameter("0.weight") is new.get_parameter("1.weight")


def test_what_starts_shut_is_opened_but_biases_and_tables_are_not():
    class Shut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.full((8,), 1e-6))
            self.gate = nn.Parameter(torch.zeros(()))
            self.table = nn.Parameter(torch.zeros(1, 9, 8))
            self.norm = nn.BatchNorm2d(8)
            self.conv = nn.Conv2d(8, 8, 1)
            nn.init.zeros_(self.norm.weight)
            nn.init.zeros_(self.conv.weight)
            nn.init.zeros_(self.norm.bias)

    found = dict(fresh.opened(Shut(), 0).named_parameters())
    assert all((found[name] == 1).all() for name in ("scale", "gate", "norm.weight"))
    assert found["conv.weight"].std() > 0
    assert not found["table"].any()
    assert not found["norm.bias"].any()


def test_what_a_move_resized_is_distributed_as_before_for_its_inputs():
    before, after = nn.Sequential(nn.Linear(400, 64)), nn.Sequential(nn.Linear(100, 32))
    nn.init.normal_(before.get_parameter("0.weight"), 0, 0.05)
    nn.init.constant_(before.get_parameter("0.bias"), 0.25)
    nn.init.zeros_(after.get_parameter("0.weight"))
    fresh.regrown(before, after, ["0.weight", "0.bias"], 0)
    assert float(after.get_parameter("0.weight").std()) == pytest.approx(0.1, rel=0.05)
    assert (after.get_parameter("0.bias") == 0.25).all()


# ---- layers


def test_layers_stand_in_the_order_of_execution_with_signal_and_gradient():
    rows = depth.layers(made(), images(), 0)
    assert [r.path for r in rows][:3] == ["stem", "blocks.0.conv1", "blocks.0.conv2"]
    assert all(r.signal > 0 and r.gradient > 0 and 0 < r.spread <= 1.001 for r in rows)


def test_a_branch_that_no_gradient_reaches_has_none():
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.a(x) + self.b(x).detach()

    found = {r.path: r.gradient for r in depth.layers(Cut(), images(), 0)}
    assert found["a"] > 0
    assert found["b"] == 0


def test_a_gradient_is_seen_where_the_next_layer_works_in_place():
    """A linear layer's output over images of positions is a view, which an activation in place takes from its hooks."""
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))
    inputs = Inputs((torch.randn(4, 5, 5, 3, generator=torch.Generator().manual_seed(0)),), {})
    assert all(r.gradient > 0 for r in depth.layers(model, inputs, 0))


def test_a_signal_that_all_inputs_share_has_no_spread():
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.b(self.a(x) * 0 + 1)

    assert depth.layers(Constant(), images(), 0)[1].spread < 1e-6


def test_an_output_without_a_gradient_has_no_layers():
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Conv2d(3, 4, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.a(x).argmax(1)

    with pytest.raises(Unscorable, match="no gradient"):
        depth.layers(Counts(), images(), 0)


# ---- inputs


def test_an_input_is_made_small_where_the_network_takes_it():
    assert smallest(made(), given(1, 3, 224, 224), until()).args[0].shape == (BATCH, 3, 64, 64)
    assert smallest(made(), given(1, 3, 32, 32), until()).args[0].shape == (BATCH, 3, 32, 32)
    assert smallest(made(), given(1, 3, 256, 128), until()).args[0].shape == (BATCH, 3, 64, 32)


def test_a_network_of_one_size_is_given_that():
    fixed = nn.Sequential(nn.Conv2d(3, 4, 16, 16), nn.Flatten(), nn.Linear(4 * 64, 3))
    assert smallest(fixed, given(1, 3, 128, 128), until()).args[0].shape == (BATCH, 3, 128, 128)


def test_a_network_of_one_image_is_given_one():
    class One(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) != 1:
                raise ValueError("one image at a time")
            return x

    assert smallest(One(), given(1, 3, 10, 10), until()).args[0].shape == (1, 3, 10, 10)


def test_whole_numbers_are_repeated_over_the_batch_and_stay():
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(10, 4)

        def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return self.table(tokens) * mask

    call = Inputs((torch.full((1, 6), 7),), {"mask": torch.ones(1, 6, 4)})
    found = smallest(Tokens(), call, until())
    assert found.args[0].shape == (BATCH, 6)
    assert (found.args[0] == 7).all()


def test_a_forward_that_always_raises_says_so():
    with pytest.raises(Unscorable, match="its forward raised RuntimeError"):
        smallest(nn.Linear(3, 4), given(1, 5), until())


# ---- all of it


def test_every_score_has_a_value_and_its_time():
    found = scored(made(), given(1, 3, 64, 64), [], until())["facts"]
    assert set(found["scores"]) >= {
        "naswot",
        "expressivity",
        "synflow",
        "zen",
        "meco",
        "trainability",
        "flops",
        "params",
    }
    assert all(math.isfinite(s["value"]) and s["seconds"] >= 0 for s in found["scores"].values())
    assert found["input"] == f"({BATCH}, 3, 64, 64)"
    assert [path for path, _ in found["blocks"]["rows"]] == ["act", "blocks.0", "blocks.1"]
    assert len(found["layers"]["rows"]) == 6


def test_a_missing_score_says_why_and_costs_no_other():
    plain = nn.Sequential(nn.Conv2d(3, 8, 3))
    found = scored(plain, given(1, 3, 32, 32), [], until())["facts"]["scores"]
    assert "no nonlinearity" in found["naswot"]["why"]
    assert "value" in found["synflow"]


def test_scores_that_the_time_does_not_suffice_for_say_so():
    found = Bench(made(), images(), until(-1)).scores()
    assert all("time limit" in s["why"] for s in found.values())


def test_a_move_is_scored_on_the_same_weights_where_it_left_them():
    model = made()
    same = {"layers": {}, "parameters": {}}
    wider = {
        "layers": {},
        "parameters": {},
        **{
            "layers": {
                "head": [{"op": "linear", "attrs": {}, "weights": {"weight": [7, 8], "bias": [7]}, "keep": True}]
            }
        },
    }
    wider["parameters"] = {"head.weight": [7, 8], "head.bias": [7]}
    found = scored(model, given(1, 3, 32, 32), [same, wider, {"layers": {"nope": []}, "parameters": {}}], until())
    before = {name: found["facts"]["scores"][name]["value"] for name in COMPARED}
    for moved in found["moves"][:2]:  # the head makes no feature map and no nonlinearity
        assert {name: moved["scores"][name]["value"] for name in COMPARED} == pytest.approx(before)
    assert "nope" in found["moves"][2]["why"]
