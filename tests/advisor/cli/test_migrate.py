"""``advisor migrate`` as a person calls it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import torch

from advisor.cli import main

NET = """\
    import torch
    from torch import nn

    WIDTH = 20


    class Net(nn.Module):
        def __init__(self, classes=10):
            super().__init__()
            self.stem = nn.Conv2d(3, WIDTH, 3, 2, 1)
            self.norm = nn.BatchNorm2d(WIDTH)
            self.each = nn.Conv2d(WIDTH, WIDTH, 3, 1, 1, groups=WIDTH, bias=False)
            self.head = nn.Linear(WIDTH, classes)

        def forward(self, x):
            return self.head(torch.sigmoid(self.each(torch.relu(self.norm(self.stem(x))))).mean((2, 3)))
    """


def model(source: str) -> torch.nn.Module:
    namespace: dict[str, type[torch.nn.Module]] = {"__name__": "net"}
    exec(textwrap.dedent(source), namespace)
    return namespace["Net"]().eval()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The old file, the same one edited, and a training checkpoint of the old model with an image and its outputs."""
    (tmp_path / "old.py").write_text(textwrap.dedent(NET), encoding="utf-8")
    (tmp_path / "net.py").write_text(textwrap.dedent(edited(20, 24)), encoding="utf-8")
    torch.manual_seed(0)
    old = model(NET)
    old.norm.running_mean.normal_()
    old.norm.running_var.uniform_(0.5, 2)
    weights = {f"module.{name}": value for name, value in old.state_dict().items()}
    torch.save({"model": weights, "optimizer": {"step": torch.ones(1)}, "epoch": 3}, tmp_path / "old.pt")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edited(old: int, new: int) -> str:
    return NET.replace(f"WIDTH = {old}", f"WIDTH = {new}").replace("3, 2, 1)", "3, 2, 1, bias=False)")


def migrate(*more: str) -> int:
    return main(["migrate", "old.pt", "--from", "old.py", "--to", "net.py", "-o", "new.pt", *more])


def test_a_checkpoint_goes_on_in_the_wider_model(folder, capsys):
    assert migrate() == 0
    out = capsys.readouterr().out
    assert "out 20 → 24 (zero padding); its bias goes into the running mean of the norm behind it  exact" in out
    assert "left out, its state is of the old shapes: optimizer" in out
    assert "the function is kept: largest difference of the outputs for seeded inputs" in out
    content = torch.load(folder / "new.pt", weights_only=True)
    assert content["epoch"] == 3 and "optimizer" not in content
    state = {name.removeprefix("module."): value for name, value in content["model"].items()}
    old, new = model(NET), model(edited(20, 24))
    before = torch.load(folder / "old.pt", weights_only=True)["model"]
    old.load_state_dict({name.removeprefix("module."): value for name, value in before.items()})
    new.load_state_dict(state)
    x = torch.randn(2, 3, 40, 40)
    assert torch.allclose(old(x), new(x), atol=1e-5)
    assert sorted(p.name for p in folder.iterdir() if p.suffix != "") == ["net.py", "new.pt", "old.pt", "old.py"]


def test_an_existing_file_is_replaced_only_when_told(folder, capsys):
    (folder / "new.pt").write_text("mine")
    assert migrate() == 2
    assert "-o new.pt: it exists; give --force to replace it" in capsys.readouterr().err
    assert main(["migrate", "old.pt", "--from", "old.py", "--to", "net.py", "-o", "old.pt", "--force"]) == 2
    assert "it is the old checkpoint, which stays as it is" in capsys.readouterr().err
    assert (folder / "new.pt").read_text() == "mine"


def test_what_fails_leaves_no_file(folder, capsys):
    torch.save({"model": {"other": torch.ones(1)}}, folder / "old.pt")
    assert migrate() == 2
    assert "holds no weights of this model" in capsys.readouterr().err
    (folder / "net.py").write_text("x = 1\n", encoding="utf-8")
    assert migrate() == 2
    assert "no model in net.py; models found there: none" in capsys.readouterr().err
    assert not [p for p in folder.iterdir() if "new.pt" in p.name]


def test_narrowing_says_that_the_function_changes(folder, capsys):
    (folder / "net.py").write_text(textwrap.dedent(edited(20, 16)), encoding="utf-8")
    assert migrate() == 0
    out = capsys.readouterr().out
    assert "out 20 → 16 (the most important are kept)" in out and "channels are dropped" in out
    assert "the function changes: largest difference" in out
