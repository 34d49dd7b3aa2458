"""The hub: who comes in, what one client can do to others, and when it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from advisor.client.address import find, holder, secure
from advisor.client.dial import PROTOCOL, dial
from advisor.daemon import hub as hubs
from advisor.daemon import listening, peers
from advisor.frames import encode
from advisor.version import VERSION
from tests.daemon.hubs import SECONDS, ask, home, kill, until


@pytest.fixture(autouse=True)
def top(monkeypatch):
    with home(monkeypatch) as folder:
        yield folder


class NoLanes:
    """Stands in for the analysts: nothing here asks for them."""

    closed = False

    def status(self) -> dict:
        return {}

    async def close(self) -> None:
        self.closed = True


class Running:
    """A hub on this test's loop."""

    def __init__(self, idle: float = SECONDS) -> None:
        secure(find(), make=True)
        lock = listening.hold(find())
        assert lock is not None
        self.lock = lock
        self.lanes = NoLanes()
        self.hub = hubs.Hub(listening.Door(find()), self.lanes, idle)  # type: ignore[arg-type]
        ready = asyncio.Event()
        self.task = asyncio.ensure_future(self.hub.run(ready.set))

    async def __aenter__(self) -> Running:
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hub.stop()
        await asyncio.wait_for(self.task, SECONDS)
        os.close(self.lock)

    def kinds(self) -> list[str]:
        return sorted(client["kind"] for client in self.hub.status()["clients"])


async def call(first: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(find().door)
    writer.write(first)
    return reader, writer


def hello(**fields: object) -> bytes:
    return json.dumps({"advisor": VERSION, "protocol": PROTOCOL, "kind": "script", **fields}).encode() + b"\n"


async def answer(reader: asyncio.StreamReader) -> dict:
    return json.loads(await asyncio.wait_for(reader.readline(), SECONDS))


async def eventually(there) -> None:
    async def look() -> None:
        while not there():
            await asyncio.sleep(0.005)

    await asyncio.wait_for(look(), SECONDS)


async def test_a_client_is_welcomed_with_version_and_process():
    async with Running() as running:
        reader, writer = await call(hello(cwd="/tmp"))
        assert await answer(reader) == {"advisor": VERSION, "protocol": PROTOCOL, "pid": os.getpid()}
        (client,) = running.hub.status()["clients"]
        assert (client["kind"], client["roots"]) == ("script", ["/tmp"])
        writer.close()
        await eventually(lambda: not running.kinds())
    assert running.lanes.closed


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (b"\x00\xff garbage\n", "handshake", "no line of JSON"),
        (b"Content-Length: 100\r\n\r\n", "handshake", "no line of JSON"),
        (b"[" * 10_000 + b"\n", "handshake", "no line of JSON"),
        (b"[1]\n", "handshake", "no JSON object"),
        (b"x" * (peers.LINE_BYTES + 100), "handshake", "longer than"),
        (hello(kind="telnet"), "handshake", "there are lsp and script"),
        (hello(cwd="relative"), "handshake", "no absolute path"),
        (hello(cwd=1), "handshake", "no absolute path"),
        (hello(environment=[]), "handshake", "environment"),
        (hello(environment={"PATH": 1}), "handshake", "environment"),
        (hello(protocol=2), "version", "protocol 2"),
        (hello(advisor="9.9.9"), "version", "the client is 9.9.9"),
    ],
)
async def test_whoever_cannot_be_understood_is_told_so(line, code, words):
    async with Running() as running:
        reader, writer = await call(line)
        error = (await answer(reader))["error"]
        assert error["code"] == code
        assert words in error["message"]
        assert error["remedy"]
        assert await reader.read() == b""
        writer.close()
        assert not running.kinds()


async def test_who_says_nothing_is_sent_away(monkeypatch):
    monkeypatch.setattr(peers, "HELLO_SECONDS", 0.05)
    async with Running():
        reader, writer = await call(b'{"advisor"')
        assert "no handshake" in (await answer(reader))["error"]["message"]
        writer.close()


async def test_another_user_is_sent_away(monkeypatch):
    monkeypatch.setattr(peers, "same_user", lambda stream: False)
    async with Running() as running:
        reader, writer = await call(hello())
        assert (await answer(reader))["error"]["code"] == "refused"
        writer.close()
        assert not running.kinds()


async def test_only_variables_that_may_be_passed_on_are_taken(monkeypatch):
    taken = {}

    async def serve(reader, writer, lanes, hello, status, stop) -> None:
        taken.update(hello["environment"])

    monkeypatch.setattr(hubs, "serve", serve)
    async with Running():
        reader, writer = await call(hello(environment={"PATH": "/bin", "LC_ALL": "C", "TOKEN": "secret"}))
        await reader.read()
        writer.close()
    assert taken == {"PATH": "/bin", "LC_ALL": "C"}


async def test_an_exception_costs_one_client_its_session(monkeypatch, caplog):
    real = hubs.serve

    async def serve(reader, writer, lanes, hello, status, stop) -> None:
        if hello["cwd"] == "/broken":
            raise ZeroDivisionError("in this session")
        await real(reader, writer, lanes, hello, status, stop)

    monkeypatch.setattr(hubs, "serve", serve)
    async with Running() as running:
        reader, writer = await call(hello())
        await answer(reader)
        other, others = await call(hello(cwd="/broken"))
        await answer(other)
        assert await other.read() == b""
        others.close()
        assert running.kinds() == ["script"]
        writer.close()
    assert "in this session" in caplog.text


