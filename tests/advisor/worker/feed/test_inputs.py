"""Inputs: which are guessed for a model that nobody described, and how an error message leads to the right one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from advisor.worker.feed.inputs import guesses, search
from advisor.worker.feed.mismatch import mismatch
from advisor.worker.feed.probing import probe
from advisor.worker.feed.specs import Guess, Spec, requested


def found(model: nn.Module, *hints: Guess, widths: tuple[list[int], ...] = ()) -> Guess | None:
    """The call that the search settles on."""
    model.eval()
    winner, _, _ = search(guesses(model, hints, widths=widths), lambda guess: probe(model, guess, "meta"))
    return winner


class Function(nn.Module):
    """A module whose forward is a function of its layers and one argument."""

    def __init__(self, forward: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.function = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.function(self, x)


@pytest.mark.parametrize(
    ("layer", "shape", "dtype"),
    [
        (nn.Conv2d(4, 8, 3), (1, 4, 224, 224), "float32"),
        (nn.Conv1d(5, 8, 3), (1, 5, 16000), "float32"),
        (nn.Conv3d(3, 8, 3), (1, 3, 16, 112, 112), "float32"),
        (nn.Linear(10, 2), (1, 10), "float32"),
        (nn.Embedding(10, 4), (1, 16), "int64"),
        (nn.LayerNorm(12), (1, 196, 12), "float32"),
        (nn.GRU(6, 3, batch_first=True), (1, 16, 6), "float32"),
        (nn.BatchNorm2d(6), (1, 6, 56, 56), "float32"),
    ],
)  # fmt: skip
def test_the_first_layer_says_what_it_takes(layer: nn.Module, shape: tuple[int, ...], dtype: str) -> None:
    guess = found(nn.Sequential(layer) if not isinstance(layer, nn.GRU) else layer)
    assert guess is not None and guess.args == (Spec(shape, dtype),)


def test_the_layer_that_runs_first_may_be_registered_last() -> None:
    model = Function(lambda m, x: m.head(m.stem(x)), head=nn.Conv2d(64, 3, 1), stem=nn.Conv2d(5, 64, 3))
    guess = found(model)
    assert guess is not None and guess.args[0].shape[1] == 5


@pytest.mark.parametrize("size", [32, 64, 96, 112])
def test_a_flattened_picture_is_solved_for_its_size(size: int) -> None:
    features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(4), nn.Flatten())
    model = nn.Sequential(features, nn.Linear(8 * (size // 4) ** 2, 10))
    guess = found(model)
    assert guess is not None and guess.args[0].shape == (1, 3, size, size)


def test_a_position_table_is_solved_for_the_picture() -> None:
    class Vit(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, 16, 16, 16)
            self.positions = nn.Parameter(torch.zeros(1, 1 + 20 * 20, 16))
            self.cls = nn.Parameter(torch.zeros(1, 1, 16))

        def forward(self, x):
            return torch.cat([self.cls, self.patch(x).flatten(2).transpose(1, 2)], 1) + self.positions

    guess = found(Vit())
    assert guess is not None and guess.args[0].shape == (1, 3, 320, 320)


def test_an_assertion_that_states_the_size_is_believed() -> None:
    def forward(model, x):
        assert x.shape[-1] == 176, f"Input image size ({x.shape[-1]}) doesn't match model (176)"
        return model.conv(x)

    guess = found(Function(forward, conv=nn.Conv2d(3, 8, 3)))
    assert guess is not None and guess.args[0].shape == (1, 3, 176, 176)


def test_sizes_that_halve_unevenly_become_even() -> None:
    def forward(model, x):
        down = model.down(x)
        for _ in range(5):
            down = nn.functional.max_pool2d(down, 2)
        return torch.cat([x, nn.functional.interpolate(down, scale_factor=64)], 1)

    guess = found(
        Function(forward, down=nn.Conv2d(3, 3, 3, stride=2, padding=1)), Guess("literal", "", (Spec((1, 3, 100, 100)),))
    )
    assert guess is not None and guess.args[0].shape[-1] % 64 == 0


def test_rank_and_order_follow_what_forward_unpacks() -> None:
    def forward(model, x):
        _, _, _, channels = x.shape
        return model.linear(x.reshape(-1, channels))

    guess = found(Function(forward, linear=nn.Linear(24, 4)))
    assert guess is not None and len(guess.args[0].shape) == 4 and guess.args[0].shape[-1] == 24


def test_an_unpacked_shape_may_come_with_more_than_the_shape() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        *_, h, w, size = *x.shape, 4
        b, f, c, h, w, size = *x.shape, size
        return m.embed(x.reshape(b, f * c * h * w)[:, :16])

    guess = found(Function(forward, embed=nn.Linear(16, 4)))
    assert guess is not None and len(guess.args[0].shape) == 5


def test_patches_before_a_linear_layer_are_of_a_picture_with_fewer_channels() -> None:
    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Unfold(4, stride=4)
            self.project = nn.Linear(3 * 16, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            b, _, h, w = x.shape
            return self.project(self.patches(x).view(b, -1, h // 4, w // 4).permute(0, 2, 3, 1))

    guess = found(Patches())
    assert guess is not None and guess.args[0].shape[1] == 3


def test_channels_that_the_model_adds_are_not_the_inputs() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        positions = x.new_zeros((*x.shape[:-1], 26))
        return m.norm(torch.cat([x, positions], -1))

    guess = found(Function(forward, norm=nn.LayerNorm(29)))
    assert guess is not None and guess.args[0].shape[-1] == 3


def test_an_assertion_about_axes_leads_to_another_rank() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        assert x.ndim == 4, "input data must have the right number of axis"
        return m.project(x)

    guess = found(Function(forward, project=nn.Linear(8, 8)))
    assert guess is not None and len(guess.args[0].shape) == 4


def test_pictures_and_text_are_told_apart_by_name() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(50, 8)
            self.stem = nn.Conv2d(3, 8, 3)

        def forward(self, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
            return self.stem(image).mean((2, 3)) + self.table(text).mean(1)

    guess = found(Pair())
    assert guess is not None and guess.args == (Spec((1, 3, 224, 224)), Spec((1, 16), "int64"))


def test_an_optional_argument_that_is_needed_is_given() -> None:
    class Marked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 4), nn.Linear(6, 4)

        def forward(self, x: torch.Tensor, mark: Any = None) -> torch.Tensor:
            return self.first(x) + self.second(mark)

    guess = found(Marked())
    assert guess is not None and guess.kwargs == {"mark": Spec((1, 6))}


def test_a_sequence_gets_the_length_that_an_assertion_asks_for() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[1] % 96 == 0, f"Sequence length ({x.shape[1]}) needs to be divisible by 96"
        return m.table(x)

    guess = found(Function(forward, table=nn.Embedding(50, 8)))
    assert guess is not None and guess.args == (Spec((1, 96), "int64"),)


def test_an_axis_that_does_not_divide_is_of_the_picture() -> None:
    def forward(m: Any, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] % 448:
            raise RuntimeError(f"Shape mismatch, can't divide axis of length {x.shape[-1]} in chunks of 448")
        return m.stem(x)

    guess = found(Function(forward, stem=nn.Conv2d(3, 8, 3)))
    assert guess is not None and guess.args == (Spec((1, 3, 448, 448)),)


def test_of_a_list_of_pictures_one_is_enough() -> None:
    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3)

        def forward(self, images: list[torch.Tensor]) -> list[torch.Tensor]:
            return [self.stem(image[None]) for image in images]

    guess = found(Detector(), Guess("docstring", "net.py:3", ([Spec((3, 30, 40)), Spec((3, 50, 40))],)))
    assert guess is not None and guess.args == ([Spec((3, 30, 40))],)


def test_tokens_that_reach_an_embedding_are_integers() -> None:
    model = Function(lambda m, x: m.head(m.table(x)), head=nn.Linear(8, 4), table=nn.Embedding(100, 8))
    guess = found(model)
    assert guess is not None and guess.args[0].dtype == "int64"


def test_several_inputs_are_filled_by_name() -> None:
    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(50, 8)
            self.time = nn.Linear(1, 8)

        def forward(self, tokens, timestep, mask, *, return_all):
            assert mask is None and return_all is False
            return self.embed(tokens) + self.time(timestep[:, None])[:, None]

    guess = found(Decoder())
    assert guess is not None
    assert [type(a) for a in guess.args] == [Spec, Spec, type(None)] and guess.kwargs == {"return_all": False}


def test_height_and_width_of_tokens_are_numbers() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(32)

        def forward(self, x, H, W):
            return self.norm(x).view(x.shape[0], H, W, -1)

    guess = found(Block())
    assert guess is not None and guess.args[1] * guess.args[2] == guess.args[0].shape[1]


def test_necks_get_a_pyramid_of_their_widths() -> None:
    class Neck(nn.Module):
        def __init__(self, widths: list[int]) -> None:
            super().__init__()
            self.lateral = nn.ModuleList(nn.Conv2d(w, 16, 1) for w in widths)

        def forward(self, feats):
            assert len(feats) == len(self.lateral)
            return [layer(f) for layer, f in zip(self.lateral, feats, strict=True)]

    guess = found(Neck([24, 40, 112]))
    assert guess is not None and [s.shape[1] for s in guess.args[0]] == [24, 40, 112]


def test_a_literal_that_fits_is_preferred_to_the_usual_size() -> None:
    hint = requested(
        {"source": "literal", "where": "net.py:9", "args": [{"shape": [2, 3, 40, 24], "dtype": "float32"}]}
    )
    other = requested({"source": "literal", "where": "net.py:8", "args": [{"shape": [5, 7], "dtype": "float32"}]})
    guess = found(nn.Sequential(nn.Conv2d(3, 8, 3)), other, hint)
    assert guess is not None and guess.event() == {
        "source": "literal",
        "where": "net.py:9",
        "shown": "(2, 3, 40, 24) float32",
    }


def test_inputs_of_the_request_keep_their_structure() -> None:
    x = {"shape": [1, 2], "dtype": "int64"}
    guess = requested(
        {
            "source": "docstring",
            "where": "",
            "args": [{"list": [x, {"value": None}]}],
            "kwargs": {"d": {"dict": {"k": x}}},
        }
    )
    args, kwargs = guess.make("meta")
    assert args[0][0].is_meta and args[0][0].dtype == torch.int64 and args[0][1] is None
    assert kwargs["d"]["k"].shape == (1, 2)
    assert guess.shown() == "[(1, 2) int64, None], d={k: (1, 2) int64}"


def test_a_dtype_that_torch_lacks_is_an_error() -> None:
    with pytest.raises(ValueError, match="float33"):
        requested({"source": "directive", "where": "", "args": [{"shape": [1], "dtype": "float33"}]})


def test_a_probe_leaves_the_model_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).eval()
    before = [id(t) for t in (*model.parameters(), *model.buffers())]
    assert probe(model, Guess("", "", (Spec((1, 3, 8, 8)),)), "meta") is None
    assert isinstance(probe(model, Guess("", "", (Spec((1, 4, 8, 8)),)), "meta"), RuntimeError)
    assert [id(t) for t in (*model.parameters(), *model.buffers())] == before


def test_the_search_ends_and_keeps_the_first_error() -> None:
    def run(guess: Guess) -> BaseException:
        return RuntimeError(f"Input size {guess.args[0].shape[-1]} must be greater than expected")

    winner, first, error = search(guesses(nn.Conv2d(3, 8, 3), []), run)
    assert winner is None and first is not None and first.args == (Spec((1, 3, 224, 224)),)
    assert "224" in str(error)


class Branches(nn.Module):
    """A branch for each of several inputs, whose results are added."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def joined(self, *inputs: torch.Tensor) -> torch.Tensor:
        outputs = (branch(x) for branch, x in zip(self.branches, inputs, strict=True))
        pooled = [y.mean((2, 3)) if y.dim() == 4 else y.mean(1) if y.dim() == 3 else y for y in outputs]
        return torch.stack(pooled).sum(0)


