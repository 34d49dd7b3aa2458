"""Budgets of the settings, and what a target has, as limits of a model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.limits import NO_LIMITS, judge, limits
from advisor.targets import load


def test_the_users_budget_wins_over_the_targets_and_that_over_its_memory() -> None:
    target = load("ethos-u85-1024-shared")
    assert target.memory_budget is not None
    (own,) = limits(target).memory
    assert (own.bytes, own.what, own.hard) == (target.memory_budget, "target", True)
    assert own.name == "ethos-u85-1024-shared's budget"
    (mine,) = limits(target, memory_budget=1000).memory
    assert (mine.bytes, mine.name, mine.what) == (1000, "the budget", "budget")


def test_a_memory_with_another_behind_it_is_no_hard_limit() -> None:
    (sram,) = limits(load("npu-64")).memory
    assert (sram.bytes, sram.hard) == (1 << 20, False)
    assert limits(load("npu-64")).exceeded(1 << 21) == sram
    assert limits(load("npu-64")).exceeded(1 << 20) is None


def test_caches_limit_nothing_but_a_budget_does() -> None:
    assert limits(load("cpu-x86")) == NO_LIMITS
    assert limits(load("cpu-x86"), 2000.0, 4096).exceeded(5000) is not None


def test_all_of_a_targets_memory_is_a_hard_limit() -> None:
    target = load("ethos-u55-128")
    whole = limits(target).memory[0]
    assert whole.hard and whole.bytes == sum(m.bytes or 0 for m in target.memory("activations"))
    endless = replace(target, memories=tuple(replace(m, bytes=None) for m in target.memories))
    assert limits(endless).memory == ()


@pytest.mark.parametrize(("us", "level"), [(899.0, "ok"), (901.0, "near"), (1000.0, "near"), (1001.0, "over")])
def test_near_begins_at_nine_tenths_of_a_budget(us: float, level: str) -> None:
    assert judge(limits(load("cpu-x86"), 1000.0), us, 0)[0] == level


def test_what_has_no_limit_is_ok_whatever_is_uncounted() -> None:
    assert judge(NO_LIMITS, 5.0, 5, uncounted=3) == ("ok", "")
    assert judge(NO_LIMITS, 5.0, 5, whole=False)[0] == "unknown"
