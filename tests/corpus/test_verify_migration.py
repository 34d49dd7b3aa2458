"""The long check of migrated weights, on one network and a narrow one."""

from __future__ import annotations

import pytest
import torch

from advisor.migration.outcome import Layer, Outcome
from advisor.worker.load.torchvision_ops import install
from tests.corpus.migration_digits import narrowed
from tests.corpus.verify_migration import POINTS, Widened, a_tenth, check, table


def test_a_network_of_timm_computes_the_same_wider():
    install()  # torchvision's operators, which a CPU torch of another build lacks
    pytest.importorskip("timm")
    with torch.no_grad():
        found = check("mobilenetv3_small_050", a_tenth)
    assert found.groups > 20
    assert found.outcome.exact
    assert not found.wrong
    assert 0 < found.in_double < 1e-9
    assert "| mobilenetv3_small_050 | a tenth |" in table([found], [], [], 0.0)


def test_outputs_that_differ_though_they_should_not_are_wrong():
    same, other = (Outcome([Layer("a", "x", exact)]) for exact in (True, False))
    assert Widened("n", "twice", 1, same, 0.0, 1e-3, 1.0).wrong
    assert not Widened("n", "twice", 1, same, 1e-3, 1e-9, 1.0).wrong
    assert not Widened("n", "twice", 1, other, 1.0, 1.0, 1.0).wrong


def test_a_narrowed_network_is_within_two_points_after_one_epoch():
    pytest.importorskip("sklearn")
    (found,) = narrowed(16, (12,))
    assert found.before > 95
    assert found.before - found.trained <= POINTS
