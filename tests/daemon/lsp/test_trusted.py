"""A workspace cannot grant itself trust, whatever it holds and whatever its settings say."""

from __future__ import annotations

import pytest

from .client import PULL, PUSH, FakeLanes, editing
from .views import view

TEXT = "import torch\n"


async def test_neither_its_files_nor_its_settings_grant_it(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.advisor]\ntrusted = true\n")
    (tmp_path / "config.toml").write_text(f"trusted = ['{tmp_path}']\n")
    (tmp_path / ".config" / "nas-advisor").mkdir(parents=True)
    (tmp_path / ".config" / "nas-advisor" / "config.toml").write_text(f"trusted = ['{tmp_path}']\n")
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        editor.replies["workspace/configuration"] = [{"trusted": True, "python": "./python"}]
        await editor.initialize(tmp_path, {**PUSH, "workspace": {"configuration": True}}, settings={"trusted": True})
        editor.open((tmp_path / "net.py").as_uri(), TEXT)
        params = (await lanes.next(0)).params
        assert params["run"] is False and "python" not in params["overrides"]
        assert any("cannot grant trust" in m["message"] for m in editor.of("window/logMessage"))


@pytest.mark.parametrize("told", ["true", 1, None, [True]])
async def test_only_a_plain_true_is_a_yes(tmp_path, told):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=told)
        editor.notify("advisor/trust", trusted=told)
        editor.open((tmp_path / "net.py").as_uri(), TEXT)
        assert (await lanes.next(0)).params["run"] is False


async def test_trust_can_be_taken_back(tmp_path):
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PUSH, trusted=True)
        editor.open((tmp_path / "net.py").as_uri(), TEXT)
        first = await lanes.next(0)
        editor.notify("advisor/trust", trusted=False)
        assert (await lanes.next(1)).params["run"] is False
        assert first.cancelled


async def test_trust_that_is_taken_back_ends_all_that_runs_at_once(tmp_path):
    lanes = FakeLanes()
    names = ("a.py", "b.py", "c.py")
    lanes.answers["planned"] = lambda _: {"files": [str(tmp_path / "closed.py")], "root": "", "targets": [], "jobs": 0}
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PULL, trusted=True)
        for name in names:
            (tmp_path / name).write_text(TEXT)
            editor.open((tmp_path / name).as_uri(), TEXT)
        running = [await lanes.next(i) for i in range(3)]
        running[0].answer(view(str(tmp_path / "a.py"), TEXT).to_plain())
        warming = await lanes.next(0, "warm")
        _, asked = editor.begin("workspace/diagnostic", {"previousResultIds": []})
        running.append(await lanes.next(3))
        assert all(call.params["run"] for call in running)

        editor.notify("advisor/trust", trusted=False)
        await lanes.next(4)
        assert all(call.cancelled for call in (*running[1:], warming))
        number = 4
        while not asked.done() or number < 8:
            call = await lanes.next(number)
            assert call.params["run"] is False
            call.answer(view(call.params["path"], TEXT if "closed" not in call.params["path"] else "").to_plain())
            number += 1
            await editor.settled()
        assert {call.params["path"] for call in lanes.calls[-4:]} == {str(tmp_path / n) for n in (*names, "closed.py")}
        assert (await asked)["items"]
        assert sum("is not trusted" in m["message"] for m in editor.of("window/logMessage")) == 1


async def test_every_folder_without_trust_is_named_once(tmp_path):
    roots = [tmp_path / name for name in ("one", "two", "three")]
    for folder in (*roots, tmp_path / "else"):
        folder.mkdir()
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(roots[0], {**PUSH, "workspace": {"workspaceFolders": True}})
        added = [{"uri": root.as_uri(), "name": root.name} for root in roots[1:]]
        editor.notify("workspace/didChangeWorkspaceFolders", event={"added": added, "removed": []})
        for folder in (*roots, tmp_path / "else"):
            for name in ("a.py", "b.py"):
                editor.open((folder / name).as_uri(), TEXT)
        await lanes.next(7)
        told = [m["message"] for m in editor.of("window/logMessage") if "is not trusted" in m["message"]]
        assert [[f"{folder} is" in m for m in told].count(True) for folder in (*roots, tmp_path / "else")] == [1] * 4
        assert len(told) == 4


async def test_a_file_outside_of_a_trusted_workspace_is_read_only(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "foreign.py").write_text(TEXT)
    (tmp_path / "project" / "link.py").symlink_to(tmp_path / "foreign.py")
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path / "project", PUSH, trusted=True)
        for index, (name, runs) in enumerate(
            [("project/net.py", True), ("foreign.py", False), ("project/link.py", False)]
        ):
            editor.open((tmp_path / name).as_uri(), TEXT)
            assert (await lanes.next(index)).params["run"] is runs


async def test_no_worker_is_prepared_without_trust(tmp_path):
    path = tmp_path / "net.py"
    for trusted, prepared in ((False, 0), (True, 1)):
        lanes = FakeLanes()
        async with editing(lanes) as editor:
            await editor.initialize(tmp_path, PUSH, trusted=trusted)
            editor.open(path.as_uri(), TEXT)
            (await lanes.next(0)).answer(view(str(path), TEXT).to_plain())
            await editor.nth("textDocument/publishDiagnostics", 0)
            await editor.settled()
            assert [c.params["run"] for c in lanes.calls if c.method == "warm"] == [True] * prepared