class Two(Branches):
    def forward(self, one, other):
        return self.joined(one, other)


class Three(Branches):
    def forward(self, one, other, last):
        return self.joined(one, other, last)


class Pair(Branches):
    def forward(self, pair):
        one, other = pair
        return self.joined(one, other)


class Batch(Branches):
    def forward(self, batch):
        return self.joined(batch["image"], batch.get("question"))


IMAGE = Spec((1, 3, 224, 224))


@pytest.mark.parametrize(
    ("model", "args"),
    [
        (Two(nn.Conv2d(3, 8, 3), nn.Conv2d(1, 8, 3)), (IMAGE, Spec((1, 1, 224, 224)))),
        (Two(nn.Conv2d(3, 8, 3), nn.Linear(5, 8)), (IMAGE, Spec((1, 5)))),
        (Two(nn.Conv2d(3, 8, 3), nn.Embedding(9, 8)), (IMAGE, Spec((1, 16), "int64"))),
        (
            Three(nn.Conv2d(3, 8, 3), nn.Conv2d(1, 8, 3), nn.Linear(5, 8)),
            (IMAGE, Spec((1, 1, 224, 224)), Spec((1, 5))),
        ),
        (Pair(nn.Conv2d(3, 8, 3), nn.Linear(7, 8)), ([IMAGE, Spec((1, 7))],)),
        (Batch(nn.Conv2d(3, 8, 3), nn.Embedding(9, 8)), ({"image": IMAGE, "question": Spec((1, 16), "int64")},)),
    ],
)
def test_each_of_several_inputs_is_what_its_own_layer_takes(model: nn.Module, args: tuple[Any, ...]) -> None:
    guess = found(model)
    assert guess is not None and guess.args == args


