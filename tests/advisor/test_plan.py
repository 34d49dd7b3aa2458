"""A plan at work on a traced model: what is reported, and what that comes to."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest

from advisor import packs
from advisor.config import Config, ConfigError
from advisor.engine import audit_paths
from advisor.estimator import SIMULATED
from advisor.estimator.learned import LEARNED
from advisor.graph import Graph, Span
from advisor.plan import Plan, Plans
from advisor.report import FileReport, ModelReport, Report
from advisor.reports import render
from advisor.selection import SelectionError
from advisor.targets import TargetError
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
    assert [f.code for f in model.findings] == ["CHN101", "ZST701", "ZST701"]
    assert model.together_us["npu-64"] == model.findings[0].gain_us


def test_a_finding_that_a_comment_silences_saves_nothing(tmp_path, model):
    planned(tmp_path).advise(model, lambda finding: finding.code == "CHN101")
    assert model.together_us["npu-64"] == 0


def test_a_finding_that_is_ignored_in_its_file_saves_nothing(tmp_path, model):
    planned(tmp_path, per_file_ignores={"net.py": ("CHN",)}).advise(model)
    assert model.together_us["npu-64"] == 0


class Broken:
    """A cost model that cannot do what it says it can."""

    label = "predicted"

    def covers(self, target) -> bool:
        return target.name == "npu-64"

    def estimate(self, graph: Graph, target):
        raise IndexError("tuple index out of range")


def test_where_a_cost_model_fails_the_next_one_is_asked_and_the_report_says_so(tmp_path, model, monkeypatch):
    monkeypatch.setattr(packs, "estimators", lambda: (Broken(), SIMULATED))
    planned(tmp_path).advise(model)
    assert model.costs["npu-64"].label == "simulated"
    assert model.findings[0].code == "CHN101" and model.findings[0].label == "simulated"
    assert model.notes == ["the cost model of npu-64 (predicted) raised IndexError: tuple index out of range"]


def test_a_target_that_nothing_can_cost_is_left_out_and_the_others_stay(tmp_path, model, monkeypatch):
    monkeypatch.setattr(packs, "estimators", lambda: (Broken(), LEARNED))
    monkeypatch.setattr(type(LEARNED), "covers", lambda self, target: target.name == "ethos-u55-128")
    plan = Plan.of(dataclasses.replace(Config(root=tmp_path), targets=("npu-64", "ethos-u55-128")))
    plan.advise(model)
    assert list(model.costs) == list(model.together_us) == ["ethos-u55-128"]
    assert {f.target for f in model.findings} <= {"ethos-u55-128", None}
    report = Report(str(tmp_path), ("npu-64", "ethos-u55-128"), [FileReport("net.py", [model])])
    assert "the cost model of npu-64 (predicted) raised IndexError" in " ".join(str(report).split())
    assert "ethos-u55-128" in render(report, "json")


BLOCKS = """\
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.a = nn.Conv2d(width, 68, 3, padding=1)
        self.b = nn.Conv2d(68, width, 3, padding=1)

    def forward(self, x):
        return self.b(self.a(x).relu())
"""
NET = """\
from torch import nn
from .blocks import Block


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, padding=1)
        self.one = Block(64)
        self.two = Block(64)

    def forward(self, x):
        return self.two(self.one(self.stem(x))).mean((2, 3))
