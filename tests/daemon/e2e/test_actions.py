"""What a person does about findings: code actions that are applied, and commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcException

from .editor import value_of
from .models import NET

pytestmark = pytest.mark.asyncio(loop_scope="session")

WANTS = '''\
"""A model that nobody can construct without being told how."""

from torch import nn


class Wants(nn.Module):
    def __init__(self, depth, names):
        super().__init__()
        self.body = nn.Sequential(*[nn.Conv2d(8, 8, 3) for _ in range(depth)], nn.Linear(len(names["a"].b), 3))

    def forward(self, x):
        return self.body(x)
'''


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "nets"\n')
    return path


async def test_ignored_here_it_is_gone_and_undone_it_is_back(editor, net):
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    actions = await editor.actions(net, found)
    assert actions["Ignore CHN101 here"].kind == types.CodeActionKind.QuickFix
    editor.apply(actions["Ignore CHN101 here"].edit)
    assert editor.texts[net] == NET.replace(
        "padding=1)\n        self.head", "padding=1)  # advisor: ignore[CHN101]\n        self.head"
    )
    assert await editor.findings(net) == []
    editor.save(net)
    editor.close(net)
    editor.open(net)
    assert await editor.findings(net) == []
    editor.edit(net, "  # advisor: ignore[CHN101]", "")
    await editor.findings(net, "CHN101")


@pytest.mark.parametrize(
    ("title", "entry"),
    [
        ("Ignore CHN101 in net.py (pyproject.toml)", '"net.py" = ["CHN101"]'),
        ("Ignore CHN101 in the project (pyproject.toml)", 'ignore = ["CHN101"]'),
    ],
)
async def test_ignored_in_the_settings_it_is_gone(editor, net, title, entry):
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    editor.apply((await editor.actions(net, found))[title].edit)
    settings = net.with_name("pyproject.toml").read_text()
    assert entry in settings and settings.startswith('[project]\nname = "nets"\n')
    assert await editor.findings(net) == []


async def test_explained(editor, net):
    editor.open(net)
    (found,) = await editor.findings(net, "CHN101")
    (title,) = [t for t in await editor.actions(net, found) if t.startswith("Explain CHN101: ")]
    command = (await editor.actions(net, found))[title].command
    result = await editor.execute(command.command, *command.arguments)
    assert (
        value_of(result, "markdown").startswith("# misaligned-channels (CHN101)\n")
        and value_of(result, "shown") is True
    )
    assert Path(uris.to_fs_path(editor.shown_documents[-1].uri)).name == "CHN101.md"
    with pytest.raises(JsonRpcException, match="no code CHN10l; did you mean 'CHN1"):
        await editor.execute("advisor.explain", "CHN10l")


async def test_told_what_a_model_needs_it_is_traced(editor, tmp_path):
    path = tmp_path / "wants.py"
    path.write_text(WANTS)
    editor.open(path)
    (found,) = await editor.findings(path, "TRC902")
    assert any("tell args and inputs" in title for title in await editor.lenses(path))
    await editor.execute("advisor.tellInputs", {"uri": path.as_uri(), "model": "Wants"})
    comment = "# advisor: kwargs={'depth': None, 'names': None} input=(1, 3, 224, 224)"
    await editor.until(lambda: comment in editor.texts[path])
    assert editor.texts[path].index(comment) < editor.texts[path].index("class Wants")
    editor.edit(path, comment, "# advisor: args=(2, 28) input=(2, 8, 32, 32)")
    editor.edit(path, 'len(names["a"].b)', "names")
    await editor.findings(path, "ZST701")
    await editor.until(lambda: editor.hints(path))
    assert [hint.label.partition(" · ")[0] for hint in await editor.inlay(path)] == [
        "×2 → 2×8×28–30×28–30",
        "→ 2×8×28×3",
    ]
    assert found.code not in [d.code for d in (await editor.pull(path)).items]


async def test_the_same_by_a_code_action(editor, tmp_path):
    path = tmp_path / "wants.py"
    path.write_text(WANTS)
    editor.open(path)
    (found,) = await editor.findings(path, "TRC902")
    editor.apply((await editor.actions(path, found))["Tell the advisor args and inputs of Wants"].edit)
    assert "# advisor: kwargs={'depth': None, 'names': None} input=(1, 3, 224, 224)\nclass Wants" in editor.texts[path]


async def test_tables_and_findings_are_documents(editor, net):
    editor.open(net)
    await editor.findings(net, "CHN101")
    for title, command in (await editor.lenses(net)).items():
        result = await editor.execute(command.command, *command.arguments)
        shown = Path(uris.to_fs_path(editor.shown_documents[-1].uri)).read_text()
        assert shown == value_of(result, "markdown"), title
    table = await editor.execute("advisor.showModelTable", {"uri": net.as_uri(), "model": "Net"})
    rows = [line for line in value_of(table, "markdown").splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows][-3:] == ["head", "wide", "stem"], "the costliest first"
    findings = await editor.execute("advisor.showFindings", {"uri": net.as_uri()})
    assert "# Net: 1 finding" in value_of(findings, "markdown") and "CHN101" in value_of(findings, "markdown")


async def test_traced_again_on_request(pushed, net):
    pushed.open(net)
    await pushed.findings(net, "CHN101")
    before = len(pushed.published)
    await pushed.execute("advisor.retrace", net.as_uri())
    await pushed.until(lambda: len(pushed.published) > before)
    await pushed.findings(net, "CHN101")


async def test_a_command_that_makes_no_sense_is_refused_in_a_sentence(editor, net):
    editor.open(net)
    for command, arguments, message in (
        ("advisor.showModelTable", [{"uri": net.as_uri(), "model": "Ned"}], "did you mean 'Net'"),
        ("advisor.showModelTable", [], "expected"),
        ("advisor.switchTarget", ["ethos-u85-2049"], "did you mean 'ethos-u85-2048'"),
        ("advisor.nothing", [], "no command 'advisor.nothing'"),
    ):
        await editor.until(lambda: editor.hints(net))
        with pytest.raises(JsonRpcException, match=message):
            await editor.execute(command, *arguments)
