"""The engine on several files: what an audit that is cancelled reports."""

from __future__ import annotations

import os
import re
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from advisor import engine
from advisor.findings import Finding
from advisor.reports import render

GOOD = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.conv(x)
"""


def test_a_cancelled_audit_ends_what_runs_and_reports_what_was_done(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GOOD)
    (tmp_path / "b.py").write_text("import time\ntime.sleep(60)\n" + GOOD)
    (tmp_path / "c.py").write_text(GOOD)
    cancelled = threading.Event()
    overrides = {"targets": ["npu-64"], "jobs": 1, "time_limit": 50.0}

    def when_one_is_done(_file: Path, done: int, _total: int) -> None:
        if done == 1:
            cancelled.set()

    started = time.monotonic()
    report = engine.audit_paths([tmp_path], overrides, when_one_is_done, cancelled)
    assert [Path(f.file).name for f in report.files] == ["a.py"]
    assert time.monotonic() - started < 50.0  # b.py alone would have used its whole limit


def test_each_file_is_audited_under_the_settings_nearest_to_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.advisor]\ntargets = ["npu-64"]\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[tool.advisor]\ntargets = ["ethos-u55-128"]\nexclude = ["other.py"]\n')
    (tmp_path / "a.py").write_text(GOOD)
    (inner / "b.py").write_text(GOOD)
    report = engine.audit_paths([tmp_path], {"jobs": 1})
    assert {Path(m.file).name: list(m.costs) for m in report.models} == {"a.py": ["npu-64"], "b.py": ["ethos-u55-128"]}
    assert set(report.targets) == {"npu-64", "ethos-u55-128"}


def test_what_is_planned_is_what_an_audit_reports_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "pyproject.toml").write_text('[tool.advisor]\ntargets = ["npu-64"]\nexclude = ["old*"]\n')
    for name in ("sub/b.py", "sub/a.py", "sub/old_c.py", "d.py", "e.ipynb"):
        (tmp_path / name).write_text('{"cells": []}' if name.endswith("ipynb") else "x = 1\n")
    paths = [Path("sub"), Path("e.ipynb"), Path("sub/a.py")]
    plan = engine.planned(paths, {"targets": ["cpu-x86", "npu-64"], "jobs": 3}, tmp_path)
    here = tmp_path.resolve()
    assert plan == engine.Planned(
        (here / "sub/a.py", here / "sub/b.py", here / "e.ipynb"), str(here), ("cpu-x86", "npu-64"), 3
    )
    monkeypatch.chdir(tmp_path)
    report = engine.audit_paths(paths, {"targets": ["cpu-x86", "npu-64"], "jobs": 1})
    assert (report.root, report.targets) == (plan.root, plan.targets)
    assert [Path(f.file) for f in report.files] == list(plan.files)
    with pytest.raises(engine.EngineError, match="no such file or folder: gone"):
        engine.planned([Path("gone.py")], {}, tmp_path)


def test_what_is_no_file_is_a_finding_on_its_own_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    for name, link in {"device": "/dev/zero", "loop": "loop.py", "gone": "nowhere/x.py", "same": "good.py"}.items():
        (tmp_path / f"{name}.py").symlink_to(link)
    (tmp_path / "good.py").write_text("x = 1\n")
    report = engine.audit_paths([tmp_path, tmp_path / "loop.py"], {"targets": ["npu-64"], "jobs": 1})
    here = tmp_path.resolve()
    assert report.root == str(here)
    found = {Path(f.file): [finding.code for finding in f.findings] for f in report.files}
    assert found == {here / "good.py": [], **{here / f"{n}.py": ["TRC901"] for n in ("device", "gone", "loop", "pipe")}}
    assert len(annotated([tmp_path])) == 4


def test_a_named_path_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    (finding,) = engine.audit_paths([tmp_path / "gone.py"], {"targets": ["npu-64"]}).findings()
    assert (finding.code, finding.span.file) == ("TRC901", str(tmp_path.resolve() / "gone.py"))
    with pytest.raises(engine.EngineError):
        engine.audit_paths([tmp_path / "never.py"], {"targets": ["npu-64"]})


def annotated(paths: list[Path]) -> list[str]:
    lines = render(engine.audit_paths(paths, {"targets": ["npu-64"], "jobs": 1}), "github").splitlines()
    return [re.findall("file=([^,]*),", line)[0] for line in lines]


def test_annotations_name_files_from_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "mono" / "pkg"
    package.mkdir(parents=True)
    (tmp_path / "mono" / ".git").mkdir()
    (package / "pyproject.toml").write_text("[tool.advisor]\n")
    (package / "net.py").write_text("class Net(:\n")
    monkeypatch.chdir(package)
    assert annotated([Path("net.py")]) == ["pkg/net.py"]


def test_without_a_repository_files_are_named_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "net.py").write_text("class Net(:\n")
    monkeypatch.chdir(tmp_path)
    assert annotated([Path("pkg")]) == ["pkg/net.py"]
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert annotated([tmp_path / "pkg"]) == ["net.py"]


def function() -> None:
    pass


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Conv2d, r"Conv2d is a class; .* audit\(Conv2d\(…\)\)"),
        (None, "expected an nn.Module or the path"),
        (function, "function is a function; give the module that it builds"),
        (torch.jit.trace(nn.ReLU(), torch.zeros(1)), "audit the module that it was made from"),
    ],
    ids=["class", "none", "function", "scripted"],
)
def test_what_is_no_module_is_refused(model: Any, words: str) -> None:
    with pytest.raises(engine.EngineError, match=words):
        engine.audit(model)


@pytest.mark.parametrize("arguments", [{"target": 3}, {"target": [3]}, {"inputs": "abc"}, {"inputs": 7}])
def test_wrong_arguments_are_refused(arguments: Any) -> None:
    with pytest.raises(engine.EngineError, match="expected a"):
        engine.audit(nn.ReLU(), **{"inputs": (1, 3, 8, 8), **arguments})


def test_inputs_that_do_not_fit_are_to_be_corrected() -> None:
    report = engine.audit(nn.Conv2d(3, 8, 3), (1, 5, 8, 8), target="npu-64")
    (finding,) = report.findings()
    assert (finding.code, finding.message.rpartition("; ")[2]) == ("TRC903", "correct the inputs that were given")


def audited(tmp_path: Path, source: str, settings: str = "", code: str = "") -> list[Finding]:
    (tmp_path / "pyproject.toml").write_text(f'[tool.advisor]\ntargets = ["ethos-u85-1024"]\n{settings}')
    (tmp_path / "net.py").write_text(source)
    return [f for f in engine.audit_paths([tmp_path], {"jobs": 1}).findings() if f.code.startswith(code)]


WIDE = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(
            60,{comment}
            130,
            3,
            bias=False,
        )
        self.norm = nn.Conv2d(130, 8, 1)

    def forward(self, x):
        return self.norm(self.conv(x))
"""


