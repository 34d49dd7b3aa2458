"""The client of scripts, against the daemon's side of a connection with lanes whose answers the test gives."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest

from advisor.client import connection
from advisor.client.connection import Client
from advisor.client.errors import CancelledError, DaemonError
from advisor.config import ConfigError
from advisor.daemon.remote import AnalystError
from advisor.engine import EngineError
from advisor.frames import encode
from advisor.reports import FORMATS, render
from advisor.targets import TargetError
from advisor.workers import WorkerError
from tests.advisor.reports.samples import report
from tests.daemon.scripts.serving import Lanes, served

from .auditing import auditing, hanging


@pytest.fixture
def sample(tmp_path):
    return report(tmp_path, "npu-64", "cpu-x86")


def until(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def in_thread(work) -> list[BaseException]:
    """Start ``work`` in a thread; the list gets what it raises."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as e:
            raised.append(e)

    threading.Thread(target=run, daemon=True).start()
    return raised


def test_an_audit_is_the_engines_report_in_every_format(sample):
    first = sample.files[0].file
    steps = []
    with served(auditing(sample, lambda path: 0.1 * (path == first))) as stream, Client(stream) as client:
        got = client.audit("nets", progress=lambda *step: steps.append(step))
    assert [f.file for f in got.files] == [f.file for f in sample.files]
    for output in FORMATS:
        assert render(got, output) == render(sample, output)
    assert [(done, total) for _, done, total in steps] == [(1, 2), (2, 2)]
    assert {str(file) for file, *_ in steps} == {f.file for f in sample.files}


def test_settings_are_checked_and_made_absolute_before_they_are_sent(sample, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("", encoding="utf-8")
    lanes = auditing(sample)
    with served(lanes) as stream, Client(stream) as client:
        client.audit(
            [Path("a.py"), "/b.py"],
            target=("mine.toml", "npu-64"),
            python="venv/bin/python",
            target_dirs=["hw"],
            min_gain=2,
            jobs=None,
        )
        with pytest.raises(ConfigError, match="min-gian"):
            client.audit("a.py", min_gian=2)
        with pytest.raises(ConfigError, match="targets"):
            client.audit("a.py", target=5)  # type: ignore[arg-type]
    (asked,) = lanes.params("planned")
    assert asked == {
        "paths": [str(tmp_path / "a.py"), "/b.py"],
        "cwd": str(tmp_path),
        "overrides": {
            "targets": [str(tmp_path / "mine.toml"), "npu-64"],
            "python": str(tmp_path / "venv/bin/python"),
            "target-dirs": [str(tmp_path / "hw")],
            "min-gain": 2,
        },
    }


def test_estimates_and_layers_are_of_the_model_asked_for_without_rules(sample):
    lanes = auditing(sample)
    with served(lanes) as stream, Client(stream) as client:
        (net,) = client.estimate("net.py", "Net", target="npu-64")
        assert set(net.costs) == {"npu-64", "cpu-x86"}
        assert [m.name for m in client.estimate("net.py")] == ["Net", "odd", "Broken"]
        ((_, whole),) = client.show("net.py", "Net")
        ((_, parts),) = client.show("net.py", "Net", depth=1)
        with pytest.raises(EngineError, match=r"no model Nett in net.py; models found there: Net, odd, Broken"):
            client.estimate("net.py", "Nett")
    assert len(whole) > len(parts) > 1
    assert sum(r.params for r in whole) == sum(r.params for r in parts) == net.costs["npu-64"].params
    assert all(p["overrides"]["select"] == [] for p in lanes.params("planned"))


def test_what_is_known_without_a_model():
    stopped = []
    lanes = Lanes(
        models=lambda p: {"models": [{"name": Path(p["path"]).stem}]},
        explain=lambda p: {"markdown": f"# {p['code']}"},
        targets=lambda p: {"targets": [{"name": p["cwd"]}]},
        rules=lambda p: {"rules": [{"code": "CHN101"}]},
    )
    with served(lanes, lambda: {"pid": 7}, lambda: stopped.append(1)) as stream, Client(stream) as client:
        assert client.models("net.py") == [{"name": "net"}]
        assert client.explain("CHN101") == "# CHN101"
        assert client.targets() == [{"name": str(Path.cwd())}]
        assert client.rules() == [{"code": "CHN101"}]
        assert client.status() == {"pid": 7}
        client.stop()
    assert stopped == [1]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("config", ConfigError),
        ("target", TargetError),
        ("engine", EngineError),
        ("worker", WorkerError),
        ("lost", DaemonError),
        ("cancelled", CancelledError),
    ],
)
def test_errors_come_back_as_what_the_engine_raises(code, kind):
    def fails(params):
        raise AnalystError(code, "it is wrong", "mend it")

    with served(Lanes(explain=fails)) as stream, Client(stream) as client:
        with pytest.raises(kind, match="it is wrong; mend it") as raised:
            client.explain("X")
        assert getattr(raised.value, "code", code) == code


