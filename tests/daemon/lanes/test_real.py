"""The pool with real analysts: their answers, and that neither a kill nor an end leaves a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import psutil
import pytest

from advisor.daemon.lanes import AnalystError, Settings
from advisor.frames import Message

from ..test_analyst import HANGING, MODEL
from .pool import analysts, served, until


def job(path: Path, **more) -> Message:
    return {"path": str(path), "overrides": {"python": sys.executable}, "run": True, **more}


async def test_a_job_is_done_and_its_errors_are_typed(make):
    lanes = make()
    assert "CHN101" in (await lanes.call("explain", {"code": "chn101"}, lane="front"))["markdown"]
    with pytest.raises(AnalystError, match="no code 'XYZ999'") as caught:
        await lanes.call("explain", {"code": "XYZ999"}, lane="front")
    assert caught.value.code == "params"
    assert [a["served"] for a in analysts(lanes)] == [2]


async def test_a_model_that_hangs_is_cancelled_at_once_and_the_next_is_served(make, tmp_path):
    hanging, model = tmp_path / "hanging.py", tmp_path / "model.py"
    hanging.write_text(HANGING)
    model.write_text(MODEL)
    lanes = make(front=Settings(1, 1, 0.0, 60.0))
    await lanes.call("analyse", job(model), lane="front")
    (before,) = analysts(lanes)
    stuck = asyncio.ensure_future(lanes.call("analyse", job(hanging), lane="front"))
    await until(lambda: _looping(before["pid"]))
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(stuck, 1.0)
    found = await lanes.call("analyse", job(model), lane="front")
    assert len(found["view"]["places"]) == 2
    (after,) = analysts(lanes)
    assert after["pid"] == before["pid"], "it heard the cancellation and need not be replaced"


def _looping(analyst: int) -> bool:
    """Whether some process below the analyst keeps a processor busy."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(p.cpu_percent(0.05) > 20 for p in psutil.Process(analyst).children(recursive=True) if p.is_running())
    return False


async def test_the_end_of_the_lanes_leaves_no_process(make, tmp_path):
    hanging, model = tmp_path / "hanging.py", tmp_path / "model.py"
    hanging.write_text(HANGING)
    model.write_text(MODEL)
    lanes = make()
    await lanes.call("analyse", job(model), lane="front")
    stuck = asyncio.ensure_future(lanes.call("analyse", job(hanging), lane="front"))
    await until(lambda: any(a["state"] == "busy" for a in analysts(lanes)))
    root = psutil.Process(analysts(lanes)[0]["pid"])
    family = [root, *root.children(recursive=True)]
    assert len(family) > 1
    await lanes.close()
    with pytest.raises(AnalystError) as caught:
        await stuck
    assert caught.value.code == "cancelled"
    assert not psutil.wait_procs(family, timeout=10)[1]
    with pytest.raises(AnalystError, match="ending"):
        await served(lanes)


async def test_an_analyst_killed_in_mid_job_costs_nothing_but_time(make, tmp_path):
    model = tmp_path / "model.py"
    model.write_text(MODEL)
    lanes = make()
    work = asyncio.ensure_future(lanes.call("analyse", job(model), lane="front"))
    await until(lambda: any(a["state"] == "busy" for a in analysts(lanes)))
    victim = psutil.Process(analysts(lanes)[0]["pid"])
    await until(lambda: victim.children(recursive=True))
    workers = victim.children(recursive=True)
    victim.kill()
    assert (await work)["view"]["places"]
    assert victim.pid not in [a["pid"] for a in analysts(lanes)]
    assert not psutil.wait_procs(workers, timeout=10)[1], "its workers ended with it"


async def test_lanes_that_end_while_they_start_leave_no_process(make):
    before = set(psutil.Process().children(recursive=True))
    for pause in (0, 0.01, 0.1):
        lanes = make()
        asked = asyncio.ensure_future(lanes.call("rules", {}, lane="back"))
        await asyncio.sleep(pause)
        await lanes.close()
        with pytest.raises(AnalystError, match="ending"):
            await asked
    assert not set(psutil.Process().children(recursive=True)) - before


async def test_back_analysts_stand_back(make):
    lanes = make(cores=1)
    await lanes.call("rules", {}, lane="back")
    (one,) = analysts(lanes, "back")
    assert psutil.Process(one["pid"]).nice() == min(os.nice(0) + 10, 19)


async def test_what_runs_came_to_is_remembered_and_counted(make, tmp_path):
    model = tmp_path / "model.py"
    model.write_text(MODEL)
    lanes = make(cache=tmp_path / "cache")
    for _ in range(2):
        assert (await lanes.call("analyse", job(model), lane="front"))["view"]["places"]
    (one,) = analysts(lanes)
    assert one["cached"] + one["run"] == 2
