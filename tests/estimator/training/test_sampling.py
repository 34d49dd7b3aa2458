"""Random chains and perturbed networks."""

from __future__ import annotations

import random
from itertools import islice

from advisor.estimator.training.journal import identity
from advisor.estimator.training.networks import families
from advisor.estimator.training.sampling import CHAINS, chain, samples, section


def drawn(seed: int, count: int = 40):
    return list(islice(samples(random.Random(seed)), count))


def test_the_same_seed_gives_the_same_samples():
    assert [identity(s) for s in drawn(5, 8)] == [identity(s) for s in drawn(5, 8)]
    assert [identity(s) for s in drawn(5, 8)] != [identity(s) for s in drawn(6, 8)]


def test_samples_are_sound_graphs_of_training_families_only():
    found = drawn(1)
    for sample in found:
        sample.graph.check()
        assert [op.key for op in sample.graph.ops] == list(range(len(sample.graph.ops)))
    assert {s.family for s in found} <= families("train") | {CHAINS}
    assert CHAINS in {s.family for s in found} and len({s.family for s in found}) > 5
    assert {s.whole for s in found} == {True, False}


def test_chains_have_channels_beside_the_multiples_of_eight():
    widths = [op_width for s in range(60) for op_width in _widths(chain(random.Random(s)))]
    aligned = sum(w % 8 == 0 for w in widths)
    assert 0.3 * len(widths) < aligned < 0.9 * len(widths)


def _widths(graph):
    return [graph.shape(op.outputs[0])[1] for op in graph.ops if op.op == "conv"]


def test_a_section_is_given_what_it_does_not_make():
    rng = random.Random(3)
    whole = next(s for s in samples(rng) if s.whole and len(s.graph.ops) > 150)
    cut = section(whole.graph, rng)
    assert cut is not None
    cut.check()
    assert len(cut.ops) < len(whole.graph.ops) and cut.connected()
