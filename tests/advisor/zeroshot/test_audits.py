"""The check in audits: of files by a worker, of live modules in this process."""

from __future__ import annotations

import copy
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import advisor
from advisor import record
from advisor.cache.traces import Traces
from advisor.plan import Plans
from advisor.report import FileReport
from advisor.reports import render
from advisor.session import Score, Session, Shared
from advisor.zeroshot.check import unscored

NET = textwrap.dedent(
    """\
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(3, 68, 3, 2, 1)
            self.b = nn.Conv2d(68, 68, 3, 1, 1)
            self.c = nn.Conv2d(68, 16, 3, 1, 1)

        def forward(self, x):
            return self.c(self.b(self.a(x).relu()).relu())
    """
)


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    shared = Shared()
    yield shared
    shared.close()


def audited(folder: Path, shared: Shared, traces: Traces | None = None, score: Score | None = None) -> FileReport:
    path = folder / "net.py"
    if not path.exists():
        path.write_text(NET)
    with Session(Plans({"targets": ["npu-64"]}), shared=shared, traces=traces) as session:
        report = session.file(path, score=score)
    assert report is not None
    return report


def test_an_audit_scores_only_when_asked(tmp_path, shared):
    (model,) = audited(tmp_path, shared).models
    assert model.graph is not None
    assert model.graph.facts is None
    assert model.findings
    assert all(f.trainability is None for f in model.findings)


def test_scores_are_facts_and_stand_next_to_gains(tmp_path, shared):
    report = audited(tmp_path, shared, score="yes")
    (model,) = report.models
    assert model.graph is not None
    assert model.graph.facts is not None
    assert model.graph.facts.value("expressivity")
    finding = next(f for f in model.findings if f.code == "CHN101")
    assert finding.trainability is not None
    assert finding.trainability["naswot"]["before"] == model.graph.facts.value("naswot")
    assert "at initialisation expressivity" in finding.message
    again = record.unpack(record.pack(report)).models[0]
    assert again.findings == model.findings
    assert again.graph is not None
    assert again.graph.facts == model.graph.facts


def test_a_second_check_is_answered_from_the_cache(tmp_path, shared):
    traces = Traces(None)
    first = audited(tmp_path, shared, traces, score="yes")
    misses = traces.misses
    second = audited(tmp_path, shared, traces, score="yes")
    assert (traces.misses, traces.hits) == (misses, misses)
    assert second.models[0].findings == first.models[0].findings


def test_what_is_known_is_told_without_a_run(tmp_path, shared):
    traces = Traces(tmp_path / "kept")
    asked = audited(tmp_path, shared, traces, score="kept")
    assert unscored(asked.models)
    assert asked.models[0].notes == []
    first = audited(tmp_path, shared, traces, score="yes")
    misses = traces.misses
    known = audited(tmp_path, shared, traces, score="kept")
    assert traces.misses == misses
    assert not unscored(known.models)
    assert known.models[0].findings == first.models[0].findings
    elsewhere = audited(tmp_path, shared, Traces(tmp_path / "kept"), score="kept")
    assert elsewhere.models[0].findings == first.models[0].findings


def test_a_live_module_is_scored_and_left_as_it_was():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 68, 3), nn.BatchNorm2d(68), nn.ReLU(), nn.Conv2d(68, 8, 3)).train()
    before, state = copy.deepcopy(net.state_dict()), torch.random.get_rng_state()
    report = advisor.audit(net, (1, 3, 64, 64), "npu-64", zero_shot=True)
    (model,) = report.models
    assert model.graph is not None
    assert model.graph.facts is not None
    assert model.graph.facts.value("naswot")
    assert net.training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    said = json.loads(render(report, "json"))["files"][0]["models"][0]
    assert said["zero_shot"]["scores"]["naswot"]["value"] == model.graph.facts.value("naswot")
    assert "zero-shot" in str(report)


def test_a_live_module_that_cannot_be_copied_says_so():
    class Held(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)

        def __deepcopy__(self, memo: object) -> Held:
            raise RuntimeError("holds a file")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.a(x).relu()

    (model,) = advisor.audit(Held(), (2, 4), "npu-64", zero_shot=True).models
    assert any("holds a file" in note for note in model.notes)