def test_the_call_that_the_file_makes_of_the_model_comes_before_what_fits_its_first_layer() -> None:
    model = Function2(lambda m, a, b: m.conv(torch.cat([a, b], 1)), conv=nn.Conv2d(4, 8, 3))
    own = Guess("literal", "net.py:9", (Spec((2, 1, 40, 48)), Spec((2, 3, 40, 48))))
    elsewhere = Guess("literal", "net.py:3", (Spec((1, 4, 32, 32)),))
    assert next(guesses(model, [elsewhere], own=[own])) == own


class Function2(Function):
    """A module whose forward is a function of its layers and two arguments."""

    def forward(self, x, y):
        return self.function(self, x, y)


@pytest.mark.parametrize(
    ("layer", "shape", "said"),
    [
        (nn.Conv2d(1, 8, 3), (1, 3, 32, 32), "Conv2d layer takes 1 channel, got 3 of (1, 3, 32, 32)"),
        (nn.Linear(5, 8), (1, 7), "Linear layer takes 5 features, got 7 of (1, 7)"),
        (nn.Embedding(5, 8), (1, 7), "Embedding layer takes whole numbers, got float32 of (1, 7)"),
    ],
)
def test_an_error_is_told_with_the_layer_and_what_it_takes(layer: nn.Module, shape: tuple, said: str) -> None:
    model = Function(lambda m, x: m.layer(x), layer=layer)
    error = probe(model, Guess("", "", (Spec(shape),)), "meta")
    assert error is not None and mismatch(model, error) == said
    assert mismatch(model, ValueError("of another kind")) == ""
