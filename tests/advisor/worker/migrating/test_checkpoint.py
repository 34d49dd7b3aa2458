"""What checkpoints look like in the wild, and what is left of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch

from advisor.worker.migrating.checkpoint import Checkpoint, CheckpointError, save

STATE = {"conv.weight": torch.ones(2, 2), "conv.bias": torch.zeros(2), "head.weight": torch.ones(3, 2)}
NAMES = list(STATE)


def written(folder: Path, content: Any) -> Checkpoint:
    torch.save(content, folder / "old.pt")
    return Checkpoint(str(folder / "old.pt"))


def test_a_bare_state_dict(tmp_path):
    checkpoint = written(tmp_path, STATE)
    (found,) = checkpoint.states(NAMES)
    assert (found.at, found.prefix, found.extra) == ((), "", [])
    new = {"conv.weight": torch.full((4, 4), 2.0)}
    content, dropped = checkpoint.replaced([(found, new)])
    assert content == new
    assert dropped == []


def test_a_training_checkpoint_keeps_all_but_the_optimisers_state(tmp_path):
    wrapped = {f"module._orig_mod.{name}": value for name, value in STATE.items()}
    content = {
        "epoch": 7,
        "state_dict": {**wrapped, "module._orig_mod.total_ops": torch.zeros(1)},
        "state_dict_ema": dict(STATE),
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(2, 2)}}},
        "amp_scaler": {"scale": 2.0},
        "args": {"model": "net", "lr": 0.1},
    }
    checkpoint = written(tmp_path, content)
    weights, average = checkpoint.states(NAMES)
    assert (weights.at, weights.prefix) == (("state_dict",), "module._orig_mod.")
    assert (average.at, average.prefix) == (("state_dict_ema",), "")
    assert weights.extra == ["module._orig_mod.total_ops"]
    assert weights.state.keys() == STATE.keys()
    one = {"conv.weight": torch.zeros(1)}
    new, dropped = checkpoint.replaced([(weights, one), (average, one)])
    assert set(dropped) == {"optimizer", "amp_scaler"}
    assert new == {
        "epoch": 7,
        "state_dict": {"module._orig_mod.conv.weight": torch.zeros(1)},
        "state_dict_ema": one,
        "args": {"model": "net", "lr": 0.1},
    }


def test_weights_of_another_model_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="holds no weights of this model"):
        written(tmp_path, {"state_dict": {"other.weight": torch.ones(1)}}).states(NAMES)


def test_what_would_run_code_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(CheckpointError, match=r"save the weights alone: torch\.save\(model\.state_dict\(\), FILE\)"):
        written(tmp_path, torch.nn.Linear(2, 2))


def test_what_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "old.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"old\.pt"):
        Checkpoint(str(tmp_path / "old.pt"))


@pytest.mark.parametrize("piece", [3, 1 << 20])
def test_what_is_saved_in_pieces_is_what_torch_saves(piece):
    pieces: list[bytes] = []
    save({"state_dict": STATE, "epoch": 3}, pieces.append, piece)
    assert all(len(p) == piece for p in pieces[:-1])
    back = torch.load(io.BytesIO(b"".join(pieces)), weights_only=True)
    assert back["epoch"] == 3
    assert all(torch.equal(back["state_dict"][name], value) for name, value in STATE.items())
