"""Shape propagation against graphs built with the changed sizes."""

from __future__ import annotations

import pytest

from advisor.edit import GraphEdit, MoveError
from advisor.equivalence import equivalent
from advisor.graph import Graph
from advisor.moves import SetResolution
from advisor.shapes import propagate
from tests.advisor import families
from tests.graphs import GraphBuilder


def _widen_first_conv(graph: Graph, width: int) -> Graph:
    conv = graph.ops[0]
    edit = GraphEdit(graph)
    shape = graph.shape(conv.weights["weight"])
    edit.resize_tensor(conv.weights["weight"], (width, *shape[1:]))
    return propagate(edit.finish(), {conv.key}, graph.tensors)


@pytest.mark.parametrize(
    ("build", "parameter", "value"),
    [(families.densenet, "stem", 24), (families.alexnet, "features", 12), (families.espcn, "features", 20)],
)
def test_weights_downstream_follow(build, parameter: str, value: int) -> None:
    moved = _widen_first_conv(build(), value)
    moved.check()
    assert equivalent(moved, build(**{parameter: value})) == []


def test_only_what_lies_downstream_is_new() -> None:
    b = GraphBuilder()
    image = b.input((1, 3, 16, 16))
    left = b.conv(image, 8)
    right = b.act(b.conv(image, 8))
    graph = b.build(b.concat([b.bn(left), right]))
    with pytest.raises(MoveError, match="output would change"):
        _widen_first_conv(graph, 12)
    graph = b.build(b.conv(b.ops[-1].outputs[0], 4))
    moved = _widen_first_conv(graph, 12)
    assert [a is c for a, c in zip(graph.ops, moved.ops, strict=True)] == [True] * 6
    assert moved.tensors[right] is graph.tensors[right]


def test_depthwise_groups_follow() -> None:
    b = GraphBuilder()
    graph = b.build(b.conv(b.depthwise(b.conv(b.input((1, 3, 8, 8)), 8)), 4))
    moved = _widen_first_conv(graph, 12)
    assert moved.ops[1].attrs["groups"] == 12
    assert moved.weight_shape(moved.ops[1]) == (12, 1, 3, 3)


@pytest.mark.parametrize(
    ("old", "result", "new", "expected"),
    [
        ((1, 48, 4, 4), (1, 4, 12, 16), 64, (1, 4, 16, 16)),  # heads × head_dim
        ((1, 48, 4, 4), (1, 2, 24, 4, 4), 64, (1, 2, 32, 4, 4)),  # groups × channels a group
        ((1, 48, 4, 4), (1, 768), 64, (1, 1024)),
        ((1, 48, 4, 4), (48, 16), 64, (64, 16)),
    ],
)
def test_reshape_by_relation(old, result, new: int, expected) -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, *old[2:])), old[1])
    y = b.reshape(x, result)
    n = b.shape(y)
    b.op("reduce", [y], n[:1] if n[0] == 1 else (), fn="sum", dims=list(range(n[0] == 1, len(n))), keepdim=False)
    moved = _widen_first_conv(b.build(), new)
    assert moved.shape(y) == expected


def test_failures_name_the_operation() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 8)
    y = b.op("other", [x], (1, 5), fn="torch.mystery", target="torch.mystery")
    with pytest.raises(MoveError, match="mystery"):
        _widen_first_conv(b.build(y), 16)
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 8)
    graph = b.build(b.conv(b.conv(x, 8, 3, groups=4), 4))
    with pytest.raises(MoveError, match="no multiple of its 4 groups"):
        _widen_first_conv(graph, 10)


def test_an_unknown_operator_that_keeps_the_shape_lets_it_through() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 8, 8)), 8)
    y = b.op("other", [x], b.shape(x), fn="torch.mystery", target="torch.mystery")
    moved = _widen_first_conv(b.build(b.conv(y, 4)), 16)
    assert moved.shape(y) == (1, 16, 8, 8)


def test_pooling_with_ceil_drops_windows_that_start_outside() -> None:
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 9, 9)), 4, stride=1)
    y = b.op(
        "pool",
        [x],
        (1, 4, 5, 5),
        fn="max",
        kernel=[2, 2],
        stride=[2, 2],
        padding=[0, 0],
        dilation=[1, 1],
        ceil=True,
        adaptive=None,
    )
    graph = b.build(b.global_pool(y))
    edit = GraphEdit(graph)
    edit.update(0, attrs={"stride": [2, 2]})
    moved = propagate(edit.finish(), {0}, graph.tensors, spatial=True)
    assert moved.shape(y) == (1, 4, 3, 3)


def test_same_padding_follows_the_size() -> None:
    """TensorFlow's 'same': 224 pixels under a 3×3 stride-2 window get one on the right, 225 one on each side."""

    def build(size: int, pad: list[int]) -> Graph:
        b = GraphBuilder()
        x = b.input((1, 3, size, size))
        x = b.op("pad", [x], (1, 3, size + sum(pad[:2]), size + sum(pad[2:])), pad=pad, mode="constant")
        return b.build(b.global_pool(b.conv(x, 8, 3, stride=2, padding=0)))

    moved = SetResolution(225, 225).apply(build(224, [0, 1, 0, 1]))
    assert equivalent(moved, build(225, [1, 1, 1, 1])) == []
