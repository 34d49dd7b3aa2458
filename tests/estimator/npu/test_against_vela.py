"""An Ethos-U array specified in a TOML is simulated as Arm's compiler estimates it; the long check is verify_npu."""

import pytest

pytest.importorskip("ethosu", reason="needs the extra [vela]")

from tests.corpus.verify_npu import Agreement, Pair, chains, fusions, measured, pairs, staircase

SHORT = 22
"""Ops of the chains that a short test can afford."""


@pytest.fixture(scope="module", params=pairs(), ids=lambda pair: pair.specified.name)
def pair(request: pytest.FixtureRequest) -> Pair:
    return request.param


def test_random_chains_come_in_the_same_order(pair):
    graphs = [graph for graph in chains(30, seed=11) if len(graph.ops) <= SHORT]
    assert len(graphs) >= 8
    simulated, _, compiled = zip(*measured(graphs, pair), strict=True)
    found = Agreement.of(simulated, compiled)
    assert found.rank >= 0.95
    assert found.median <= 0.15


def test_channels_step_where_the_compiler_says(pair):
    simulated, compiled = {}, {}
    for width, mine, theirs in staircase(pair, (16, 17, 32, 33)):
        simulated[width], compiled[width] = mine, theirs
    for low, high in ((16, 17), (32, 33)):
        assert simulated[high] / simulated[low] > 1.5
        assert compiled[high] / compiled[low] > 1.4


def test_fusion_hurts_more_in_late_blocks(pair):
    (*_, early, truly_early), (*_, late, truly_late) = fusions(pair, ((112, 16), (7, 160)))
    assert (early < 1) == (truly_early < 1)
    assert early == pytest.approx(truly_early, rel=0.25)
    assert late == pytest.approx(truly_late, rel=0.25)
    assert late > 2 * early
