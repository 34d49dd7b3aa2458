"""The pool of analysts, with real ones: who is served when, and what happens when they die, hang or cannot start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from advisor.daemon.lanes import AnalystError, Lanes, Settings
from advisor.frames import Message

LOG = logging.getLogger("test.lanes")

PRETENDER = """
import os, sys, time
from advisor.frames import Decoder, encode

def say(message):
    os.write(1, encode(message))

say({"event": "ready"})
decoder, stop = Decoder(), False
while data := os.read(0, 1 << 20):
    for message in decoder.feed(data):
        if "cancel" in message:
            say({"id": message["cancel"], "error": {"code": "cancelled", "message": "cancelled", "remedy": ""}})
            continue
        method, params = message["method"], message["params"]
        if method == "die" and not os.path.exists(params["path"]):
            open(params["path"], "w").close()
            print("a last word", file=sys.stderr, flush=True)
            os._exit(1)
        if method == "die-always":
            os._exit(1)
        if method == "deaf":
            time.sleep(1000)
        if method == "garbage":
            os.write(1, b"\\0\\0\\0\\1\\xc1")
        if method == "odd":
            say({"id": message["id"], "error": "no table"})
            continue
        if method == "until-cancelled":
            say({"id": message["id"], "event": "begun"})
            continue
        if method == "wait":
            while not os.path.exists(params["path"]):
                time.sleep(0.005)
        say({"id": message["id"], "result": {"pid": os.getpid(), "arguments": sys.argv[1:], **params}})
"""
"""Speaks as an analyst does; what it is asked for is how it behaves."""


@pytest.fixture
async def make(tmp_path) -> AsyncIterator[Callable[..., Lanes]]:
    """``make(…)`` gives lanes that end with the test; ``pretend`` uses analysts that do as they are told."""
    made: list[Lanes] = []
    script = tmp_path / "pretender.py"
    script.write_text(PRETENDER)

    def lanes(*, pretend: bool = False, **options) -> Lanes:
        if pretend:
            options.setdefault("command", [sys.executable, str(script)])
        made.append(Lanes(LOG, cache=options.pop("cache", None), **options))
        return made[-1]

    yield lanes
    await asyncio.gather(*(one.close() for one in made))


def analysts(lanes: Lanes, lane: str = "front") -> list[dict]:
    return lanes.status()[lane]["analysts"]


async def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.01)


async def served(lanes: Lanes, lane: str = "front") -> dict:
    return await lanes.call("echo", {"path": "x"}, lane=lane)  # type: ignore[arg-type]


async def test_analysts_know_what_is_installed_now(make, tmp_path, monkeypatch):
    monkeypatch.setattr("advisor.daemon.lanes._LOOK_SECONDS", 0.0)
    packages = tmp_path / "site-packages"
    packages.mkdir()
    lanes = make(pretend=True, packages=packages)
    first = (await served(lanes))["pid"]
    assert (await served(lanes))["pid"] == first
    (packages / "a_rule_pack").mkdir()
    os.utime(packages, (1, 1))
    second = (await served(lanes))["pid"]
    assert second != first
    assert (await served(lanes))["pid"] == second
    await until(lambda: not psutil.pid_exists(first))
    assert [a["pid"] for a in analysts(lanes)] == [second]


# ---- real analysts


async def test_a_job_is_done_and_its_errors_are_typed(make):
    lanes = make()
    assert "CHN101" in (await lanes.call("explain", {"code": "chn101"}, lane="front"))["markdown"]
    with pytest.raises(AnalystError, match="no code 'XYZ999'") as caught:
        await lanes.call("explain", {"code": "XYZ999"}, lane="front")
    assert caught.value.code == "params"
    assert [a["served"] for a in analysts(lanes)] == [2]


MODEL = """import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 60, 3)

    def forward(self, x):
        return self.conv(x)
