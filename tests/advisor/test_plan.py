"""A plan at work on a traced model: what is reported, and what that comes to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from advisor.config import Config
from advisor.graph import Graph, Span
from advisor.plan import Plan
from advisor.report import ModelReport
from tests.graphs import GraphBuilder

SPAN = Span("net.py", 1, 1, 1, 4)


def misaligned() -> Graph:
    """Two convolutions with 68 channels each, which the target pads to 128."""
    b = GraphBuilder()
    x = b.conv(b.input((1, 64, 64, 64)), 68, 3)
    return b.build(b.conv(b.conv(x, 128, 3), 64, 3))


def planned(folder: Path, **settings) -> Plan:
    return Plan.of(dataclasses.replace(Config(root=folder), targets=("npu-64",), **settings))


@pytest.fixture
def model() -> ModelReport:
    return ModelReport("Net", "net.py", "class", SPAN, "ok", rung="fx", graph=misaligned())


def test_what_all_findings_save_together_counts_the_reported_ones_only(tmp_path, model):
    planned(tmp_path).advise(model)
    assert [f.code for f in model.findings] == ["CHN101"]
    assert model.together_us["npu-64"] == model.findings[0].gain_us


def test_a_finding_that_a_comment_silences_saves_nothing(tmp_path, model):
    planned(tmp_path).advise(model, lambda finding: finding.code == "CHN101")
    assert model.together_us["npu-64"] == 0


def test_a_finding_that_is_ignored_in_its_file_saves_nothing(tmp_path, model):
    planned(tmp_path, per_file_ignores={"net.py": ("CHN",)}).advise(model)
    assert model.together_us["npu-64"] == 0
