"""Why a width has no literal to edit."""

from __future__ import annotations

import pytest

from advisor.advice.unfollowed import unfollowed
from advisor.graph import Graph, Module, Span
from advisor.numbers import Literal, Numbers, Step
from tests.graphs import GraphBuilder

MINE, THEIRS = Span("/home/net.py", 5, 14, 5, 16), Span("/env/lib/site-packages/lib/table.py", 7, 3, 7, 5)


MADE = Span("/home/net.py", 12, 9, 12, 40)


def model(*steps: Step, literals: tuple[Literal, ...] = (), made: Span = MADE) -> Graph:
    """One convolution of 60 channels, whose width is the last of the steps."""
    b = GraphBuilder()
    graph = b.build(b.conv(b.input((1, 8, 8, 8)), 60, 3, path="stem"))
    graph.modules["stem"] = Module("stem", "torch.nn.Conv2d", (made,))
    graph.numbers = Numbers(literals, steps, {"stem": {"out_channels": len(steps) - 1}} if steps else {})
    return graph


LITERAL = Step("literal", 60, (0,))


@pytest.mark.parametrize(
    ("graph", "construct", "reason"),
    [
        (model(LITERAL, literals=(Literal(MINE, 60),)), "", ""),
        (
            model(LITERAL, literals=(Literal(THEIRS, 60),)),
            "",
            "the 60 that sets it (table.py:7) stands in an installed library, which is not edited",
        ),
        (
            model(LITERAL, Step("unknown", 60, (0,)), literals=(Literal(MINE, 60),)),
            "",
            "the width is computed from the 60 (net.py:5) in a way that was not followed",
        ),
        (
            model(Step("literal", 30, (0,)), Step("unknown", 60, (0,)), literals=(Literal(MINE, 30),)),
            "",
            "the width of stem (net.py:12) is computed in a way that was not followed",
        ),
        (
            model(
                Step("literal", 200, (0,)),
                Step("constant", 60),
                Step("min", 60, (0, 1)),
                literals=(Literal(MINE, 200),),
            ),
            "",
            "the numbers of stem (net.py:12) are limited so that none of them changes its width",
        ),
        (
            model(
                Step("literal", 4, (0,)), Step("constant", 15), Step("mul", 60, (0, 1)), literals=(Literal(MINE, 4),)
            ),
            "",
            "the numbers of stem (net.py:12) scale or round its width, but what they scale is no number of the source",
        ),
        (model(Step("unknown", 60)), "", "the width of stem (net.py:12) is computed in a way that was not followed"),
        (
            model(Step("constant", 60)),
            "Net()",
            "the width of stem (net.py:12) is no number of the source: it is read from a file or a tensor, or a "
            "library has it",
        ),
        (
            model(Step("constant", 60)),
            "Net(width=60)  # call site, train.py:12",
            "the width is given by the arguments that the advisor chose for Net(width=60) (call site, train.py:12)",
        ),
        (model(), "", "nothing is known of a number that sets how many channels stem (net.py:12) makes"),
        (
            model(made=THEIRS),
            "",
            "stem (table.py:7) is made in an installed library, which is not edited",
        ),
    ],
)
def test_the_reason(graph: Graph, construct: str, reason: str):
    assert unfollowed(graph, [0], 60, "/home/net.py", construct) == reason


def test_without_numbers_nobody_watched():
    graph = model(LITERAL)
    graph.numbers = None
    assert "nobody watched" in unfollowed(graph, [0], 60)
