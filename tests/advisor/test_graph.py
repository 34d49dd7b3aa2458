"""The graph keeps its promises: plain form, wiring, indexes."""

import json

import msgpack
import pytest

from advisor.graph import Graph, GraphError, Module, Op, Span, Tensor, pack, unpack

SITE = Span("modèle.py", 3, 9, 3, 30)


def conv(key, x, y, weight, path):
    attrs = {
        "kernel": [1, 1],
        "stride": [1, 1],
        "padding": [0, 0],
        "dilation": [1, 1],
        "groups": 1,
        "transposed": False,
    }
    return Op(
        key, "conv", "torch.nn.Conv2d", attrs, (x,), (y,), {"weight": weight}, path, True, Span("m.py", 9, 1, 9, 5)
    )


@pytest.fixture
def shared() -> Graph:
    """One convolution called twice, then an addition of a constant that depends on no input."""
    tensors = {
        0: Tensor((1, 4, 8, 8), role="input", name="x"),
        1: Tensor((1, 4, 8, 8)),
        2: Tensor((1, 4, 8, 8)),
        3: Tensor((4, 4, 1, 1), role="parameter", name="block.conv.weight"),
        4: Tensor((1, 4, 1, 1)),
        5: Tensor((1, 4, 8, 8)),
    }
    ops = [
        conv(0, 0, 1, 3, "block.conv"),
        conv(1, 1, 2, 3, "block.conv"),
        Op(2, "create", "torch.ones", {"fn": "ones"}, (), (4,), path="block"),
        Op(3, "elementwise", "torch.add", {"fn": "add"}, (2, 4), (5,), path="block", call=Span("m.py", 11, 5, 11, 10)),
    ]
    modules = {
        "": Module("", "m.Net"),
        "block": Module("block", "m.Block"),
        "block.conv": Module("block.conv", "torch.nn.Conv2d", (SITE,)),
    }
    return Graph(ops, tensors, modules, (0,), (5,))


def same(a: Graph, b: Graph) -> bool:
    return a.to_plain() == b.to_plain()


def test_plain_form_survives_msgpack_and_json(shared):
    assert same(unpack(pack(shared)), shared)
    assert same(Graph.from_plain(json.loads(json.dumps(shared.to_plain()))), shared)
    assert unpack(pack(shared)).site(shared.ops[0]) == SITE


def test_a_shared_module_is_one_record_with_an_op_for_each_call(shared):
    assert [op.path for op in shared.ops[:2]] == ["block.conv", "block.conv"]
    assert shared.parameter_ids() == [3]


def test_site_is_the_creation_of_a_module_and_the_call_of_a_function(shared):
    assert shared.site(shared.ops[1]) == SITE
    assert shared.site(shared.ops[3]) == Span("m.py", 11, 5, 11, 10)


def test_enclosing_classes_go_up_to_the_root(shared):
    assert shared.enclosing_types(shared.ops[0]) == ["torch.nn.Conv2d", "m.Block", "m.Net"]


def test_ops_that_depend_on_no_input_are_constant(shared):
    assert shared.constant_ops == {2}


def test_connectivity_needs_a_path_from_input_to_output(shared):
    assert shared.connected()
    cut = shared.replace(ops=[shared.ops[0], shared.ops[2], shared.ops[3]])
    assert not cut.replace(outputs=(4,)).connected()


def test_check_names_the_op_that_reads_what_was_never_made(shared):
    with pytest.raises(GraphError, match=r"op 1 .*reads tensor 1 before it is made"):
        shared.replace(ops=shared.ops[1:]).check()


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x01", msgpack.packb({"version": 1}), msgpack.packb({"version": 99})])
def test_bytes_that_are_no_graph_are_refused(data):
    with pytest.raises(GraphError):
        unpack(data)


def test_a_cut_off_graph_is_refused(shared):
    with pytest.raises(GraphError):
        unpack(pack(shared)[:-7])


def test_a_tensor_of_an_unknown_role_is_refused(shared):
    plain = shared.to_plain()
    plain["tensors"][1][4] = "weight"
    with pytest.raises(GraphError, match="tensor 1 has the role 'weight'"):
        Graph.from_plain(plain)