"""
HANGING = "while True: pass\n" + MODEL


def job(path: Path, **more) -> Message:
    return {"path": str(path), "overrides": {"python": sys.executable}, "run": True, **more}


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


# ---- analysts that do as they are told


async def test_the_front_is_served_while_the_back_is_busy(make, tmp_path):
    lanes = make(pretend=True, cores=1)
    go = tmp_path / "go"
    busy = [asyncio.ensure_future(lanes.call("wait", {"path": str(go)}, lane="back")) for _ in range(5)]
    await until(lambda: [a["state"] for a in analysts(lanes, "back")] == ["busy"])
    assert (await served(lanes))["arguments"] == []
    assert lanes.status()["back"]["waiting"] == 4
    go.touch()
    results = await asyncio.gather(*busy)
    assert len({r["pid"] for r in results}) == 1
    assert results[0]["arguments"] == ["--nice", "10"]


async def test_jobs_of_a_lane_come_in_their_order(make, tmp_path):
    lanes = make(pretend=True, cores=1)
    order: list[int] = []
    go = tmp_path / "go"

    async def one(number: int, method: str, path: str) -> None:
        await lanes.call(method, {"path": path}, lane="back")
        order.append(number)

    jobs = [asyncio.ensure_future(one(0, "wait", str(go)))]
    jobs += [asyncio.ensure_future(one(i, "echo", str(i))) for i in range(1, 10)]
    await asyncio.sleep(0)
    go.touch()
    await asyncio.gather(*jobs)
    assert order == list(range(10))


async def test_what_a_person_waits_for_comes_before_what_waits_already(make, tmp_path):
    lanes = make(pretend=True, front=Settings(1, 1, 0.0, 60.0))
    order: list[str] = []
    go = tmp_path / "go"

    async def one(method: str, path: str, first: bool = False) -> None:
        await lanes.call(method, {"path": path}, lane="front", first=first)
        order.append(path)

    jobs = [asyncio.ensure_future(one("wait", str(go))), asyncio.ensure_future(one("echo", "opened"))]
    await until(lambda: [a["state"] for a in analysts(lanes)] == ["busy"])
    assert lanes.busy("front")
    jobs.append(asyncio.ensure_future(one("echo", "edited", first=True)))
    await asyncio.sleep(0)
    go.touch()
    await asyncio.gather(*jobs)
    assert order == [str(go), "edited", "opened"]
    assert not lanes.busy("front")


async def test_reading_waits_for_no_trace(make, tmp_path):
    lanes = make(pretend=True, front=Settings(1, 1, 0.0, 60.0))
    go = tmp_path / "go"
    busy = [asyncio.ensure_future(lanes.call("wait", {"path": str(go)}, lane="front")) for _ in range(3)]
    await until(lambda: lanes.busy("front"))
    assert (await lanes.call("echo", {"path": "x"}, lane="read"))["path"] == "x"
    go.touch()
    await asyncio.gather(*busy)


async def test_a_lane_grows_while_jobs_wait_and_shrinks_when_idle(make, tmp_path):
    lanes = make(pretend=True, front=Settings(1, 3, 0.05, 0.3), back=Settings(0, 2, 0.0, 0.3))
    for lane, most, least in (("front", 3, 1), ("back", 2, 0)):
        go = tmp_path / lane
        busy = [asyncio.ensure_future(lanes.call("wait", {"path": str(go)}, lane=lane)) for _ in range(5)]
        await until(lambda lane=lane, most=most: [a["state"] for a in analysts(lanes, lane)] == ["busy"] * most)
        assert lanes.status()[lane]["waiting"] == 5 - most
        go.touch()
        assert len({r["pid"] for r in await asyncio.gather(*busy)}) == most
        await until(lambda lane=lane, least=least: len(analysts(lanes, lane)) == least)


async def test_a_file_goes_to_the_analyst_that_knows_it(make, tmp_path):
    lanes = make(pretend=True, front=Settings(2, 2, 0.0, 60.0))
    await until(lambda: [a["state"] for a in analysts(lanes)] == ["idle"] * 2)
    go = tmp_path / "a"
    first = asyncio.ensure_future(lanes.call("wait", {"path": str(go)}, lane="front"))
    await asyncio.sleep(0)
    second = await lanes.call("echo", {"path": "b"}, lane="front")
    go.touch()
    pids = {str(go): (await first)["pid"], "b": second["pid"]}
    assert pids[str(go)] != pids["b"]
    for path in ("b", str(go), "b", "b", str(go)):
        assert (await lanes.call("echo", {"path": path}, lane="front"))["pid"] == pids[path]


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


async def test_events_come_before_the_result_and_none_after_a_cancellation(make):
    lanes = make(pretend=True)
    seen: list[Message] = []
    work = asyncio.ensure_future(lanes.call("until-cancelled", {"path": "x"}, lane="front", on_event=seen.append))
    await until(lambda: seen)
    assert seen[0]["event"] == "begun"
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await served(lanes)
    assert len(analysts(lanes)) == 1


async def test_an_event_that_cannot_be_taken_does_not_cost_the_job(make, caplog):
    lanes = make(pretend=True)

    def fail(_: Message) -> None:
        raise RuntimeError("the taker is broken")

    work = asyncio.ensure_future(lanes.call("until-cancelled", {"path": "x"}, lane="front", on_event=fail))
    await until(lambda: "the taker is broken" in caplog.text)
    work.cancel()
    assert await served(lanes)


async def test_a_waiting_job_that_is_cancelled_is_never_begun(make, tmp_path):
    lanes = make(pretend=True, cores=1)
    go, died = tmp_path / "go", tmp_path / "died"
    first = asyncio.ensure_future(lanes.call("wait", {"path": str(go)}, lane="back"))
    second = asyncio.ensure_future(lanes.call("die", {"path": str(died)}, lane="back"))
    await until(lambda: lanes.status()["back"]["waiting"] == 1)
    second.cancel()
    await asyncio.wait([second])
    assert lanes.status()["back"]["waiting"] == 0
    go.touch()
    await first
    assert await served(lanes, "back")
    assert not died.exists()


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


async def test_a_long_answer_leaves_the_loop_its_turns(make):
    lanes = make(pretend=True)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.ensure_future(count())
    long = {"blob": b"x" * 8_000_000, "rows": [[i, str(i)] for i in range(200_000)], "path": "x"}
    result = await lanes.call("echo", long, lane="front")
    counting.cancel()
    assert (result["blob"], result["rows"]) == (long["blob"], long["rows"])
    assert turns > 50


@pytest.mark.parametrize("value", [object(), 1 << 70])
async def test_what_cannot_be_sent_is_an_error_of_the_parameters(make, value):
    lanes = make(pretend=True)
    with pytest.raises(AnalystError, match="cannot be sent") as caught:
        await lanes.call("echo", {"path": value}, lane="front")
    assert caught.value.code == "params"
    assert await served(lanes)


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
