"""One script's connection: what is answered, in which order, and what ends it."""

from __future__ import annotations

import asyncio
import struct
import time

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.daemon.remote import AnalystError
from advisor.daemon.scripts.connection import MAX_INCOMING, MAX_RUNNING
from advisor.daemon.scripts.methods import METHODS, WIDTH

from .serving import Lanes, Peer, served


async def forever(params):
    await asyncio.Event().wait()


def planned(*files: str, jobs: int = 0):
    return lambda params: {"files": list(files), "root": "/r", "targets": ["npu-64"], "jobs": jobs}


def frame(body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + body


def audit(number, *paths, **params):
    return {"id": number, "method": "audit", "params": {"paths": list(paths) or ["net.py"], **params}}


def test_requests_of_one_connection_run_at_once_and_are_answered_as_they_end():
    with served(Lanes(planned=forever), status=lambda: {"pid": 7}) as stream:
        peer = Peer(stream)
        peer.send(audit(1), {"id": "two", "method": "status"}, {"id": 3, "method": "ping", "params": {}})
        assert peer.answer("two")[0]["result"] == {"pid": 7}
        assert peer.answer(3)[0]["result"] == {}


def test_more_requests_than_run_at_once_are_all_answered():
    count = 3 * MAX_RUNNING
    with served(Lanes()) as stream:
        peer = Peer(stream)
        peer.send(*({"id": i, "method": "ping"} for i in range(count)))
        assert {peer.next()["id"] for _ in range(count)} == set(range(count))


def test_an_audit_streams_records_as_they_come():
    lanes = Lanes(
        planned=planned("/r/a.py", "/r/b.py", "/r/c.py"), audit=lambda p: {"report": b"record of " + p["path"].encode()}
    )
    with served(lanes) as stream:
        peer = Peer(stream)
        peer.send(audit(1, "nets", "/x/y.py", overrides={"targets": ["npu-64"]}))
        answer, events = peer.answer(1)
    assert answer["result"] == {"files": ["/r/a.py", "/r/b.py", "/r/c.py"], "root": "/r", "targets": ["npu-64"]}
    files = {e["index"]: (e["file"], e["record"]) for e in events if e["event"] == "file"}
    assert files == {i: (f"/r/{c}.py", f"record of /r/{c}.py".encode()) for i, c in enumerate("abc")}
    steps = [(e["done"], e["total"]) for e in events if e["event"] == "progress"]
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert lanes.params("planned") == [
        {"paths": ["/work-dir/nets", "/x/y.py"], "overrides": {"targets": ["npu-64"]}, "cwd": "/work-dir"}
    ]
    assert {lane for _, _, lane in lanes.asked} == {"back"}  # editors' work comes first
    job = lanes.params("audit")[0]
    assert (job["run"], job["environment"], job["overrides"]) == (True, {"LANG": "C.UTF-8"}, {"targets": ["npu-64"]})


def test_an_audit_as_json_is_rendered_by_an_analyst_in_the_order_of_files():
    async def record(params):
        await asyncio.sleep(0.05 if params["path"] == "a.py" else 0)  # the first is done last
        return {"report": params["path"].encode()}

    lanes = Lanes(planned=planned("a.py", "b.py"), audit=record, render=lambda p: {"document": b"{}"})
    with served(lanes) as stream:
        peer = Peer(stream)
        peer.send(audit(1, format="json", cwd="/elsewhere"))
        answer, events = peer.answer(1)
    assert answer["result"] == {"document": b"{}"}
    assert {e["event"] for e in events} == {"progress"}
    assert lanes.params("render") == [{"records": [b"a.py", b"b.py"], "root": "/r", "targets": ["npu-64"]}]
    assert lanes.params("planned")[0]["cwd"] == "/elsewhere"


def test_a_cancelled_request_ends_its_jobs_and_the_connection_lives():
    lanes = Lanes(planned=planned("a.py"), audit=forever)
    with served(lanes) as stream:
        peer = Peer(stream)
        peer.send(audit(1), {"cancel": 99}, {"cancel": [1]})
        while peer.next()["event"] != "progress":
            continue
        peer.send({"cancel": 1})
        error = peer.answer(1)[0]["error"]
        assert error["code"] == "cancelled"
        assert [p["path"] for p in lanes.cancelled] == ["a.py"]
        peer.send({"id": 1, "method": "ping"})  # the id is free again
        assert "result" in peer.answer(1)[0]


def test_a_client_that_goes_ends_its_jobs():
    lanes = Lanes(planned=planned("a.py", "b.py"), audit=forever)
    with served(lanes) as stream:
        peer = Peer(stream)
        peer.send(audit(1))
        while len(lanes.params("audit")) < 2:
            peer.send({"id": 2, "method": "ping"})
            peer.answer(2)
    assert lanes.ended.is_set()
    assert sorted(p["path"] for p in lanes.cancelled) == ["a.py", "b.py"]


def test_the_first_file_that_fails_ends_an_audit():
    async def record(params):
        if params["path"] == "b.py":
            raise AnalystError("lost", "the analyst died twice", "report it")
        await asyncio.Event().wait()

    lanes = Lanes(planned=planned("a.py", "b.py"), audit=record)
    with served(lanes) as stream:
        peer = Peer(stream)
        peer.send(audit(1))
        error = peer.answer(1)[0]["error"]
    assert (error["code"], error["remedy"]) == ("lost", "report it")
    assert error["message"].startswith("b.py: ")
    assert [p["path"] for p in lanes.cancelled] == ["a.py"]


def test_jobs_bounds_how_many_files_are_audited_at_once():
    running = []

    async def record(params):
        running.append(+1)
        await asyncio.sleep(0)
        peak.append(sum(running))
        running.append(-1)
        return {"report": b""}

    peak: list[int] = []
    with served(Lanes(planned=planned(*"abcdef", jobs=1), audit=record)) as stream:
        peer = Peer(stream)
        peer.send(audit(1))
        assert peer.answer(1)[0]["result"]["files"] == list("abcdef")
    assert max(peak) == 1


def test_a_client_that_does_not_read_holds_its_audit_up():
    """Else the daemon would keep all reports of a large audit in memory."""
    files = [f"{i}.py" for i in range(20 * WIDTH)]
    lanes = Lanes(planned=planned(*files), audit=lambda p: {"report": bytes(1 << 20)}, models=lambda p: {})
    with served(lanes) as stream:
        peer = Peer(stream)
        peer.send(audit(1))
        peer.next()
        seen = -1
        while seen < len(lanes.params("audit")):  # until it stands still
            seen = len(lanes.params("audit"))
            time.sleep(0.2)
        assert WIDTH <= seen < 10 * WIDTH
        assert len(peer.answer(1)[0]["result"]["files"]) == len(files)


@pytest.mark.parametrize(
    "bytes_",
    [
        frame(b"\xc1"),  # no msgpack
        frame(b""),
        frame(msgpack.packb([1, 2])),  # no map
        frame(msgpack.packb({"id": None, "method": "ping"})),
        frame(msgpack.packb({"id": True, "method": "ping"})),
        frame(msgpack.packb({"method": "ping"})),
        struct.pack("!I", MAX_INCOMING + 1),
        b"GET / HTTP/1.1\r\n\r\n",
        2 * frame(msgpack.packb({"id": 1, "method": "audit", "params": {"paths": ["a"]}})),  # one id twice
    ],
)
def test_what_is_no_message_is_answered_with_one_error_and_the_end(bytes_):
    with served(Lanes(planned=forever)) as stream:
        stream.sendall(bytes_)
        peer = Peer(stream)
        message = peer.next()
        assert message["id"] is None
        assert message["error"]["code"] == "frame"
        assert message["error"]["message"] and message["error"]["remedy"]
        assert peer.next() is None


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ({"method": "frobnicate"}, "method", "audit"),
        ({}, "method", "None"),
        ({"method": ["audit"]}, "method", "audit"),
        ({"method": "audit"}, "params", "'paths' is missing"),
        ({"method": "audit", "params": [1]}, "params", "expected a map"),
        ({"method": "audit", "params": {"paths": []}}, "params", "paths"),
        ({"method": "audit", "params": {"paths": "a.py"}}, "params", "list"),
        ({"method": "audit", "params": {"paths": ["a\0b"]}}, "params", "paths"),
        ({"method": "audit", "params": {"paths": ["a"], "cwd": "not/absolute"}}, "params", "cwd"),
        ({"method": "audit", "params": {"paths": ["a"], "format": "xml"}}, "params", "json"),
        ({"method": "audit", "params": {"paths": ["a"], "overrides": [1]}}, "params", "overrides"),
        ({"method": "audit", "params": {"paths": ["a"], "overrides": {1: 2}}}, "params", "overrides"),
        ({"method": "explain", "params": {"code": 5}}, "params", "code"),
        ({"method": "ping", "params": {"loud": True}}, "params", "no parameters"),
    ],
)
def test_a_wrong_request_is_answered_with_its_error_and_the_connection_lives(request_, code, words):
    with served(Lanes()) as stream:
        peer = Peer(stream)
        peer.send({"id": 1, **request_})
        error = peer.answer(1)[0]["error"]
        assert error["code"] == code
        assert words in f"{error['message']} {error['remedy']}"
        peer.send({"id": 2, "method": "ping"})
        assert "result" in peer.answer(2)[0]


