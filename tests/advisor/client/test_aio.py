"""The client for event loops, against the daemon's side of a connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from advisor.client import aio
from advisor.client.aio import AsyncClient
from advisor.client.errors import CancelledError, DaemonError
from advisor.config import ConfigError
from advisor.daemon.remote import AnalystError
from advisor.engine import EngineError
from advisor.reports import render
from tests.advisor.reports.samples import report
from tests.daemon.scripts.serving import Lanes, served

from .auditing import auditing, hanging


@pytest.fixture
def sample(tmp_path):
    return report(tmp_path)


@asynccontextmanager
async def client_of(lanes: Lanes, **services) -> AsyncIterator[AsyncClient]:
    with served(lanes, **services) as stream:
        stream.setblocking(False)
        async with AsyncClient(*await asyncio.open_connection(sock=stream)) as client:
            yield client


async def until(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def test_an_audit_tells_its_steps_and_gives_the_report(sample):
    async with client_of(auditing(sample)) as client:
        audit = client.audit("nets", target="npu-64")
        steps = [(step.done, step.total, str(step.file)) async for step in audit]
        assert render(await audit, "json") == render(sample, "json")
    assert [step[:2] for step in steps] == [(1, 2), (2, 2)]
    assert {step[2] for step in steps} == {f.file for f in sample.files}


async def test_an_audit_may_be_awaited_alone_and_many_at_once(sample):
    async with client_of(auditing(sample)) as client:
        reports = await asyncio.gather(*(client.audit("nets") for _ in range(4)))
    assert [render(r, "json") for r in reports] == [render(sample, "json")] * 4


async def test_cancelling_a_task_cancels_the_work_and_the_client_lives():
    lanes = hanging()
    async with client_of(lanes) as client:

        async def work():
            await client.audit("a.py")

        async def watch():
            async for _ in client.audit("a.py"):
                raise AssertionError("no file is ever done")

        tasks = [asyncio.ensure_future(work()), asyncio.ensure_future(watch())]
        await until(lambda: len(lanes.params("audit")) == 2)
        for task in tasks:
            task.cancel()
        assert all(isinstance(e, asyncio.CancelledError) for e in await asyncio.gather(*tasks, return_exceptions=True))
        await until(lambda: len(lanes.cancelled) == 2)
        assert await client.status() == {}


async def test_a_step_that_is_the_last_wanted_leaves_the_audit_to_its_end(sample):
    async with client_of(auditing(sample)) as client:
        audit = client.audit("nets")
        async for _ in audit:
            break
        assert render(await audit, "json") == render(sample, "json")


async def test_the_other_methods(sample):
    stopped = []
    lanes = auditing(sample)
    lanes.answers |= {
        "models": lambda p: {"models": [{"name": Path(p["path"]).stem}]},
        "explain": lambda p: {"markdown": f"# {p['code']}"},
        "targets": lambda p: {"targets": [{"name": p["cwd"]}]},
        "rules": lambda p: {"rules": [{"code": "CHN101"}]},
    }
    async with client_of(lanes, status=lambda: {"pid": 7}, stop=lambda: stopped.append(1)) as client:
        assert [m.name for m in await client.estimate("net.py", "Net")] == ["Net"]
        ((_, whole),) = await client.show("net.py", "Net")
        ((_, parts),) = await client.show("net.py", "Net", depth=1)
        assert len(whole) > len(parts) > 1
        with pytest.raises(EngineError, match="no model Nett"):
            await client.estimate("net.py", "Nett")
        assert await client.models("net.py") == [{"name": "net"}]
        assert await client.explain("CHN101") == "# CHN101"
        assert await client.targets() == [{"name": str(Path.cwd())}]
        assert await client.rules() == [{"code": "CHN101"}]
        assert await client.status() == {"pid": 7}
        await client.stop()
    assert stopped == [1]


async def test_errors_are_the_engines():
    def fails(params):
        raise AnalystError("config", "it is wrong", "mend it")

    async with client_of(Lanes(planned=fails)) as client:
        with pytest.raises(ConfigError, match="it is wrong; mend it"):
            await client.audit("a.py")
        with pytest.raises(ConfigError, match="min-gian"):
            client.audit("a.py", min_gian=1)


async def test_closing_ends_what_runs():
    lanes = hanging()
    async with client_of(lanes) as client:
        audit = client.audit("a.py")
        await until(lambda: lanes.params("audit"))
        await client.close()
        with pytest.raises(CancelledError, match="closed"):
            await audit
        with pytest.raises(CancelledError, match="closed"):
            await client.status()
    assert len(lanes.cancelled) == 1


@pytest.mark.parametrize(
    ("sent", "words"), [(b"", "closed the connection"), (b"\0\0\0\x01\xc1", "understood"), (None, "does not answer")]
)
async def test_a_daemon_that_breaks_off_speaks_nonsense_or_hangs_is_an_error(sent, words, monkeypatch):
    if sent is None:
        monkeypatch.setattr(aio, "QUIET_SECONDS", 0.1)

    async def daemon(reader, writer):
        await reader.read(1)
        if sent is not None:
            writer.write(sent)
            writer.close()

    async with await asyncio.start_server(daemon, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()[:2]
        async with AsyncClient(*await asyncio.open_connection(host, port)) as client:
            with pytest.raises(DaemonError, match=words):
                await client.status()
