"""Depthwise ↔ standard convolutions in the source: the ``groups`` that a convolution is built with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...graph import Graph
from ...moves import DepthwiseToStandard, Move, StandardToDepthwise, Together
from ...moves.chain import in_channels, is_depthwise, out_channels
from ..proposal import Proposal, Scene
from .arguments import argument_options
from .calls import Call
from .choosing import choices, told
from .flow import Flow

_WIDTHS = ("in_channels", "out_channels", "hidden", "hidden_dim", "channels", "dim", "in_planes", "inp", "in_chs")
"""What calls that build convolutions name the width that ``groups`` can be taken from."""


def to_standard(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Proposals for :class:`DepthwiseToStandard` moves. Raises :class:`advisor.fixes.proposal.Unfixable`."""
    graph, flow = scene.graph, Flow(scene)
    wanted = [m.op for m in moves if isinstance(m, DepthwiseToStandard)]
    options = {
        op.key: argument_options(flow, op, "groups", lambda call: "1", "1")
        for op in graph.ops
        if is_depthwise(graph, op)
    }
    for choice in choices(wanted, options):
        yield Proposal(choice.edits, together([DepthwiseToStandard(k) for k in choice.changed]), told(choice))


def to_depthwise(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Proposals for :class:`StandardToDepthwise` moves. Raises :class:`advisor.fixes.proposal.Unfixable`."""
    graph, flow = scene.graph, Flow(scene)
    wanted = [m.op for m in moves if isinstance(m, StandardToDepthwise)]
    options = {op.key: argument_options(flow, op, "groups", _width, "1") for op in graph.ops if _square(graph, op.key)}
    for choice in choices(wanted, options):
        yield Proposal(choice.edits, together([StandardToDepthwise(k) for k in choice.changed]), told(choice))


def _square(graph: Graph, key: int) -> bool:
    """Whether a convolution could be depthwise and is not."""
    op = graph.by_key[key]
    if op.op != "conv" or "weight" not in op.weights or is_depthwise(graph, op):
        return False
    return in_channels(graph, op) == out_channels(graph, op) > 1


def _width(call: Call | None) -> str | None:
    """The call's own words for the width that a convolution reads."""
    if call is None:
        return None
    for name in _WIDTHS:
        found = call.argument(name)
        if found is not None:
            return call.file.written(found.value)
    return call.file.written(call.node.args[0].value) if call.node.args and not call.node.args[0].star else None


def together(moves: Sequence[Move]) -> Move:
    """Several moves as one."""
    return moves[0] if len(moves) == 1 else Together(tuple(moves))