@pytest.mark.parametrize("code", ["config", "target", "engine", "worker"])
def test_an_analysts_error_is_passed_on(code):
    def fails(params):
        raise AnalystError(code, "what", "remedy")

    with served(Lanes(planned=fails)) as stream:
        peer = Peer(stream)
        peer.send(audit(1))
        assert peer.answer(1)[0]["error"] == {"code": code, "message": "what", "remedy": "remedy"}


def test_a_bug_costs_its_request_only():
    with served(Lanes(planned=lambda p: 1 // 0)) as stream:
        peer = Peer(stream)
        peer.send(audit(1))
        error = peer.answer(1)[0]["error"]
        assert error["code"] == "internal"
        assert "ZeroDivisionError" in error["message"]
        peer.send({"id": 2, "method": "ping"})
        assert "result" in peer.answer(2)[0]


def test_stop_is_answered_before_the_daemon_ends():
    stopped = []
    with served(Lanes(), stop=lambda: stopped.append(True)) as stream:
        peer = Peer(stream)
        peer.send({"id": 1, "method": "stop"})
        assert peer.answer(1)[0]["result"] == {}
        peer.send({"id": 2, "method": "ping"})
        peer.answer(2)
    assert stopped == [True]


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.binary(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "id": plain,
        "method": st.sampled_from(sorted(set(METHODS) - {"stop"})) | plain,
        "params": st.dictionaries(st.sampled_from(["paths", "overrides", "cwd", "code", "path"]), plain) | plain,
        "cancel": plain,
        "extra": plain,
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(messages.map(lambda m: frame(msgpack.packb(m))) | st.binary(max_size=12), max_size=6))
def test_whatever_is_sent_is_answered_in_form_or_ends_the_connection(parts):
    def missing(params):
        raise AnalystError("engine", "no such thing", "")

    lanes = Lanes(**dict.fromkeys(("planned", "models", "explain", "targets", "rules"), missing))
    with served(lanes) as stream:
        stream.sendall(b"".join(parts) + frame(msgpack.packb({"id": "last", "method": "ping"})))
        stream.shutdown(1)
        peer = Peer(stream)
        while (message := peer.next()) is not None:
            assert set(message) in ({"id", "result"}, {"id", "error"})
            if "error" in message:
                assert set(message["error"]) == {"code", "message", "remedy"}
                assert message["error"]["code"] != "internal", message
