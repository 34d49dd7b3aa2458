"""The peak where the compiler's rules do not get to the end of a graph."""

import pytest

from advisor.estimator.memory import peaks
from advisor.estimator.memory.vela import sram
from advisor.estimator.simulated import Simulated
from advisor.targets import load
from tests.graphs import mobilenet_v2


@pytest.fixture
def failing(monkeypatch):
    """A step of the compiler's rules that fails on every graph."""

    def raising(*_):
        raise KeyError("nobody thought of that")

    monkeypatch.setattr(sram, "steps_of", raising)
    peaks._tell.cache_clear()


def test_where_the_compilers_rules_fail_the_peak_is_what_is_alive(failing, caplog):
    graph, target = mobilenet_v2(64), load("ethos-u85-1024-shared")
    found = Simulated().estimate(graph, target).peak
    alive = Simulated().estimate(graph, load("ethos-u85-1024")).peak  # with DRAM it is what is alive, anywhere
    assert (found.bytes, found.op, found.stored_bytes) == (alive.bytes, alive.op, None)
    [told] = caplog.messages
    assert target.name in told and "nobody thought of that" in told and "test_peaks.py:" in told


def test_what_a_dedicated_sram_holds_is_unknown_where_the_compilers_rules_fail(failing, caplog):
    for size in (64, 96):
        found = Simulated().estimate(mobilenet_v2(size), load("ethos-u85-1024")).peak
        assert found.bytes > 0 and (found.staging_bytes, found.stored_bytes) == (None, None)
    assert len(caplog.messages) == 1  # what every move would repeat
