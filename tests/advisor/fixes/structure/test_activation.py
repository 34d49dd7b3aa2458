"""Activations swapped in the source: the edited model is the predicted one, and the edit is where a person makes it."""

from __future__ import annotations

import pytest

from advisor.fixes.proposal import Unfixable
from advisor.fixes.structure.activation import render
from advisor.moves import SwapActivation

from .bench import fixed, ops, scene, traced

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\n\n"

BODY = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3)
        {create}
        self.b = nn.Conv2d(8, 8, 3)

    def forward(self, x):
        return {forward}
"""

BLOCK = """class Block(nn.Sequential):
    def __init__(self, inp, oup, {parameter}):
        super().__init__(
            nn.Conv2d(inp, oup, 3),  # filters
            {act},
        )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = {a}
        self.b = {b}

    def forward(self, x):
        return self.b(self.a(x))
"""


def model(create: str = "pass", forward: str = "self.b(self.act(self.a(x)))", before: str = "") -> str:
    return HEAD + before + BODY.format(create=create, forward=forward)


def blocks(parameter: str, act: str, a: str, b: str, before: str = "") -> str:
    return HEAD + before + BLOCK.format(parameter=parameter, act=act, a=a, b=b)


ALL = {
    "the call": (model("self.act = nn.Hardswish()"), "self.act = nn.ReLU()"),
    "in place": (model("self.act = nn.Hardswish(inplace=True)  # why"), "self.act = nn.ReLU(inplace=True)  # why"),
    "by position": (model("self.act = nn.Hardswish(True)"), "self.act = nn.ReLU(inplace=True)"),
    "a function": (model(forward="self.b(F.hardswish(self.a(x)))"), "return self.b(F.relu(self.a(x)))"),
    "a function in place": (
        model(forward="self.b(F.hardswish(self.a(x), inplace=True))"),
        "return self.b(F.relu(self.a(x), inplace=True))",
    ),
    "torch's name": (
        model("self.act = Hardswish()", before="from torch.nn import Hardswish\n\n"),
        "self.act = nn.ReLU()",
    ),
    "a class of their own": (
        model(
            "self.act = HSwish()",
            before="class HSwish(nn.Module):\n    def forward(self, x):\n        return F.hardswish(x)\n\n\n",
        ),
        "self.act = nn.ReLU()",
    ),
    "another name for it": (
        blocks("act=1", "HSwish()", "Block(3, 8)", "Block(8, 8)", "HSwish = nn.Hardswish\n\n"),
        "            nn.ReLU(),",
    ),
    "a class passed": (
        blocks("act=nn.ReLU6", "act()", "Block(3, 8, nn.Hardswish)", "Block(8, 8, act=nn.Hardswish)"),
        "self.a = Block(3, 8, nn.ReLU)\n        self.b = Block(8, 8, act=nn.ReLU)",
    ),
    "a default": (
        blocks("act=nn.Hardswish", "act(inplace=True)", "Block(3, 8)", "Block(8, 8)"),
        "def __init__(self, inp, oup, act=nn.ReLU):",
    ),
    "chosen by a word": (
        blocks("nl", "nn.ReLU() if nl == 'RE' else nn.Hardswish()", "Block(3, 8, 'HS')", "Block(8, 8, 'HS')"),
        "nn.ReLU() if nl == 'RE' else nn.ReLU()",
    ),
    "a table of classes": (
        blocks(
            "nl",
            "ACTS[nl]()",
            "Block(3, 8, 'hs')",
            "Block(8, 8, 'hs')",
            "ACTS = {'hs': nn.Hardswish, 're': nn.ReLU}\n\n",
        ),
        "ACTS = {'hs': nn.ReLU, 're': nn.ReLU}",
    ),
    "a partial": (
        blocks(
            "act",
            "act()",
            "Block(3, 8, ACT)",
            "Block(8, 8, ACT)",
            "from functools import partial\nACT = partial(nn.Hardswish, inplace=True)\n\n",
        ),
        "ACT = partial(nn.ReLU, inplace=True)",
    ),
}


@pytest.mark.parametrize(("text", "expected"), ALL.values(), ids=ALL)
def test_all_are_swapped_where_a_person_would(text: str, expected: str) -> None:
    graph = traced(text)
    keys = tuple(ops(graph, "activation", fn="hardswish"))
    assert keys
    after, move = fixed(render, text, [SwapActivation(keys, "relu")], graph)
    assert expected in after
    assert move == SwapActivation(keys, "relu")


ONE = {
    "chosen by a word": (
        blocks("nl", "nn.ReLU() if nl == 'RE' else nn.Hardswish()", "Block(3, 8, 'HS')", "Block(8, 8, nl='HS')"),
        "self.b = Block(8, 8, nl='RE')",
    ),
    "chosen by a flag": (
        blocks("use_hs", "nn.Hardswish() if use_hs else nn.ReLU()", "Block(3, 8, 1)", "Block(8, 8, True)"),
        "self.b = Block(8, 8, False)",
    ),
    "the default": (
        blocks("act=nn.Hardswish", "act()", "Block(3, 8)", "Block(8, 8)"),
        "self.b = Block(8, 8, act=nn.ReLU)",
    ),
    "a class passed": (
        blocks("act", "act()", "Block(3, 8, nn.Hardswish)", "Block(8, 8, nn.Hardswish)"),
        "self.b = Block(8, 8, nn.ReLU)",
    ),
}


@pytest.mark.parametrize(("text", "expected"), ONE.values(), ids=ONE)
def test_one_of_several_is_swapped_by_what_is_passed_for_it(text: str, expected: str) -> None:
    graph = traced(text)
    keys = ops(graph, "activation", fn="hardswish")
    after, move = fixed(render, text, [SwapActivation((keys[1],), "relu")], graph)
    assert expected in after
    assert move == SwapActivation((keys[1],), "relu")


def test_a_call_that_others_share_is_edited_for_all_of_them_and_says_so() -> None:
    text = blocks("", "nn.Hardswish()", "Block(3, 8)", "Block(8, 8)").replace("oup, )", "oup)")
    graph = traced(text)
    keys = ops(graph, "activation", fn="hardswish")
    after, move = fixed(render, text, [SwapActivation(tuple(keys[:1]), "relu")], graph)
    assert "nn.ReLU()" in after
    assert move == SwapActivation(tuple(keys), "relu")


def test_what_a_file_cannot_show_has_no_fix() -> None:
    text = model("exec('self.act = nn.Hardswish()')")
    graph = traced(text)
    keys = tuple(ops(graph, "activation", fn="hardswish"))
    with pytest.raises(Unfixable, match="no call or literal"):
        list(render(scene(text, graph), [SwapActivation(keys, "relu")]))
