"""Models that hang, crash, eat memory, fork without end and flood: each costs its own request, and is told of once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import advisor
from advisor.client.address import find, holder
from advisor.reports import render
from tests.daemon.hubs import until

from .conftest import AT_ONCE, NET, Fresh, Project, busy, status_seconds
from .editor import Editor, answer, found

FILES = Path(__file__).parents[2] / "hostile" / "files"
FLOOD = """
import os

for _ in range(200):
    os.write(1, b"rubbish" * (1 << 16))
    os.write(2, b"more rubbish\\n" * (1 << 16))
"""


MODELS = {name: (FILES / f"{name}.py").read_text() for name in ("hang", "segfault", "endless_allocation", "fork_bomb")}
MODELS["stuck"] = """
import time

while True:
    try:
        time.sleep(1)
    except BaseException:  # what stops an import that takes too long
        continue
""" + NET.format(width=16)


@pytest.mark.parametrize(
    ("name", "code", "why"),
    [
        ("hang", "TRC901", "its import took over"),
        ("stuck", "TRC904", "past the limit of 2 s"),
        ("segfault", "TRC904", "SIGSEGV"),
        ("endless_allocation", "TRC904", "more than 512 MiB"),
        ("fork_bomb", "TRC90[14]", "import"),  # its processes, their memory, or the time
    ],
)
def test_a_model_that_breaks_its_limits(project: Project, fresh: Fresh, idle: float, name: str, code: str, why: str):
    project.limit({"hang": 2, "stuck": 2, "fork_bomb": 6}.get(name, 30))
    bad = project.write(f"{name}.py", MODELS[name])
    good = project.net()
    with Editor(project.folder, trusted=True) as editor, advisor.connect() as client:
        daemon = holder(find())
        editor.open(bad, bad.read_text())
        pulled = editor.pull(bad)
        until(lambda: busy(bad) or not pulled.empty())
        assert status_seconds() < AT_ONCE * idle
        report = answer(pulled)
        ((said, _),) = found(report)
        assert re.fullmatch(code, said)
        assert why in report["items"][0]["message"]
        assert len(re.findall(f'"{code}"', render(client.audit(bad), "json"))) == 1

        editor.change(bad, good.read_text())
        assert editor.findings(bad) == fresh.findings(good) != []
        assert editor.logged() == []
        assert render(client.audit(good), "json") == fresh.json(good)
    assert holder(find()) == daemon


def test_a_model_that_floods_its_outputs(project: Project, fresh: Fresh, idle: float):
    path = project.net(before=FLOOD)
    with Editor(project.folder, trusted=True) as editor, advisor.connect() as client:
        editor.open(path, path.read_text())
        pulled = editor.pull(path)
        assert status_seconds() < AT_ONCE * idle
        assert found(answer(pulled)) == fresh.findings(path)
        assert editor.logged() == []
        assert render(client.audit(path), "json") == fresh.json(path)