def test_a_comment_within_a_call_over_several_lines_silences_its_finding(tmp_path: Path) -> None:
    assert audited(tmp_path, WIDE.format(comment=""), code="OPS504")
    ignored = audited(tmp_path, WIDE.format(comment="  # advisor: ignore[OPS504]"))
    assert {f.code for f in ignored}.isdisjoint({"OPS504", "SUP002"})


def test_a_comment_with_an_unknown_code_is_told_the_nearest(tmp_path: Path) -> None:
    for comment, words in (("CHN999", "did you mean 'CHN"), ("XYZ999", "unknown code 'XYZ999'")):
        (finding,) = audited(tmp_path, f"{GOOD}# advisor: ignore[{comment}]\n", code="SUP002")
        assert words in finding.message


def test_a_described_model_that_does_not_exist_is_told(tmp_path: Path) -> None:
    entry = '[[tool.advisor.models]]\npath = "net.py"\nname = "{}"\ninput = [1, 3, 8, 8]\n'
    (finding,) = audited(tmp_path, GOOD, entry.format("Nett"), code="TRC906")
    assert "describes 'Nett'" in finding.message
    assert "did you mean 'Net'?" in finding.message
    assert audited(tmp_path, GOOD, entry.format("Net"), code="TRC906") == []


def test_models_of_installed_packages_are_audited(tmp_path: Path) -> None:
    if find_spec("torchvision") is None:  # not imported here: its CUDA build needs what the worker mends
        pytest.skip("needs torchvision")
    source = "from torchvision.models import resnet18\n\nnet = resnet18()\n\n\ndef make():\n    return resnet18()\n"
    (tmp_path / "net.py").write_text(source)
    models = engine.audit_paths([tmp_path], {"targets": ["npu-64"], "jobs": 1}).models
    assert {m.name: (m.kind, m.status) for m in models} == {"net": ("instance", "ok"), "make": ("factory", "ok")}
