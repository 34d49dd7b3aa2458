"""Fusing and unfusing inverted bottlenecks, and finding them."""

from __future__ import annotations

import pytest

from advisor.equivalence import equivalent
from advisor.moves import FuseIBN, MoveError, UnfuseIBN, find_ibn
from tests.advisor import families
from tests.graphs import GraphBuilder, mobilenet_v2


def test_finds_every_block_of_mobilenet_v2() -> None:
    graph = mobilenet_v2(64, fused=2)
    blocks = find_ibn(graph)
    assert len(blocks) == 16  # all but the first, which does not expand
    assert [b.fused for b in blocks] == [True, True] + [False] * 14
    assert sum(b.add is not None for b in blocks) == 10
    for b in blocks:
        assert graph.by_key[b.project].op == "conv"
        assert b.project_norm is not None and graph.by_key[b.project_norm].op == "batch_norm"
        assert b.expand_act is not None and (b.fused or b.depthwise_act is not None)


def test_finds_the_gate_of_a_block() -> None:
    graph = families.mobilenet(se=8)
    blocks = find_ibn(graph)
    assert [b.se is not None for b in blocks] == [True, True]


def test_a_resnet_block_is_no_inverted_bottleneck() -> None:
    assert find_ibn(families.resnet()) == []


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("se", [0, 8])
def test_fused_equals_the_block_built_fused(stride: int, se: int) -> None:
    graph = families.mobilenet(stride=2, se=se) if stride == 2 else mobilenet_v2(64)
    expected = families.mobilenet(stride=2, se=se, fused=True) if stride == 2 else mobilenet_v2(64, fused=1)
    block = find_ibn(graph)[1 if stride == 2 else 0]
    assert block.depthwise is not None
    moved = FuseIBN(block.expand, block.depthwise).apply(graph)
    moved.check()
    assert equivalent(moved, expected) == []
    assert set(moved.tensors) <= set(graph.tensors)


@pytest.mark.parametrize("se", [0, 8])
def test_unfuse_undoes_fuse(se: int) -> None:
    graph = families.mobilenet(se=se)
    block = find_ibn(graph)[1]
    assert block.depthwise is not None
    fused = FuseIBN(block.expand, block.depthwise).apply(graph)
    back = UnfuseIBN(block.expand).apply(fused)
    back.check()
    assert equivalent(back, graph) == []
    assert min(op.key for op in back.ops if op.key not in fused.by_key) > max(op.key for op in fused.ops)


def test_new_ops_stand_on_the_line_of_what_they_replace() -> None:
    graph = families.mobilenet(fused=True)
    block = find_ibn(graph)[1]
    moved = UnfuseIBN(block.expand).apply(graph)
    paths = {op.path for op in moved.ops if op.key not in graph.by_key}
    assert paths == {graph.by_key[block.expand].path}


def test_where_only_the_expansion_is_normalised_that_is_kept() -> None:
    b = GraphBuilder()
    x = b.act(b.bn(b.conv(b.input((1, 8, 16, 16)), 32)), "relu6")
    b.conv(b.depthwise(x), 8)
    expand, depthwise = (op.key for op in b.ops if op.op == "conv" and b.shape(op.outputs[0])[1] == 32)
    moved = FuseIBN(expand, depthwise).apply(b.build())
    assert [op.op for op in moved.ops] == ["conv", "batch_norm", "activation", "conv"]


def test_refuses_what_others_read() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 8, 16, 16)), 32)
    b.build(b.add(b.depthwise(x), x))
    with pytest.raises(MoveError, match="does not follow"):
        FuseIBN(0, 1).apply(b.build())
    with pytest.raises(MoveError, match="not depthwise"):
        FuseIBN(0, 0).apply(b.build())
    with pytest.raises(MoveError, match="not a k×k"):
        UnfuseIBN(0).apply(b.build())
