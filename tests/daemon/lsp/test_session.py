from __future__ import annotations

import asyncio
import json

import pytest
from pygls.exceptions import JsonRpcInvalidParams

from advisor.version import VERSION

from .client import NEVER, Error, editing


async def test_greets_with_its_name_and_the_encoding_the_client_likes_best(tmp_path):
    async with editing() as editor:
        result = await editor.initialize(tmp_path, {"general": {"positionEncodings": ["utf-32", "utf-8"]}})
        assert result["serverInfo"] == {"name": "nas-advisor", "version": VERSION}
        assert result["capabilities"]["positionEncoding"] == "utf-32"
        assert result["capabilities"]["textDocumentSync"]["change"] == 2


async def test_utf_16_where_the_client_says_nothing(tmp_path):
    async with editing() as editor:
        result = await editor.initialize(tmp_path, {})
        assert result["capabilities"]["positionEncoding"] == "utf-16"


async def test_exit_ends_this_connection_only(tmp_path):
    async with editing() as one, editing() as two:
        await one.initialize(tmp_path, {})
        await two.initialize(tmp_path, {})
        await one.ask("shutdown")
        one.notify("exit")
        await one._serving
        assert one.closed and not two.closed
        with pytest.raises(Error):
            await two.ask("no/such")  # still answers


async def test_malformed_messages_are_answered_and_survived(tmp_path):
    async with editing() as editor:
        await editor.initialize(tmp_path, {})
        for body in (b"{", b"[]", b"7", b"\xff\xfe", b'{"id": 1.5, "method": 3}', b"[" * 100_000):
            editor.raw(body)
        answers = await editor.until(lambda: len(editor.of("response")) == 6 and editor.of("response"))
        assert {a["error"]["code"] for a in answers} == {-32700, -32600}
        editor.raw(json.dumps({"id": 99, "result": 5}).encode())  # a reply to nothing
        with pytest.raises(Error, match="-32601"):
            await editor.ask("no/such")
        with pytest.raises(Error, match="-32602"):
            await editor.ask("textDocument/hover", {"position": "here"})
        with pytest.raises(Error, match="-32602"):
            await editor.ask("workspace/executeCommand", {"command": "no.such"})
        editor.notify("textDocument/didOpen", textDocument=7)
        assert not editor.of("window/showMessage")
        assert not editor._serving.done()


async def test_lost_framing_ends_the_session():
    async with editing() as editor:
        editor.sent.feed_data(b"Content-Length: 99999999999\r\n\r\n{}")
        await editor._serving
        assert editor.closed


async def test_requests_out_of_turn_are_refused(tmp_path):
    async with editing() as editor:
        with pytest.raises(Error, match="-32002"):
            await editor.ask("textDocument/hover", {})
        await editor.initialize(tmp_path, {})
        with pytest.raises(Error, match="-32600"):
            await editor.ask("initialize", {"capabilities": {}})
        await editor.ask("shutdown")
        with pytest.raises(Error, match="-32600"):
            await editor.ask("textDocument/hover", {})


async def test_handled_messages_leave_nothing_behind(tmp_path):
    async with editing() as editor:
        await editor.initialize(tmp_path, {})
        for number in range(20):
            editor.notify("$/setTrace", value="off")
            with pytest.raises(Error):
                await editor.ask(f"no/such{number}")
        await editor.settled()
        assert not editor.session.wire._request_futures
        assert not editor.session.wire._result_types


async def test_a_failing_handler_is_logged_and_never_shown(tmp_path):
    async with editing() as editor:

        @editor.session.command("broken")
        async def broken() -> None:
            raise RuntimeError("out of order")

        await editor.initialize(tmp_path, {})
        with pytest.raises(Error, match="out of order"):
            await editor.ask("workspace/executeCommand", {"command": "broken"})
        assert any("out of order" in m["message"] for m in editor.of("window/logMessage"))
        assert not editor.of("window/showMessage")


async def test_a_cancelled_command_stops(tmp_path):
    stopped = asyncio.Event()
    async with editing() as editor:

        @editor.session.command("long")
        async def long() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                stopped.set()

        await editor.initialize(tmp_path, {})
        number, answer = editor.begin("workspace/executeCommand", {"command": "long"})
        await editor.settled()
        editor.notify("$/cancelRequest", id=number)
        with pytest.raises(Error, match="-32800"):
            await asyncio.wait_for(answer, 5)
        assert stopped.is_set()


async def test_a_refusal_is_an_answer_and_no_failure_of_the_server(tmp_path):
    async with editing() as editor:

        @editor.session.command("refuses")
        async def refuses() -> None:
            raise JsonRpcInvalidParams("not this")

        await editor.initialize(tmp_path, {})
        with pytest.raises(Error, match="not this"):
            await editor.ask("workspace/executeCommand", {"command": "refuses"})
        assert not any("not this" in m["message"] for m in editor.of("window/logMessage"))


async def test_shut_down_while_the_editor_is_asked_something(tmp_path):
    async with editing() as editor:
        editor.replies["workspace/configuration"] = NEVER
        await editor.initialize(tmp_path, {"workspace": {"configuration": True}})
        await editor.until(lambda: editor.asked)
        assert await editor.ask("shutdown") is None
        with pytest.raises(Error, match="shut down"):
            await editor.ask("textDocument/hover", {})
