from __future__ import annotations

from advisor.graph import Graph
from advisor.migration.alignment import align
from tests.graphs import GraphBuilder


def block(b: GraphBuilder, x: int, name: str, *, fused: bool = False, se: bool = False) -> int:
    """An inverted bottleneck, its layers numbered as in a sequence: what is left out moves the numbers of the rest."""
    layers = iter(range(20))

    def path() -> str:
        return f"{name}.{next(layers)}"

    if fused:
        x = b.conv(x, 24, 3, path=path())
    else:
        x = b.act(b.bn(b.conv(x, 24, path=path()), path=path()), path=path())
        x = b.depthwise(x, 3, path=path())
    x = b.act(b.bn(x, path=path()), path=path())
    if se:
        gate = b.act(b.conv(b.global_pool(x), 24, bias=True, path=path()), "sigmoid", path=path())
        x = b.op("elementwise", [x, gate], b.shape(x), path=None, fn="mul")
    return b.bn(b.conv(x, 8, path=path()), path=path())


def network(*blocks: dict[str, bool]) -> Graph:
    b = GraphBuilder()
    x = b.act(b.bn(b.conv(b.input((1, 3, 32, 32)), 8, 3, path="stem.0"), path="stem.1"), path="stem.2")
    for i, options in enumerate(blocks):
        x = block(b, x, f"blocks.{i}", **options)
    return b.build(b.linear(b.flatten(b.global_pool(x)), 10, path="head"))


def names(graph: Graph, other: Graph) -> list[tuple[str, str]]:
    return [(p.path, q.path) for p, q in align(graph, other).pairs if p.op in ("conv", "batch_norm", "linear")]


def test_a_network_is_aligned_with_itself():
    graph = network({}, {"se": True}, {"fused": True})
    found = align(graph, graph)
    assert all(p is q for p, q in found.pairs)
    assert (found.rewrites, found.removed, found.added) == ([], [], [])


def test_a_fused_bottleneck_is_one_rewrite_though_names_moved():
    old, new = network({}, {}, {}), network({}, {"fused": True}, {})
    found = align(old, new)
    (rewrite,) = found.rewrites
    assert rewrite.kind == "fuse"
    assert [op.path for op in rewrite.old] == ["blocks.1.0", "blocks.1.1", "blocks.1.2", "blocks.1.3"]
    assert [op.path for op in rewrite.new] == ["blocks.1.0"]
    assert (found.removed, found.added) == ([], [])
    assert ("blocks.1.6", "blocks.1.3") in names(old, new)
    assert ("blocks.2.0", "blocks.2.0") in names(old, new)


def test_all_blocks_fused_are_as_many_rewrites():
    found = align(network({}, {}, {}), network(*[{"fused": True}] * 3))
    assert [r.kind for r in found.rewrites] == ["fuse"] * 3
    back = align(network(*[{"fused": True}] * 3), network({}, {}, {}))
    assert [r.kind for r in back.rewrites] == ["unfuse"] * 3


def test_a_gate_that_is_gone_leaves_the_rest_in_place():
    old, new = network({"se": True}, {"se": True}), network({"se": True}, {})
    found = align(old, new)
    assert {op.path or op.attrs["fn"] for op in found.removed} >= {"blocks.1.6", "blocks.1.7", "mul"}
    assert all(p.path.startswith("blocks.0") == q.path.startswith("blocks.0") for p, q in found.pairs)
    assert ("blocks.1.8", "blocks.1.6") in names(old, new)
    assert not found.added


def test_merged_linear_operators_are_a_rewrite():
    def net(merged: bool) -> Graph:
        b = GraphBuilder()
        x = b.flatten(b.global_pool(b.act(b.conv(b.input((1, 3, 8, 8)), 8, 3))))
        if not merged:
            x = b.linear(x, 12, path="a")
        return b.build(b.linear(x, 10, path="b"))

    (rewrite,) = align(net(False), net(True)).rewrites
    assert (rewrite.kind, [op.path for op in rewrite.old]) == ("merge", ["a", "b"])


def test_blocks_added_in_the_middle_are_added():
    old, new = network({}, {}), network({}, {}, {})
    found = align(old, new)
    assert not found.removed
    assert len(found.added) == len(new.ops) - len(old.ops)
