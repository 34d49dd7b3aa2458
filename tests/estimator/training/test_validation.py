"""Judging: which split a network is of, and how moves are drawn."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

from advisor.estimator import SIMULATED
from advisor.estimator.training.journal import Entry
from advisor.estimator.training.networks import Network, zoo
from advisor.estimator.training.sampling import Sample
from advisor.estimator.training.validation import assess, moved
from tests.graphs import mobilenet_v2

from .fakes import TARGET, Formula


def entry(network: Network) -> Entry:
    sample = Sample(network.graph, network.family, network.title, True)
    return Entry(sample, Formula().measure(network.graph, TARGET), 0.1)


def test_splits_are_judged_apart():
    chosen = [*zoo("test")[:2], zoo("final")[0]]
    tests, finals = assess([entry(n) for n in chosen], [], SIMULATED, TARGET, "a test")
    assert (tests.split, [n.name for n in tests.networks]) == ("test", sorted(n.title for n in chosen[:2]))
    assert (finals.split, [n.name for n in finals.networks]) == ("final", [chosen[2].title])
    assert tests.mape > 0 and tests.basis == finals.basis == "a test"


def test_moves_are_drawn_by_family():
    graph, rng = mobilenet_v2(), random.Random(3)
    many = [Network(f"a{i}", "timm", "many", "test", graph) for i in range(9)]
    drawn = Counter(s.family for s in islice(moved([*many, Network("b", "timm", "one", "test", graph)], rng), 40))
    assert drawn["one"] > 10 and drawn["many"] > 10
