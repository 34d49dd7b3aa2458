"""Journals: what is in them comes back, whatever ended the program that wrote."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import islice

import pytest

from advisor.estimator.measuring import Measurement, Unmeasurable
from advisor.estimator.training.journal import Entry, Journal, JournalError, identity, read
from advisor.estimator.training.sampling import samples

from .fakes import TARGET, Formula


def entries(count: int = 3) -> list[Entry]:
    found = []
    for sample in islice(samples(random.Random(2)), count):
        try:
            found.append(Entry(sample, Formula().measure(sample.graph, TARGET), 0.1))
        except Unmeasurable as e:
            found.append(Entry(sample, e, 0.1))
    return found


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "measurements" / "npu-64.journal"
    with Journal(path, TARGET, "formula 1") as journal:
        for entry in entries():
            journal.append(entry)
    return path


def test_what_was_written_is_read(path):
    for was, now in zip(entries(), read(path), strict=True):
        assert identity(was.sample) == identity(now.sample)
        assert (was.sample.family, was.sample.name, was.sample.whole) == (
            now.sample.family,
            now.sample.name,
            now.sample.whole,
        )
        if isinstance(was.result, Measurement):
            assert was.result == now.result
        else:
            assert isinstance(now.result, Unmeasurable) and was.result.reasons == now.result.reasons


def test_an_opened_journal_knows_its_samples(path):
    with Journal(path, TARGET, "formula 1") as journal:
        assert journal.known == {identity(entry.sample) for entry in entries()}


@pytest.mark.parametrize("lost", [1, 7, 60])
def test_a_torn_end_is_cut_off_and_written_over(path, lost):
    path.write_bytes(path.read_bytes()[:-lost])
    with Journal(path, TARGET, "formula 1") as journal:
        assert len(journal.known) == 2
        journal.append(entries()[2])
    assert len(list(read(path))) == 3


def test_a_journal_is_of_one_target_and_one_backend(path):
    with pytest.raises(JournalError, match="delete it"):
        Journal(path, TARGET, "formula 2")
    with pytest.raises(JournalError, match="delete it"):
        Journal(path, replace(TARGET, clock_hz=TARGET.clock_hz / 2), "formula 1")


def test_other_files_are_left_alone(tmp_path):
    other = tmp_path / "notes.txt"
    other.write_text("not a journal at all")
    with pytest.raises(JournalError, match="no journal"):
        Journal(other, TARGET, "formula 1")
    assert other.read_text() == "not a journal at all"
