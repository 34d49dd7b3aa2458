"""A workspace cannot grant itself trust, whatever it holds and whatever its settings say."""

from __future__ import annotations

import pytest

from .client import PUSH, FakeLanes, editing
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