async def test_who_vanishes_ends_its_own_session_only():
    async with Running() as running:
        pairs = [await call(hello()) for _ in range(3)]
        for reader, _ in pairs:
            await answer(reader)
        pairs[0][1].transport.abort()
        await eventually(lambda: len(running.kinds()) == 2)
        for _, writer in pairs:
            writer.close()
        await eventually(lambda: not running.kinds())


async def test_editors_and_scripts_are_served_side_by_side():
    async with Running() as running:
        editor, editing = await call(hello(kind="lsp"))
        await answer(editor)
        body = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"rootUri":"file:///srv",'
        body += b'"capabilities":{}}}'
        editing.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        head = await asyncio.wait_for(editor.readuntil(b"\r\n\r\n"), SECONDS)
        assert b"Content-Length" in head
        script, scripting = await call(hello())
        await answer(script)
        assert running.kinds() == ["lsp", "script"]
        assert ["/srv"] in [client["roots"] for client in running.hub.status()["clients"]]
        editing.close()
        await eventually(lambda: running.kinds() == ["script"])
        scripting.close()


async def test_sessions_end_with_the_hub():
    async with Running():
        pairs = [await call(hello(kind=kind)) for kind in peers.KINDS]
        for reader, _ in pairs:
            await answer(reader)
    for reader, writer in pairs:
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        writer.close()
    assert not Path(find().door).exists()


async def test_a_hub_whose_socket_was_removed_leaves_once_it_is_alone(monkeypatch, caplog):
    monkeypatch.setattr(hubs, "_LOOK_SECONDS", 0.01)
    async with Running() as running:
        reader, writer = await call(hello())
        await answer(reader)
        Path(find().door).unlink()
        await eventually(lambda: "is gone" in caplog.text)
        assert not running.task.done()
        writer.close()
        await asyncio.wait_for(running.task, SECONDS)


def hub(*arguments: str) -> subprocess.Popen[bytes]:
    """A hub in the foreground."""
    process = subprocess.Popen([sys.executable, "-m", "advisor.daemon", "hub", *arguments], cwd=os.sep)
    until(lambda: holder(find()) == process.pid and Path(find().door).exists())
    return process


def test_it_leaves_when_nobody_comes():
    process = hub("--idle", "0.2")
    assert process.wait(SECONDS) == 0
    assert not Path(find().door).exists()


def test_it_stays_while_somebody_is_there():
    process = hub("--idle", "0.3")
    with dial("script", start=False) as stream, contextlib.suppress(subprocess.TimeoutExpired):
        ask(stream, "status")
        process.wait(0.8)
    assert process.wait(SECONDS) == 0


def test_the_second_one_ends_at_once_without_harm():
    process = hub()
    done = subprocess.run([sys.executable, "-m", "advisor.daemon", "hub"], cwd=os.sep, timeout=SECONDS)
    assert done.returncode == 0
    assert holder(find()) == process.pid
    kill(find())
    process.wait(SECONDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number, top):
    process = hub()
    with dial("script", start=False) as stream:
        until(lambda: ask(stream, "status")["lanes"]["front"]["analysts"][0]["pid"])
        analysts = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGHUP)  # a terminal's end, which is nothing to it
        ask(stream, "ping")
        os.kill(process.pid, number)
        assert process.wait(SECONDS) == 0
    assert analysts
    until(lambda: not any(analyst.is_running() for analyst in analysts))
    assert not Path(find().door).exists()
    log = (top / "cache" / "nas-advisor" / "logs" / "hub.log").read_text(encoding="utf-8")
    assert "leaving" in log
    assert "Traceback" not in log


def test_status_and_stop_do_not_wait_for_what_runs(top):
    file = top / "model.py"
    file.write_text(
        "import torch.nn as nn\nclass Net(nn.Module):\n    def forward(self, x): return x\nwhile True: pass\n",
        encoding="utf-8",
    )
    process = hub()
    with dial("script", start=False) as busy, dial("script", start=False) as stream:
        busy.sendall(encode({"id": 7, "method": "audit", "params": {"paths": [str(file)]}}))

        def doing() -> list:
            analysts = ask(stream, "status")["lanes"]["back"]["analysts"]
            return [a["path"] for a in analysts if a["method"] == "audit"]

        until(lambda: doing() == [str(file)])
        below = psutil.Process(process.pid).children(recursive=True)
        assert ask(stream, "stop") is not None
        assert process.wait(SECONDS) == 0
    until(lambda: not any(child.is_running() for child in below))


def test_a_kill_leaves_no_analyst_behind():
    process = hub()
    with dial("script", start=False) as stream:
        until(lambda: ask(stream, "status")["lanes"]["front"]["analysts"][0]["pid"])
    analysts = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait(SECONDS)
    until(lambda: not any(analyst.is_running() for analyst in analysts))


def test_the_log_stays_small(top, monkeypatch):
    from advisor.daemon import logs

    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    root = logging.getLogger()
    before, level, raises = list(root.handlers), root.level, logging.raiseExceptions
    try:
        logs.to_file()
        for number in range(200):
            logging.getLogger("advisor.daemon").info("line %d of many", number)
    finally:
        for handler in set(root.handlers) - set(before):
            root.removeHandler(handler)
            handler.close()
        root.setLevel(level)
        logging.raiseExceptions = raises
    files = sorted((top / "cache" / "nas-advisor" / "logs").iterdir())
    assert [f.name for f in files] == ["hub.log", "hub.log.1", "hub.log.2", "hub.log.3"]
    assert all(f.stat().st_size <= 2000 for f in files)
    assert "line 199 of many" in files[0].read_text(encoding="utf-8")
