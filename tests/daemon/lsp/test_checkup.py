"""The doctor, in an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from advisor.daemon.remote import AnalystError
from advisor.doctor import examine

from .client import PULL, Error, FakeLanes, editing

OPENS: dict[str, Any] = {**PULL, "window": {"showDocument": {"support": True}}}
DOCTOR = {"command": "advisor.doctor", "arguments": []}


async def test_the_page_is_opened_with_what_is_wrong_in_the_editors_settings(tmp_path: Path) -> None:
    lanes = FakeLanes()
    lanes.answers["doctor"] = lambda params: examine(Path(params["path"]), run=params["run"])
    async with editing(lanes) as editor:
        editor.replies["window/showDocument"] = {"success": True}
        await editor.initialize(tmp_path, OPENS, settings={"minGane": 3})
        result = await editor.ask("workspace/executeCommand", DOCTOR)
        assert result["shown"] and "# advisor doctor" in result["markdown"]
        assert "advisor.minGane: no such setting" in result["markdown"].partition("## Advisor")[0]
        assert "not tried: not trusted" in result["markdown"]
        (shown,) = [params["uri"] for method, params in editor.asked if method == "window/showDocument"]
        assert Path(shown.removeprefix("file://")).read_text(encoding="utf-8") == result["markdown"]
        assert [(c.lane, c.params["path"]) for c in lanes.calls if c.method == "doctor"] == [("back", str(tmp_path))]


async def test_what_cannot_be_had_is_an_error_of_the_request(tmp_path: Path) -> None:
    lanes = FakeLanes()
    async with editing(lanes) as editor:
        await editor.initialize(tmp_path, PULL)
        _, answer = editor.begin("workspace/executeCommand", DOCTOR)
        (await lanes.next(0, "doctor")).done.set_exception(AnalystError("lost", "the analyst died", "try again"))
        with pytest.raises(Error, match=r"-32803.*the analyst died: try again"):
            await answer
