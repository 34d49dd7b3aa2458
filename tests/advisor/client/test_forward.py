"""The forwarder: bytes both ways, whatever they are, and the right end."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading

import psutil
import pytest

from advisor.client.address import find, holder
from advisor.client.dial import dial
from advisor.client.forward import forward
from tests.daemon.hubs import SECONDS, ask, home, kill, until

BIG = 4 << 20


class Ends:
    """A forwarder in a thread of the test: the editor's two pipes, and the daemon's end of the socket."""

    def __init__(self) -> None:
        source, self.to_forwarder = os.pipe()
        self.from_forwarder, sink = os.pipe()
        self.daemon, stream = socket.socketpair()
        self.daemon.settimeout(SECONDS)
        self.result: list[bool] = []

        def run() -> None:
            with stream:
                self.result.append(forward(source, sink, stream))
            os.close(sink)
            # ``source`` stays open: a thread may still read that number, and would take what comes out of the next
            # test's pipe that gets it

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def heard(self) -> bytes:
        """What the editor reads to the end."""
        with os.fdopen(self.from_forwarder, "rb") as stream:
            return stream.read()

    def ended(self) -> bool:
        self.thread.join(SECONDS)
        return self.result[0]


def message(method: str, **fields: object) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", "method": method, **fields}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def received(stream: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        data += stream.recv(1 << 16)
    return bytes(data)


def test_megabytes_go_both_ways_at_the_same_time():
    ends = Ends()
    up, down = os.urandom(BIG), os.urandom(BIG)
    got: list[bytes] = []
    with os.fdopen(ends.to_forwarder, "wb") as editor:
        senders = [
            threading.Thread(target=lambda: (editor.write(up), editor.flush())),
            threading.Thread(target=ends.daemon.sendall, args=(down,)),
            threading.Thread(target=lambda: got.append(received(ends.daemon, BIG))),
        ]
        for thread in senders:
            thread.start()
        with os.fdopen(ends.from_forwarder, "rb") as hearing:
            assert hearing.read(BIG) == down
        for thread in senders:
            thread.join(SECONDS)
    assert got == [up]


def test_answers_that_come_after_the_editors_end_are_delivered():
    ends = Ends()
    os.write(ends.to_forwarder, b"last words")
    os.close(ends.to_forwarder)
    assert received(ends.daemon, 10) == b"last words"
    assert ends.daemon.recv(1) == b""  # the end has arrived, and only that of one direction
    ends.daemon.sendall(b"an answer")
    ends.daemon.close()
    assert ends.heard() == b"an answer"
    assert ends.ended() is True


def test_a_daemon_that_ends_first_is_lost():
    ends = Ends()
    os.write(ends.to_forwarder, message("textDocument/didOpen", params={"text": "exit"}))
    ends.daemon.recv(1 << 16)
    ends.daemon.close()
    assert ends.heard() == b""
    assert ends.ended() is False


def test_a_daemon_that_ends_after_exit_did_as_it_was_told():
    ends = Ends()
    os.write(ends.to_forwarder, message("shutdown", id=1) + message("exit"))
    ends.daemon.recv(1 << 16)
    ends.daemon.close()
    assert ends.ended() is True


def test_an_editor_that_reads_no_more_ends_it():
    ends = Ends()
    os.close(ends.from_forwarder)
    ends.daemon.sendall(b"to nobody")
    assert ends.ended() is True


@pytest.fixture
def top(monkeypatch):
    with home(monkeypatch) as folder:
        yield folder


def program(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "advisor", "lsp", *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=os.sep)


def initialized(process: subprocess.Popen[bytes]) -> dict:
    """What the server says of itself."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(message("initialize", id=1, params={"processId": None, "rootUri": None, "capabilities": {}}))
    process.stdin.flush()
    length = 0
    while (line := process.stdout.readline()) != b"\r\n":
        assert line, "the server ended"
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return json.loads(process.stdout.read(length))


@pytest.mark.parametrize("arguments", [(), ("--stdio",), ("--standalone",)])
def test_an_editor_is_served_and_leaves_in_order(top, arguments):
    with program(*arguments) as process:
        assert initialized(process)["result"]["serverInfo"]["name"] == "nas-advisor"
        assert (holder(find()) is None) == ("--standalone" in arguments)
        children = psutil.Process(process.pid).children(recursive=True)
        assert process.stdin is not None
        process.stdin.write(message("shutdown", id=2) + message("exit"))
        process.stdin.flush()
        assert process.wait(SECONDS) == 0  # though its input is still open
    until(lambda: not any(child.is_running() for child in children))


def test_a_daemon_that_is_killed_ends_it_with_1_and_a_line(top):
    with program() as process:
        initialized(process)
        kill(find())
        assert process.wait(SECONDS) == 1
        assert process.stderr is not None
        lines = process.stderr.read().decode().splitlines()
    assert len(lines) == 1 and "advisor daemon logs" in lines[0]


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_without_an_editor_there_is_one_line(top, closed):
    command = f"{shlex.quote(sys.executable)} -m advisor lsp {closed}"
    done = subprocess.run(command, shell=True, cwd=os.sep, timeout=SECONDS, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "an editor speaks through them" in done.stderr


def test_a_person_who_interrupts_it_sees_no_traceback(top):
    with program() as process:
        initialized(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_an_editor_that_is_killed_leaves_no_session(top):
    def editors() -> list:
        with dial("script", start=False) as stream:
            return [client for client in ask(stream, "status")["clients"] if client["kind"] == "lsp"]

    with program() as process:
        initialized(process)
        assert len(editors()) == 1
        process.send_signal(signal.SIGKILL)
    until(lambda: not editors())


def test_without_a_daemon_there_is_one_line(top):
    folder = top / "runtime" / "nas-advisor"
    folder.mkdir()
    folder.chmod(0o777)
    for arguments in ((), ("--standalone", "--unknown")):
        with program(*arguments) as process:
            out, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 2
        assert out == b""
        assert err.decode().splitlines()[-1].startswith("advisor: error: ")
        assert b"Traceback" not in err


def test_it_imports_next_to_nothing(top):
    dial("script").close()

    def imported(*arguments: str) -> set[str]:
        command = [sys.executable, "-X", "importtime", *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=os.sep, check=True)
        return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}

    extra = imported("-m", "advisor", "lsp") - imported("-m", "this")
    assert "advisor.client.forward" in extra
    slow = ("argparse", "asyncio", "dataclasses", "hashlib", "msgpack", "pathlib", "subprocess", "tempfile", "typing")
    assert not {name for name in extra if name.startswith(slow) or name == "importlib.metadata"}
