"""Analysts that die, hang, talk nonsense or cannot start: every call ends, and the lane goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys

import psutil
import pytest

from advisor.daemon.lanes import AnalystError, Settings
from advisor.frames import Message

from .pool import LOG, analysts, served, until


async def test_a_job_is_done_again_after_its_analyst_died(make, tmp_path, caplog):
    lanes = make(pretend=True)
    with caplog.at_level(logging.INFO, LOG.name):
        assert (await lanes.call("die", {"path": str(tmp_path / "died")}, lane="front"))["path"]
    assert "a last word" in caplog.text


@pytest.mark.parametrize("method", ["die-always", "garbage"])
async def test_a_job_that_kills_two_analysts_is_lost_and_the_lane_is_not(make, method):
    lanes = make(pretend=True)
    with pytest.raises(AnalystError, match=f"{method} x") as caught:
        await lanes.call(method, {"path": "x"}, lane="front")
    assert caught.value.code == "lost" and caught.value.remedy
    assert await served(lanes)


async def test_an_idle_analyst_that_dies_is_replaced_before_anybody_asks(make):
    lanes = make(pretend=True)
    victim = (await served(lanes))["pid"]
    os.kill(victim, signal.SIGKILL)
    await until(lambda: [a["state"] for a in analysts(lanes) if a["pid"] != victim] == ["idle"])
    assert (await served(lanes))["pid"] != victim


async def test_an_event_that_cannot_be_taken_does_not_cost_the_job(make, caplog):
    lanes = make(pretend=True)

    def fail(_: Message) -> None:
        raise RuntimeError("the taker is broken")

    work = asyncio.ensure_future(lanes.call("until-cancelled", {"path": "x"}, lane="front", on_event=fail))
    await until(lambda: "the taker is broken" in caplog.text)
    work.cancel()
    assert await served(lanes)


async def test_an_analyst_that_does_not_hear_a_cancellation_is_killed(make, monkeypatch):
    monkeypatch.setattr("advisor.daemon.remote._CANCEL_SECONDS", 0.2)
    lanes = make(pretend=True, front=Settings(1, 1, 0.0, 60.0))
    victim = (await served(lanes))["pid"]
    work = asyncio.ensure_future(lanes.call("deaf", {"path": "x"}, lane="front"))
    await until(lambda: analysts(lanes)[0]["state"] == "busy")
    work.cancel()
    assert (await served(lanes))["pid"] != victim
    assert not psutil.pid_exists(victim)


async def test_analysts_that_cannot_start_are_an_error_with_their_last_word_not_a_loop(make, tmp_path):
    starts = tmp_path / "starts"
    script = f"open({str(starts)!r}, 'a').write('x'); raise ImportError('no msgpack here')"
    lanes = make(command=[sys.executable, "-c", script])
    for _ in range(20):
        with pytest.raises(AnalystError, match="no analyst can be started: ImportError: no msgpack here") as caught:
            await served(lanes)
        assert caught.value.code == "lost"
    assert len(starts.read_text()) < 5
    assert "no msgpack" in lanes.status()["front"]["error"]


async def test_a_command_that_does_not_exist_is_an_error(make):
    with pytest.raises(AnalystError, match="cannot run /nowhere/python"):
        await served(make(command=["/nowhere/python"]))


async def test_an_answer_of_no_known_form_is_an_error(make):
    lanes = make(pretend=True)
    with pytest.raises(AnalystError) as caught:
        await lanes.call("odd", {"path": "x"}, lane="front")
    assert caught.value.code == "internal"
    assert await served(lanes)


async def test_whatever_happens_every_call_ends_and_gets_its_own_answer(make, monkeypatch):
    """Many callers at once, who go away at any moment, while analysts are killed."""
    monkeypatch.setattr("advisor.daemon.remote._CANCEL_SECONDS", 0.1)
    lanes = make(pretend=True, front=Settings(1, 3, 0.01, 0.2), back=Settings(0, 2, 0.0, 0.05))
    chance = random.Random(7)
    kinds = ["echo"] * 12 + ["until-cancelled", "deaf", "die-always", "garbage"]

    async def caller(number: int) -> None:
        await asyncio.sleep(chance.random() * 2)
        method, lane = chance.choice(kinds), chance.choice(["front", "back"])
        work = asyncio.ensure_future(lanes.call(method, {"path": f"{number}"}, lane=lane))
        if method in ("until-cancelled", "deaf") or chance.random() < 0.3:
            await asyncio.sleep(chance.random() * 0.1)
            work.cancel()
        try:
            assert (await work)["path"] == f"{number}"
        except AnalystError as e:
            assert e.code == "lost"
        except asyncio.CancelledError:
            pass  # it went away itself

    async def killer() -> None:
        while True:
            await asyncio.sleep(chance.random() * 0.2)
            pids = [a["pid"] for lane in ("front", "back") for a in analysts(lanes, lane) if a["pid"]]
            if pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(pids), signal.SIGKILL)

    killing = asyncio.ensure_future(killer())
    await asyncio.wait_for(asyncio.gather(*(caller(i) for i in range(200))), 60)
    killing.cancel()
    for lane in ("front", "back"):
        while True:
            with contextlib.suppress(AnalystError):  # those killed while they start make the lane hesitate
                assert (await asyncio.wait_for(served(lanes, lane), 60))["path"] == "x"
                break
            await asyncio.sleep(0.1)
        assert lanes.status()[lane]["waiting"] == 0
