"""The shipped zoo: its size, its splits, and its format."""

from __future__ import annotations

import pytest

from advisor.equivalence import equivalent
from advisor.estimator.training.networks import SPLITS, Network, ZooError, families, pack, stripped, unpack, zoo
from tests.graphs import mobilenet_v2


def test_a_packed_network_is_the_same_network():
    network = Network("mobilenet_v2@224", "torchvision", "mobilenetv2", "test", mobilenet_v2())
    (back,) = unpack(pack([network]))
    assert (back.title, back.family, back.split) == ("torchvision/mobilenet_v2@224", "mobilenetv2", "test")
    assert equivalent(back.graph, network.graph) == []


def test_a_stripped_graph_computes_the_same_and_says_nothing_of_its_source():
    graph = mobilenet_v2()
    bare = stripped(graph)
    assert equivalent(bare, graph) == []
    assert {op.path for op in bare.ops} == {""} and not any(t.name for t in bare.tensors.values())


@pytest.mark.parametrize("data", [b"", b"no archive", pack([])[:-9]])
def test_other_bytes_are_no_zoo(data: bytes):
    with pytest.raises(ZooError, match="rebuild"):
        unpack(data)


def test_no_family_is_in_two_splits():
    of = {split: families(split) for split in SPLITS}
    assert sum(map(len, of.values())) == len(frozenset().union(*of.values()))
    assert len(of["train"]) >= 60 and len(of["test"]) >= 25 and len(of["final"]) >= 25


def test_what_an_untouched_family_stands_on_was_not_trained_on():
    backbones = {family.partition(" on ")[2] for family in families("final")} - {""}
    assert backbones and backbones <= families("test")


def test_the_test_split_has_enough_networks_of_every_library():
    networks = [network for split in SPLITS for network in zoo(split)]
    assert len(zoo("test")) >= 75 and {n.library for n in zoo("test")} == {"timm", "torchvision", "pytorchcv"}
    assert len({n.title for n in networks}) == len(networks)
    assert all(n.split == split for split in SPLITS for n in zoo(split))
