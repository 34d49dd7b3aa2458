"""Predictor files: what comes back is what went in, where they are looked for, and what is not taken for one."""

import logging
import zlib
from dataclasses import replace
from pathlib import Path

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimator.learned import shelf
from advisor.estimator.learned.model import Learned
from advisor.estimator.learned.predictor import Predictor, PredictorError, fingerprint
from advisor.targets import load
from tests.estimator.edits import GRAPHS

from .predictors import random_predictor

TARGET = load("ethos-u55-128")
PREDICTOR = random_predictor(TARGET)
BYTES = PREDICTOR.to_bytes()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of predictors, and none that are shipped."""
    monkeypatch.setattr(shelf, "places", lambda name: (tmp_path / f"{name}.msgpack", tmp_path / "none.msgpack"))
    return tmp_path


def test_comes_back_as_it_was():
    back = Predictor.from_bytes(BYTES)
    assert np.array_equal(back.forest.feature, PREDICTOR.forest.feature)
    assert np.array_equal(back.forest.threshold, PREDICTOR.forest.threshold)
    assert np.array_equal(back.forest.value, PREDICTOR.forest.value)
    assert (back.target, back.fingerprint, back.basis, back.facts) == (
        TARGET.name,
        fingerprint(TARGET),
        "a test, no truth",
        {"networks": 3},
    )
    graph = GRAPHS["tower"]
    assert Learned(back).estimate(graph, TARGET) == Learned(PREDICTOR).estimate(graph, TARGET)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_damaged_bytes_are_refused(data):
    damaged = bytearray(BYTES)
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PredictorError):
        Predictor.from_bytes(bytes(damaged))


@given(st.binary(max_size=64) | st.integers(0, len(BYTES) - 1).map(lambda n: BYTES[:n]))
@settings(deadline=None, max_examples=60)
def test_other_bytes_are_refused(data):
    with pytest.raises(PredictorError):
        Predictor.from_bytes(data)


def test_a_predictor_that_was_installed_is_used(home):
    model = Learned()
    assert not model.covers(TARGET)
    shelf.install(PREDICTOR)
    assert model.covers(TARGET)
    assert model.estimate(GRAPHS["tower"], TARGET) == Learned(PREDICTOR).estimate(GRAPHS["tower"], TARGET)


def test_another_predictor_in_its_place_makes_other_costs(home):
    model, graph = Learned(), GRAPHS["tower"]
    shelf.install(PREDICTOR)
    assert model.covers(TARGET)
    first = model.estimate(graph, TARGET)
    shelf.install(replace(random_predictor(TARGET, seed=5), facts={"networks": 44}))
    assert model.covers(TARGET)
    assert model.estimate(graph, TARGET).latency_us != first.latency_us


def _foreign(home: Path) -> None:
    shelf.install(replace(PREDICTOR, fingerprint="0" * 32), home / "ethos-u55-128.msgpack")


def _damaged(home: Path) -> None:
    (home / "ethos-u55-128.msgpack").write_bytes(b"PK\x03\x04")


def _older(home: Path) -> None:
    plain = msgpack.unpackb(zlib.decompress(BYTES))
    plain["version"] -= 1
    packed = msgpack.packb(plain)
    assert packed is not None
    (home / "ethos-u55-128.msgpack").write_bytes(zlib.compress(packed))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_foreign, "the facts of 'ethos-u55-128' have changed since it was made"),
        (_damaged, "it is damaged"),
        (_older, "another version of the advisor made it"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_once_with_the_remedy(home, caplog, spoil, why):
    spoil(home)
    model = Learned()
    with caplog.at_level(logging.WARNING):
        assert not model.covers(TARGET)
        assert not model.covers(TARGET)
    (said,) = caplog.messages
    assert said == (
        f"predictor {home / 'ethos-u55-128.msgpack'} is not used: {why}; "
        "`advisor calibrate ethos-u55-128` makes another, or delete the file"
    )


def test_the_fingerprint_is_of_what_costs_depend_on():
    same = replace(TARGET, name="mine", description="other words", sources=(), memory_budget=1000)
    assert fingerprint(same) == fingerprint(TARGET)
    assert fingerprint(replace(TARGET, clock_hz=1e9)) != fingerprint(TARGET)
    memories = (replace(TARGET.memories[0], bytes_per_s=1.0), *TARGET.memories[1:])
    assert fingerprint(replace(TARGET, memories=memories)) != fingerprint(TARGET)
    assert len({fingerprint(load(n)) for n in ("ethos-u55-128", "ethos-u55-256", "ethos-u85-1024", "cpu-x86")}) == 4
