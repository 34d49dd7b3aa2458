"""Files audited through the cache and without it: the reports are equal, whatever was edited."""

from __future__ import annotations

import dataclasses
import random
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from advisor.cache.traces import Traces
from advisor.plan import Plans
from advisor.report import FileReport
from advisor.session import Session
from advisor.texts import Texts

SETTINGS = '[tool.advisor]\ntargets = ["cpu-x86"]\n'
BLOCKS = """\
from torch import nn


def conv_bn(inp, out, stride=1):
    return nn.Sequential(nn.Conv2d(inp, out, 3, stride, 1), nn.BatchNorm2d(out), nn.ReLU())
"""
NET = '''\
"""A net with a head."""
import torch
from torch import nn

from blocks import conv_bn

WIDTHS = [(20, 2), (30, 1)]


class Net(nn.Module):
    """Some stages and a head."""

    def __init__(self, classes=10):
        super().__init__()
        stages = []
        width = 3
        for out, stride in WIDTHS:
            stages.append(conv_bn(width, out, stride))
            width = out
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.stages(x)
        return self.head(
            torch.flatten(
                self.pool(x), 1
            )
        )


# advisor: args=(7,) input=(1, 3, 40, 40)
class Told(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.act = nn.Hardswish()

    def forward(self, x):
        return (self.act(self.conv(x))
                .mean(-1)
                .relu())


class Fails(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.other = nn.Conv2d(width + 1, width, 3)

    def forward(self, x):
        return self.other(self.conv(x))


class Raises(nn.Module):
    def __init__(self, name):
        super().__init__()
        raise ValueError(f"no {name} is known")


def report(model, lines=3):
    for n in range(lines):
        print("report", n, model)


if __name__ == "__main__":
    net = Net(classes=12)
    print(net(torch.zeros(1, 3, 48, 48)).shape)
'''


class Auditor:
    """Audits one project twice: with a cache, and without."""

    def __init__(self, project: Path, cache: Path) -> None:
        self.project, self.cache = project, cache
        self.traces = Traces(cache)
        self.cached = Session(Plans(), traces=self.traces)
        self.plain = Session(Plans())

    def close(self) -> None:
        self.cached.close()
        self.plain.close()

    def restart(self) -> None:
        self.traces = self.cached.traces = Traces(self.cache)

    def same(self, path: Path, buffers: Mapping[Path, str] | None = None) -> bool:
        """Audit ``path``; whether the cache answered. Fails where the reports differ."""
        hits = self.traces.hits
        known = self.cached.file(path, Texts(buffers or {}))
        hit = self.traces.hits > hits
        fresh = self.plain.file(path, Texts(buffers or {}))
        assert known is not None
        assert fresh is not None
        assert plain(known) == plain(fresh)
        return hit


def plain(report: FileReport) -> dict[str, Any]:
    """All of a report, as values that compare."""
    models = []
    for model in report.models:
        fields = {f.name: getattr(model, f.name) for f in dataclasses.fields(model)}
        fields["graph"] = model.graph and model.graph.to_plain()
        models.append({**fields, "costs": repr(model.costs)})
    return {"file": report.file, "findings": report.findings, "notes": report.notes, "models": models}


@pytest.fixture(scope="module")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Auditor]:
    project = tmp_path_factory.mktemp("project")
    auditor = Auditor(project, tmp_path_factory.mktemp("cache"))
    yield auditor
    auditor.close()


@pytest.fixture
def net(auditor: Auditor) -> Path:
    for path in auditor.project.iterdir():
        path.unlink()
    (auditor.project / "pyproject.toml").write_text(SETTINGS)
    (auditor.project / "blocks.py").write_text(BLOCKS)
    path = auditor.project / "net.py"
    path.write_text(NET)
    time.sleep(0.03)
    return path


