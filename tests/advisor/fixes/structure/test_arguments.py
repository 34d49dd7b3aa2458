"""Groups, biases and strides edited where they are passed: depthwise and standard convolutions, biases that go."""

from __future__ import annotations

import pytest

from advisor.fixes.proposal import Unfixable
from advisor.fixes.structure import bias, depthwise
from advisor.moves import DepthwiseToStandard, RemoveBias, StandardToDepthwise, Together, find_redundant_bias
from advisor.moves.chain import is_depthwise

from .bench import fixed, ops, scene, traced

HEAD = "from torch import nn\n\n\n"
NET = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = {a}
        self.b = {b}

    def forward(self, x):
        return self.b(self.a(x))
"""
HELPER = """def conv({parameters}):
    return nn.Sequential(nn.Conv2d({arguments}), nn.BatchNorm2d(oup), nn.ReLU())


"""


def model(a: str, b: str, before: str = "") -> str:
    return HEAD + before + NET.format(a=a, b=b)


def helper(parameters: str, arguments: str, a: str, b: str) -> str:
    return model(a, b, HELPER.format(parameters=parameters, arguments=arguments))


STANDARD = {
    "the call": (
        model("nn.Conv2d(3, 8, 3)", "nn.Conv2d(8, 8, 3, groups=8, bias=False)  # filters"),
        "self.b = nn.Conv2d(8, 8, 3, bias=False)  # filters",
    ),
    "by position": (
        model("nn.Conv2d(3, 8, 3)", "nn.Conv2d(8, 8, 3, 1, 1, 1, 8, False)"),
        "nn.Conv2d(8, 8, 3, 1, 1, 1, 1, False)",
    ),
    "a helper": (
        helper("inp, oup, groups=1", "inp, oup, 3, groups=groups", "conv(3, 8)", "conv(8, 8, groups=8)"),
        "self.b = conv(8, 8)",
    ),
    "a width that was passed on": (
        HEAD
        + HELPER.format(parameters="inp, oup, groups=1", arguments="inp, oup, 3, groups=groups")
        + "def dw(oup=8):\n    return conv(oup, oup, groups=oup)\n\n\n"
        + NET.format(a="conv(3, 8)", b="dw()"),
        "return conv(oup, oup)",
    ),
    "chosen by a flag": (
        helper("inp, oup, dw", "inp, oup, 3, groups=inp if dw else 1", "conv(3, 8, False)", "conv(8, 8, True)"),
        "self.b = conv(8, 8, False)",
    ),
}


@pytest.mark.parametrize(("text", "expected"), STANDARD.values(), ids=STANDARD)
def test_groups_go(text: str, expected: str) -> None:
    graph = traced(text)
    (key,) = (op.key for op in graph.ops if is_depthwise(graph, op))
    after, move = fixed(depthwise.to_standard, text, [DepthwiseToStandard(key)], graph)
    assert expected in after
    assert move == DepthwiseToStandard(key)


def test_one_depthwise_convolution_of_two_goes_where_it_is_asked_for() -> None:
    text = helper("inp, oup, groups", "inp, oup, 3, groups=groups", "conv(3, 3, 3)", "conv(3, 3, 3)")
    graph = traced(text)
    keys = ops(graph, "conv")
    after, move = fixed(depthwise.to_standard, text, [DepthwiseToStandard(keys[1])], graph)
    assert "self.a = conv(3, 3, 3)\n        self.b = conv(3, 3, 1)" in after
    assert move == DepthwiseToStandard(keys[1])


def test_depthwise_convolutions_of_one_call_go_together() -> None:
    text = helper("inp, oup", "inp, oup, 3, groups=inp", "conv(3, 3)", "conv(3, 3)")
    graph = traced(text)
    keys = ops(graph, "conv")
    after, move = fixed(depthwise.to_standard, text, [DepthwiseToStandard(keys[1])], graph)
    assert "nn.Conv2d(inp, oup, 3)" in after
    assert move == Together(tuple(map(DepthwiseToStandard, keys)))


DEPTHWISE = {
    "the call": (model("nn.Conv2d(3, 8, 3)", "nn.Conv2d(8, 8, 3)"), "nn.Conv2d(8, 8, 3, groups=8)"),
    "a helper": (
        helper("inp, oup, groups=1", "inp, oup, 3, groups=groups", "conv(3, 8)", "conv(8, 8)"),
        "self.b = conv(8, 8, groups=8)",
    ),
}


@pytest.mark.parametrize(("text", "expected"), DEPTHWISE.values(), ids=DEPTHWISE)
def test_groups_come(text: str, expected: str) -> None:
    graph = traced(text)
    key = ops(graph, "conv")[1]
    after, move = fixed(depthwise.to_depthwise, text, [StandardToDepthwise(key)], graph)
    assert expected in after
    assert move == StandardToDepthwise(key)


BIASES = {
    "the call": (model("nn.Conv2d(3, 8, 3)", "nn.BatchNorm2d(8)"), "self.a = nn.Conv2d(3, 8, 3, bias=False)"),
    "written out": (
        model("nn.Conv2d(3, 8, 3, bias=True)", "nn.BatchNorm2d(8)"),
        "self.a = nn.Conv2d(3, 8, 3, bias=False)",
    ),
    "a helper": (
        helper("inp, oup", "inp, oup, 3", "conv(3, 8)", "conv(8, 8)"),
        "nn.Conv2d(inp, oup, 3, bias=False), nn.BatchNorm2d(oup)",
    ),
    "a helper's argument": (
        helper("inp, oup, bias=True", "inp, oup, 3, bias=bias", "conv(3, 8)", "conv(8, 8)"),
        "def conv(inp, oup, bias=False):",
    ),
    "passed to a helper": (
        helper("inp, oup, bias", "inp, oup, 3, bias=bias", "conv(3, 8, bias=True)", "nn.Conv2d(8, 8, 3)"),
        "self.a = conv(3, 8, bias=False)",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BIASES.values(), ids=BIASES)
def test_biases_go(text: str, expected: str) -> None:
    graph = traced(text)
    keys = find_redundant_bias(graph)
    assert keys
    after, _ = fixed(bias.render, text, [RemoveBias(k) for k in keys], graph)
    assert expected in after
    assert find_redundant_bias(traced(after)) == []


def test_a_bias_that_another_layer_of_the_call_needs_stays() -> None:
    before = "def conv(i, o):\n    return nn.Conv2d(i, o, 3)\n\n\n"
    text = model("nn.Sequential(conv(3, 8), nn.BatchNorm2d(8))", "conv(8, 8)", before)
    graph = traced(text)
    (key,) = find_redundant_bias(graph)
    with pytest.raises(Unfixable, match="sets those of other layers too"):
        list(bias.render(scene(text, graph), [RemoveBias(key)]))


def test_what_is_built_out_of_sight_has_no_fix() -> None:
    text = model("eval('nn.Conv2d(3, 3, 3, groups=3)')", "nn.ReLU()")
    graph = traced(text)
    with pytest.raises(Unfixable):
        list(depthwise.to_standard(scene(text, graph), [DepthwiseToStandard(ops(graph, "conv")[0])]))
