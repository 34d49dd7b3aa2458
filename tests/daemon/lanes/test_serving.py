"""Who of the pool of analysts is asked, and when; analysts that do as they are told stand in for real ones."""

from __future__ import annotations

import asyncio
import os

import psutil
import pytest

from advisor.daemon.lanes import AnalystError, Settings
from advisor.frames import Message

from .pool import analysts, served, until


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


async def test_analysts_know_what_is_installed_now(make, tmp_path, monkeypatch):
    monkeypatch.setattr("advisor.daemon.installed._LOOK_SECONDS", 0.0)
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
