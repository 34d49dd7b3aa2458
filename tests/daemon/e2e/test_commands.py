"""What editors build their own interface on: the status of a document, the list of targets, all fixes at once."""

from __future__ import annotations

from typing import Any

import pytest

from .editor import PULLING, Editor, capabilities, uri_of, value_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

NORMED = '''\
"""Two biases that do nothing, and a layer that is too wide by one."""

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, padding=1)
        self.norm = nn.BatchNorm2d(32)
        self.wide = nn.Conv2d(32, 65, 3, padding=1)
        self.last = nn.BatchNorm2d(65)
        self.head = nn.Conv2d(65, 64, 3, padding=1)

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        return self.head(self.last(self.wide(x)).relu())
'''
ABLE = {
    **PULLING,
    "workspace": {
        **PULLING["workspace"],
        "workspaceEdit": {"documentChanges": True, "changeAnnotationSupport": {}},
    },
    "experimental": {"advisor": {"status": True}},
}


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NORMED)
    return path


def heard(editor: Editor) -> list[Any]:
    """What the editor is told about documents from now on."""
    told: list[Any] = []

    @editor.feature("advisor/status")
    def hear(params: Any) -> None:
        told.append(params)

    return told


async def test_a_status_bar_follows_the_analysis_and_the_budgets(start, way, net):
    editor = await start(way, net.parent, able=capabilities(ABLE))
    told = heard(editor)
    editor.open(net)
    await editor.until(lambda: [t for t in told if t.state == "traced"])
    assert told[0].state == "waiting" and told[0].uri == uri_of(net)
    (model,) = told[-1].models
    assert (model.name, model.status, model.level, model.why) == ("Net", "ok", "ok", "")
    assert model.latencyUs > 0 and model.text and told[-1].target == "cpu-x86"
    editor.configure({"latencyBudget": "1 us"})
    await editor.until(lambda: [t for t in told if t.state == "traced" and t.models[0].level == "over"])
    assert told[-1].models[0].why.startswith("latency ") and told[-1].models[0].why.endswith("the budget of 1 us")
    assert "LAT601" in {d.code for d in (await editor.pull(net)).items}


async def test_targets_are_told_with_the_one_in_use(start, way, net):
    editor = await start(way, net.parent, able=capabilities(ABLE))  # one of its own: what is chosen stays
    (active,) = [t for t in value_of(await editor.ask("advisor/targets", {})[1], "targets") if value_of(t, "active")]
    assert value_of(active, "name") == "cpu-x86" and value_of(active, "dtype")
    await editor.execute("advisor.switchTarget", "npu-64")
    found = value_of(await editor.ask("advisor/targets", {})[1], "targets")
    assert [value_of(t, "name") for t in found if value_of(t, "active")] == ["npu-64"]


async def test_all_fixes_are_applied_in_one_edit_that_a_person_sees_first(start, way, net):
    editor = await start(way, net.parent, able=capabilities(ABLE))
    editor.open(net)
    made = await editor.execute("advisor.fixAll", {"uri": uri_of(net), "preview": True})
    assert (value_of(made, "applied"), value_of(made, "count")) == (True, 2)
    assert "has to be trained" in value_of(made, "note")
    assert editor.texts[net] == NORMED.replace("32, 3, padding=1)", "32, 3, padding=1, bias=False)", 1).replace(
        "65, 3, padding=1)", "65, 3, padding=1, bias=False)"
    )
    made = await editor.execute("advisor.fixAll", {"uri": uri_of(net), "unsafe": True})
    assert value_of(made, "applied") and ", 64, 3, padding=1, bias=False)" in editor.texts[net]
    assert not [d.code for d in (await editor.pull(net)).items if d.code in ("OPS503", "CHN101")]


async def test_all_fixes_at_once_may_be_of_every_kind(start, way, net):
    editor = await start(way, net.parent, able=capabilities(ABLE))
    editor.open(net)
    made = await editor.execute("advisor.fixAll", {"uri": uri_of(net), "unsafe": True})
    assert value_of(made, "count") == 3
    assert editor.texts[net].count("bias=False") == 2 and "65" not in editor.texts[net]


async def test_the_doctor_tells_what_runs_here(editor):
    found = value_of(await editor.execute("advisor.doctor"), "markdown")
    assert "a small model is traced: yes" in found and "## Packs" in found


async def test_the_workspace_is_audited_into_one_report(editor, net):
    (net.parent / "broken.py").write_text("import torch\nclass Net(torch.nn.Module:\n")
    found = await editor.execute("advisor.auditWorkspace")
    assert (value_of(found, "files"), value_of(found, "models")) == (2, 1)
    text = value_of(found, "markdown")
    assert "OPS503" in text and "### broken.py" in text and f"({uri_of(net)}#L" in text