"""


def test_a_literal_in_a_helper_file_is_one_finding_on_its_own_call_whoever_uses_it(tmp_path):
    package = tmp_path / "pk"
    package.mkdir()
    for name, text in (("__init__.py", ""), ("blocks.py", BLOCKS), ("net.py", NET)):
        (package / name).write_text(text, encoding="utf-8")
    report = audit_paths([package / "net.py"], {"targets": ["npu-64"], "select": ["CHN101"]})
    (finding,) = report.findings()
    assert (Path(finding.span.file).name, finding.span.line) == ("blocks.py", 7)
    first, *callers = [(Path(r.span.file).name, r.span.line) for r in finding.related]
    assert first == ("blocks.py", 7)
    assert sorted(callers) == [("net.py", 9), ("net.py", 10)]
    assert finding.layers == ["one.a", "two.a"]


def test_advice_that_holds_for_any_target_is_given_once(tmp_path):
    b = GraphBuilder()
    graph = b.build(b.bn(b.conv(b.input((1, 64, 64, 64)), 64, 3, bias=True)))
    model = ModelReport("Net", "net.py", "class", SPAN, "ok", rung="fx", graph=graph)
    plan = Plan.of(dataclasses.replace(Config(root=tmp_path), targets=("npu-64", "cpu-x86"), select=("OPS503",)))
    plan.advise(model)
    assert [(f.code, f.target) for f in model.findings] == [("OPS503", None)]


def test_folders_without_settings_of_their_own_share_a_plan(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "pyproject.toml").write_text("[tool.advisor]\nmin-gain = 3\n", encoding="utf-8")
    plans = Plans({"targets": ["npu-64"]})
    a, b, c = (plans.of(tmp_path / name) for name in "abc")
    assert a is b
    assert a.targets[0] is b.targets[0]
    assert c.config.min_gain == 3.0


def test_a_plan_is_made_anew_when_its_settings_or_a_targets_file_change(tmp_path, monkeypatch):
    monkeypatch.setattr("advisor.texts.SETTLED_NS", 0)
    inner, hardware = tmp_path / "a" / "b", tmp_path / "hardware"
    inner.mkdir(parents=True)
    hardware.mkdir()
    plans = Plans({"targets": ["npu-64"]})
    first = plans.of(inner)
    assert plans.of(inner) is first
    (tmp_path / "a" / "pyproject.toml").write_text("[tool.advisor]\nmin-gain = 3\n", encoding="utf-8")
    assert plans.of(inner).config.min_gain == 3.0
    (inner / "pyproject.toml").write_text('[tool.advisor]\ntarget-dirs = ["../../hardware"]\n', encoding="utf-8")
    second = plans.of(inner)
    assert (second.config.min_gain, plans.of(inner) is second) == (1.0, True)
    (hardware / "npu-64.toml").write_text('inherits = "nvidia-gpu-fp16"\n', encoding="utf-8")
    assert plans.of(inner).targets[0].clock_hz != first.targets[0].clock_hz
    for folder in (tmp_path / "a", inner):
        (folder / "pyproject.toml").unlink()
    assert plans.of(inner) is first


def test_settings_that_cannot_be_read_are_told_each_time_until_they_can(tmp_path):
    plans = Plans({"targets": ["npu-64"]})
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.advisor]\nmin-gian = 3\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(ConfigError, match="min-gian"):
            plans.of(tmp_path)
    file.write_text("[tool.advisor]\nmin-gain = 3\n", encoding="utf-8")
    assert plans.of(tmp_path).config.min_gain == 3.0


def test_a_targets_path_starts_where_it_was_said(tmp_path):
    (tmp_path / "mine.toml").write_text('inherits = "npu-64"\nname = "mine"\n', encoding="utf-8")
    (tmp_path / "sub").mkdir()
    assert [t.name for t in Plans({"targets": ["mine.toml"]}, tmp_path).of(tmp_path / "sub").targets] == ["mine"]
    (tmp_path / "pyproject.toml").write_text('[tool.advisor]\ntargets = ["mine.toml"]\n', encoding="utf-8")
    assert [t.name for t in Plans().of(tmp_path / "sub").targets] == ["mine"]


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        (
            "targets",
            ["npu-65"],
            r"targets: no target named 'npu-65'; did you mean 'npu-64'\? \(`advisor targets` lists",
        ),
        ("target-dirs", ["hardware"], "target-dirs: no such folder: .*/hardware; create it"),
        ("select", ["CHN999"], r"select: unknown code 'CHN999'; did you mean .* \(`advisor rules` lists them\)"),
        ("ignore", ["mem401"], "ignore: unknown code 'mem401'"),
        ("per-file-ignores", {"a.py": ["SUB001"]}, "per-file-ignores for 'a.py': unknown code"),
    ],
)
@pytest.mark.parametrize("origin", ["file", "options", "the editor's settings"])
def test_a_setting_that_cannot_be_met_is_named_with_its_place(tmp_path, setting, value, said, origin):
    text = json.dumps(value).replace(": ", " = ")
    (tmp_path / "pyproject.toml").write_text("[tool.advisor]\n" + (f"{setting} = {text}\n" if origin == "file" else ""))
    place = rf"{tmp_path}/pyproject.toml: \[tool.advisor\]" if origin == "file" else origin
    plans = Plans() if origin == "file" else Plans({setting: value}, tmp_path, origin)
    with pytest.raises((TargetError, SelectionError), match=f"^{place}: {said}"):
        plans.of(tmp_path / "net.py")


def test_globs_without_a_settings_file_start_from_each_files_own_folder(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "sub").mkdir(parents=True)
    time.sleep(0.15)  # a plan is shared once what it was made of is at rest
    plans = Plans({"targets": ["npu-64"], "per-file-ignores": {"sub/net.py": ["TRC"]}}, tmp_path)
    for name in ("a", "b"):
        assert not plans.of(tmp_path / name).enabled("TRC901", str(tmp_path / name / "sub" / "net.py"))
    plain = Plans({"targets": ["npu-64"]}, tmp_path)
    assert plain.of(tmp_path / "a") is plain.of(tmp_path / "b")