def test_cancel_from_another_thread_ends_what_runs_and_the_client_lives():
    lanes = hanging()
    with served(lanes, dict) as stream, Client(stream) as client:
        raised = in_thread(lambda: client.audit("a.py"))
        until(lambda: lanes.params("audit"))
        client.cancel()
        until(lambda: raised)
        assert isinstance(raised[0], CancelledError)
        assert client.status() == {}
    assert len(lanes.cancelled) == 1


def test_closing_ends_what_runs():
    lanes = hanging()
    with served(lanes) as stream:
        client = Client(stream)
        raised = in_thread(lambda: client.audit("a.py"))
        until(lambda: lanes.params("audit"))
        client.close()
        until(lambda: raised and lanes.cancelled)
        assert isinstance(raised[0], CancelledError)
        with pytest.raises(CancelledError, match="closed"):
            client.status()


def test_an_exception_while_waiting_cancels_the_request(sample):
    def interrupt(*_):
        raise KeyboardInterrupt

    lanes = auditing(sample, lambda path: 60.0 * path.endswith("bad.py"))
    with served(lanes, dict) as stream, Client(stream) as client:
        with pytest.raises(KeyboardInterrupt):
            client.audit("nets", progress=interrupt)
        assert client.status() == {}
        until(lambda: lanes.cancelled)


def test_threads_share_a_client():
    async def later(params):
        await asyncio.sleep(0.1 / int(params["code"]))
        return {"markdown": params["code"]}

    with served(Lanes(explain=later)) as stream, Client(stream) as client:
        got: dict[str, str] = {}
        threads = [
            threading.Thread(target=lambda c=str(c): got.update({c: client.explain(c)}), daemon=True)
            for c in range(1, 9)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert got == {str(c): str(c) for c in range(1, 9)}


@pytest.fixture
def peers():
    """A client's socket, and the other end for the test to play the daemon."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(20)
        yield ours, theirs


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "closed the connection"),
        (b"\0\0\0\x01\xc1", "cannot be understood"),
        (encode({"id": 1, "event": "file", "index": 0, "file": "a.py", "record": b"no record"}), "no audit"),
        (encode({"id": 1, "result": {}}), "no audit"),
        (encode({"id": 1, "error": "so"}), "of no known form"),
        (encode({"id": None, "error": {"code": "frame", "message": "not a frame"}}), "not a frame"),
    ],
)
def test_a_daemon_that_breaks_off_or_speaks_nonsense_is_an_error(peers, sent, words):
    ours, theirs = peers
    client = Client(ours)
    raised = in_thread(lambda: client.audit("a.py"))
    theirs.recv(1 << 16)
    theirs.sendall(sent)
    if not sent:
        theirs.close()
    until(lambda: raised)
    assert isinstance(raised[0], DaemonError)
    assert words in str(raised[0])
    client.close()


def test_a_daemon_that_hangs_is_given_up_and_one_that_works_is_not(peers, monkeypatch):
    monkeypatch.setattr(connection, "QUIET_SECONDS", 0.1)
    lanes = hanging()
    with served(lanes) as stream, Client(stream) as client:
        busy = in_thread(lambda: client.audit("a.py"))
        with Client(peers[0]) as unanswered, pytest.raises(DaemonError, match="does not answer"):
            unanswered.status()
        time.sleep(0.5)
        assert not busy  # pings were answered all the while
        client.cancel()
        until(lambda: busy)


@pytest.mark.parametrize("params", [{"code": object()}, {"code": 1 << 70}])
def test_what_cannot_be_sent_is_said_at_once(params):
    with served(Lanes(), dict) as stream, Client(stream) as client:
        with pytest.raises(DaemonError, match="cannot be sent"):
            client.request("explain", params)
        assert client.status() == {}
