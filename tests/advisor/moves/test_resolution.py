"""Input resolution and strides."""

from __future__ import annotations

import pytest

from advisor.equivalence import equivalent
from advisor.moves import MoveError, SetResolution, SetStride
from tests.advisor import families
from tests.graphs import mobilenet_v2


def test_another_resolution_equals_the_model_traced_at_it() -> None:
    move = SetResolution(160, 160)
    graph = mobilenet_v2(224)
    assert move.describe(graph) == "set input 224×224 → 160×160"
    assert equivalent(move.apply(graph), mobilenet_v2(160)) == []


def test_a_linear_after_a_flatten_follows() -> None:
    assert equivalent(SetResolution(24, 24).apply(families.alexnet(size=16)), families.alexnet(size=24)) == []


def test_position_embeddings_follow() -> None:
    moved = SetResolution(64, 32).apply(families.vit())
    shapes = {t.name: t.shape for t in moved.tensors.values()}
    assert shapes["pos_embed"] == (1, 32, 32)
    moved.check()


def test_a_dense_output_may_change_with_the_resolution_only() -> None:
    graph = families.unet()
    moved = SetResolution(32, 48).apply(graph)
    assert moved.shape(moved.outputs[0]) == (1, 4, 32, 48)
    with pytest.raises(MoveError, match="output would change"):
        SetStride(graph.ops[-1].key, 2).apply(graph)


def test_a_stride_that_a_skip_connection_forbids() -> None:
    graph = families.resnet()
    inner = next(op.key for op in graph.ops if op.op == "conv" and op.key > 0)
    with pytest.raises(MoveError, match="cannot combine"):
        SetStride(inner, 2).apply(graph)


def test_stride_equals_the_network_built_with_it() -> None:
    graph = families.mobilenet(stride=2)
    depthwise = [op for op in graph.ops if op.op == "conv" and op.attrs["groups"] > 1]
    moved = SetStride(depthwise[1].key, 4).apply(graph)
    assert equivalent(moved, families.mobilenet(stride=4)) == []


@pytest.mark.parametrize(
    ("move", "reason"),
    [
        (SetResolution(32, 32), "already"),
        (SetResolution(0, 8), "positive"),
        (SetStride(0, 2), "already"),
        (SetStride(0, 0), "positive"),
        (SetStride(1, 2), "not a conv or pool"),
    ],
)
def test_refusals(move: SetResolution | SetStride, reason: str) -> None:
    with pytest.raises(MoveError, match=reason):
        move.apply(families.mobilenet())
