"""``advisor daemon`` and ``advisor lsp`` as a person uses them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from advisor.cli import main
from advisor.client import dial, start
from advisor.client.address import find, holder
from tests.daemon.hubs import SECONDS, home, kill


@pytest.fixture(autouse=True)
def top(monkeypatch):
    with home(monkeypatch) as folder:
        yield folder


def said(capsys, *arguments: str, code: int = 0) -> str:
    assert main(["daemon", *arguments]) == code
    return capsys.readouterr().out


def test_from_start_to_stop(capsys):
    assert "no daemon is running" in said(capsys, "status", code=1)
    pid = json.loads(said(capsys, "start", "--json"))["pid"]
    assert pid == holder(find())
    assert said(capsys, "start") == f"the daemon runs as process {pid}\n"
    text = said(capsys, "status")
    assert f"process {pid}" in text
    assert find().door in text
    assert "front" in text
    assert said(capsys, "stop") == f"the daemon, process {pid}, has ended\n"
    assert holder(find()) is None
    assert "no daemon is running" in said(capsys, "stop")


def test_status_for_programs(capsys):
    assert json.loads(said(capsys, "status", "--json", code=1)) is None
    said(capsys, "start")
    status = json.loads(said(capsys, "status", "--json"))
    assert status["socket"] == find().door
    assert [client["kind"] for client in status["clients"]] == ["script"]
    assert set(status["lanes"]) == {"read", "front", "back"}
    assert status["resident"] > 1 << 20


def test_a_daemon_that_hangs_is_named_and_stopped(capsys, monkeypatch):
    monkeypatch.setattr(dial, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(start, "_LEAVE_SECONDS", 0.2)
    pid = json.loads(said(capsys, "start", "--json"))["pid"]
    os.kill(pid, signal.SIGSTOP)
    assert main(["daemon", "status"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"process {pid}, does not answer" in error and "advisor daemon stop" in error
    assert "has ended" in said(capsys, "stop")
    assert holder(find()) is None


def test_logs_tell_what_happened(capsys):
    assert main(["daemon", "logs"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and "nothing was logged" in err
    said(capsys, "start")
    kill(find())
    assert "listens at" in said(capsys, "logs")
    assert said(capsys, "logs", "-n", "1").count("\n") == 1
    assert said(capsys, "logs", "-n", "0") == ""
    assert main(["daemon", "logs", "-n", "-3"]) == 2
    assert "-n -3" in capsys.readouterr().err


def test_logs_go_on_also_over_a_new_file(top):
    log = top / "cache" / "nas-advisor" / "logs" / "hub.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\n", encoding="utf-8")
    command = [sys.executable, "-m", "advisor", "daemon", "logs", "-f", "-n", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=os.sep) as process:
        assert process.stdout is not None
        watch = threading.Timer(SECONDS, process.kill)  # reading would wait for ever for what does not come
        watch.start()
        assert process.stdout.readline() == "one\n"
        with log.open("a", encoding="utf-8") as file:
            file.write("two\n")
        assert process.stdout.readline() == "two\n"
        log.rename(log.with_name("hub.log.1"))
        log.write_text("3\n", encoding="utf-8")
        assert process.stdout.readline() == "3\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
        watch.cancel()


def test_help_is_at_hand(capsys):
    for command in ("lsp", "daemon"):
        with pytest.raises(SystemExit) as e:
            main([command, "--help"])
        assert e.value.code == 0
    out = capsys.readouterr().out
    assert "--standalone" in out
    assert all(action in out for action in ("start", "stop", "status", "logs"))