def test_a_second_audit_runs_nothing(auditor: Auditor, net: Path) -> None:
    auditor.same(net)
    misses = auditor.traces.misses
    assert auditor.same(net)
    assert auditor.traces.misses == misses
    auditor.restart()
    assert auditor.same(net)
    assert auditor.traces.misses == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("class Net", "# the net\n\nclass Net"),
        ("stages.append(conv_bn(width, out, stride))", "stages.append( conv_bn(width,out,stride) )  # a stage"),
        ('print("report"', 'print("a report"'),
        ("# advisor: args", "\n# say how\n# advisor: args"),
        ("    print(net(torch", "    print(1)\n    print(net(torch"),
        ("                .mean(-1)\n", "                # the mean\n                .mean(-1)  # of rows\n"),
    ],
)
def test_an_edit_that_changes_no_code_runs_nothing(auditor: Auditor, net: Path, old: str, new: str) -> None:
    auditor.same(net)
    assert old in NET
    assert auditor.same(net, {net: NET.replace(old, new)})
    net.write_text(NET.replace(old, new))
    assert auditor.same(net)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(30, 1)", "(31, 1)"),
        ("args=(7,)", "args=(9,)"),
        ("input=(1, 3, 40, 40)", "input=(1, 3, 41, 41)"),
        ("classes=12", "classes=13"),
        ("48, 48", "64, 64"),
        ("import torch\n", "import torch as t\n"),
    ],
)
def test_an_edit_of_what_matters_runs(auditor: Auditor, net: Path, old: str, new: str) -> None:
    auditor.same(net)
    assert old in NET
    assert not auditor.same(net, {net: NET.replace(old, new)})


def test_an_edit_of_an_imported_file_runs(auditor: Auditor, net: Path) -> None:
    auditor.same(net)
    blocks = net.parent / "blocks.py"
    changed = BLOCKS.replace("nn.ReLU()", "nn.ReLU6()")
    assert not auditor.same(net, {blocks: changed})
    assert auditor.same(net)
    blocks.write_text(changed)
    auditor.same(net)
    blocks.unlink()
    assert not auditor.same(net)


def test_a_file_that_shadows_an_import_runs(auditor: Auditor, net: Path) -> None:
    auditor.same(net)
    (net.parent / "blocks").mkdir()
    (net.parent / "blocks" / "__init__.py").write_text(BLOCKS.replace("nn.ReLU()", "nn.Tanh()"))
    try:
        assert not auditor.same(net)
    finally:
        (net.parent / "blocks" / "__init__.py").unlink()
        (net.parent / "blocks").rmdir()


def edited(text: str, choose: random.Random) -> str:
    """``text`` after an edit as people make them; it may break."""
    lines = text.split("\n")
    at = choose.randrange(len(lines))
    kind = choose.randrange(9)
    if kind == 0:
        lines.insert(at, "")
    elif kind == 1:
        lines.insert(at, lines[at][: len(lines[at]) - len(lines[at].lstrip())] + "# remark")
    elif kind == 2:
        lines.insert(at, "# outdented")
    elif kind == 3:
        lines[at] += "  # said 'so'"
    elif kind == 4:
        lines[at] = lines[at].replace(", ", ",  ").replace(" = ", "=")
    elif kind == 5:
        lines[at] = re.sub(r"\b(\d)\b", lambda m: str((int(m[1]) + 1) % 7), lines[at])
    elif kind == 6:
        lines[at] = re.sub(r"\s*#.*", "", lines[at])
    elif kind == 7 and not lines[at].strip():
        del lines[at]
    elif kind == 8:
        lines.insert(at, "x = [" if choose.random() < 0.3 else "")
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(3))
def test_random_edits(auditor: Auditor, net: Path, seed: int) -> None:
    choose = random.Random(seed)
    texts = {path: [path.read_text()] for path in (net, net.parent / "blocks.py")}
    answered = 0
    for _ in range(15):
        path = net if choose.random() < 0.9 else net.parent / "blocks.py"
        history = texts[path]
        if len(history) > 1 and (choose.random() < 0.2 or history[-1].count("x = [")):
            history.pop()
        else:
            history.append(edited(history[-1], choose))
        if choose.random() < 0.3:
            for file, states in texts.items():
                file.write_text(states[-1])
        answered += auditor.same(net, {file: states[-1] for file, states in texts.items()})
    assert answered
