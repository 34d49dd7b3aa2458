"""Connecting to a real daemon: started once, found again, replaced when it is of no use any more."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from advisor.client import dial as dialling
from advisor.client import start
from advisor.client.address import find, holder, secure
from advisor.client.dial import dial
from advisor.client.errors import DaemonError
from tests.daemon.hubs import ask, home, hub_of, kill


@pytest.fixture(autouse=True)
def top(monkeypatch):
    with home(monkeypatch) as folder:
        yield folder


def pid() -> int:
    with dial("script") as stream:
        return hub_of(stream)


def test_the_first_client_starts_a_daemon_that_is_nobodys_child_and_the_second_finds_it():
    first = pid()
    assert pid() == first == holder(find())
    process = psutil.Process(first)
    assert process.ppid() != os.getpid()
    assert process.cwd() == "/"
    assert Path(find().door).stat().st_mode & 0o777 == 0o600


def test_the_daemon_has_only_the_variables_it_needs(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hush")
    monkeypatch.setenv("ADVISOR_LOG", "debug")
    monkeypatch.setenv("LC_TIME", "C")
    found = psutil.Process(pid()).environ()
    wanted = ("ADVISOR_LOG", "LC_TIME", "PATH", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
    assert {name: found.get(name) for name in wanted} == {name: os.environ[name] for name in wanted}
    assert "HF_TOKEN" not in found and "PYTEST_CURRENT_TEST" not in found


def test_without_start_there_is_none_or_the_one_that_runs():
    with pytest.raises(DaemonError, match="advisor daemon start") as e:
        dial("script", start=False)
    assert e.value.code == "unreachable"
    assert not Path(find().folder).exists()
    first = pid()
    with dial("script", start=False) as stream:
        assert hub_of(stream) == first


def test_what_a_crash_left_behind_is_replaced():
    first = pid()
    assert kill(find()) == first
    assert Path(find().door).exists()
    assert pid() not in (first, None)


def test_a_socket_of_nobody_is_replaced():
    secure(find(), make=True)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(find().door)
        Path(find().door).chmod(0o600)
    assert pid() == holder(find())


def test_clients_that_start_together_meet_at_one_daemon():
    code = (
        "import sys; from advisor.client.dial import dial; from tests.daemon.hubs import hub_of\n"
        "sys.stdin.readline()\nwith dial('script') as s: print(hub_of(s))"
    )
    root = Path(__file__).parents[3]
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
        for _ in range(3)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    pids = {process.communicate(timeout=60)[0] for process in started}
    assert pids == {f"{holder(find())}\n".encode()}


def test_a_daemon_that_hangs_is_replaced(monkeypatch):
    first = pid()
    monkeypatch.setattr(dialling, "ANSWER_SECONDS", 0.3)
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(DaemonError, match=f"process {first}.*does not answer"):
        dial("script", start=False)
    monkeypatch.setattr(start, "_LEAVE_SECONDS", 0.3)
    with dial("script") as stream:
        stream.settimeout(20)
        assert holder(find()) != first
    assert not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE


def test_one_that_has_the_lock_but_listens_nowhere_is_replaced(monkeypatch):
    monkeypatch.setattr(start, "_LISTEN_SECONDS", 0.2)
    first = pid()
    Path(find().door).unlink()
    assert pid() != first


def test_a_daemon_that_leaves_while_it_is_called_is_waited_for():
    with dial("script") as stream:
        first = hub_of(stream)
        ask(stream, "stop")
    assert pid() != first


def test_another_version_is_refused_with_a_remedy(monkeypatch):
    address = find()
    pid()
    monkeypatch.setattr(dialling, "VERSION", "9.9.9")
    with pytest.raises(DaemonError, match=r"the client is 9\.9\.9.*advisor daemon stop") as e:
        dial("script", address=address)
    assert e.value.code == "version"


def test_what_is_no_daemon_is_not_believed():
    address = find()
    secure(address, make=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address.door)
        Path(address.door).chmod(0o600)
        server.listen()

        def answer() -> None:
            stream, _ = server.accept()
            with stream:
                stream.recv(1 << 16)
                stream.sendall(b"220 mail.example ESMTP\n")

        threading.Thread(target=answer).start()
        with pytest.raises(DaemonError, match="is no daemon of ours"):
            dial("script")


def test_a_folder_of_bad_mode_is_refused(top):
    folder = top / "runtime" / "nas-advisor"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(DaemonError, match="written by other users"):
        dial("script")
    assert list(folder.iterdir()) == []


def test_a_daemon_that_cannot_start_says_why(monkeypatch, top):
    (top / "sitecustomize.py").write_text("raise SystemExit('no such luck')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(top))
    with pytest.raises(DaemonError, match=r"could not be started: .*no such luck") as e:
        dial("script")
    assert str(top / "cache" / "nas-advisor" / "logs" / "hub.log") in str(e.value)


def test_a_log_that_cannot_be_written_does_not_matter(top):
    (top / "cache").rmdir()
    (top / "cache").touch()
    assert pid() == holder(find())


def test_over_tcp_with_the_right_token():
    address = find(tcp=True)
    with dial("script", address=address) as stream:
        assert stream.family == socket.AF_INET
        assert stream.getpeername()[0] == "127.0.0.1"
        assert ask(stream, "status")["token_file"] == address.door
    assert Path(address.door).stat().st_mode & 0o777 == 0o600


def test_over_tcp_with_a_wrong_token():
    address = find(tcp=True)
    dial("script", address=address).close()
    file = Path(address.door)
    fields = json.loads(file.read_text(encoding="ascii"))
    file.write_text(json.dumps({**fields, "token": "0" * 64}), encoding="ascii")
    with pytest.raises(DaemonError, match="token") as e:
        dial("script", address=address)
    assert e.value.code == "refused"


def test_over_tcp_a_listener_without_the_answer_is_not_spoken_to():
    address = find(tcp=True)
    dial("script", address=address).close()
    file = Path(address.door)
    fields = json.loads(file.read_text(encoding="ascii"))
    file.write_text(json.dumps({**fields, "answer": "0" * 64}), encoding="ascii")
    assert dialling.greet(address, "script", os.environ) is None


def test_a_tcp_daemon_that_crashed_is_replaced():
    address = find(tcp=True)
    dial("script", address=address).close()
    first = kill(address)
    with dial("script", address=address) as stream:
        assert hub_of(stream) != first
