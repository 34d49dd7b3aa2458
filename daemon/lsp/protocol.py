"""The wire: pygls's protocol made fit for one process that serves many clients for days.

What is different from pygls 2.1: the end of a connection does not end the process; a message that cannot be
understood is answered, not shown; a request that is refused leaves no traceback; futures of handled messages are not
kept; the reply to a request that its asker gave up is dropped; a cancelled command stops; texts are kept once, by
:mod:`.documents`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Any, Protocol

from lsprotocol import types
from pygls.exceptions import (
    FeatureRequestError,
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
    LanguageServerProtocol,
    default_converter,
)

MAX_BYTES = 64 << 20
"""A longer message ends the connection: what follows it could only be found by reading it."""
_MAX_HEADERS = 32
_LENGTH = re.compile(rb"content-length:\s*(\d{1,12})\s*", re.IGNORECASE)

_log = logging.getLogger(__name__)


class Reader(Protocol):
    async def readline(self) -> bytes: ...

    async def readexactly(self, n: int, /) -> bytes: ...


class FramingError(ValueError):
    """Bytes in which no message can be found any more."""


def _converter() -> Any:
    """pygls's, except that what no type describes stays plain: a client's keys become no attributes; and that ids and
    tokens are looked at: they are keys of tables."""
    converter = default_converter()
    converter.register_structure_hook(types.ProgressToken, _name)
    converter.register_structure_hook(types.ProgressToken | None, lambda v, t: v if v is None else _name(v, t))
    for kind in (JsonRPCRequestMessage, JsonRPCResponseMessage, JsonRPCNotification):
        names = [a.name for a in kind.__attrs_attrs__]  # type: ignore[attr-defined]
        converter.register_structure_hook(kind, lambda obj, cls, names=names: cls(**{n: obj.get(n) for n in names}))
    return converter


def _name(value: Any, _: Any) -> int | str:
    if isinstance(value, int | str):
        return value
    raise ValueError(f"expected a number or a string, got {type(value).__name__}")


OURS = (
    types.EXIT,  # pygls's ends the process
    types.SHUTDOWN,  # pygls's fails while the client is being asked something
    types.WORKSPACE_EXECUTE_COMMAND,  # pygls's cannot be cancelled
    types.TEXT_DOCUMENT_DID_OPEN,  # texts are kept once, with the protocol's own notion of lines
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
)
"""What a session handles itself, alone."""

CONVERTER = _converter()
"""One for all connections: building it is most of what a session costs."""


async def messages(reader: Reader) -> AsyncIterator[bytes]:
    """The bodies of messages as they arrive, until the other side ends. Raises :class:`FramingError`."""
    while True:
        length: int | None = None
        for count in range(_MAX_HEADERS + 1):
            try:
                line = await reader.readline()
            except ValueError as e:  # longer than a stream's buffer
                raise FramingError(f"a header line without end: {e}") from e
            if not line:
                return
            if not line.strip():
                break
            if count == _MAX_HEADERS:
                raise FramingError(f"more than {_MAX_HEADERS} header lines")
            if match := _LENGTH.fullmatch(line):
                length = int(match[1])
        if length is None:
            raise FramingError("headers without a Content-Length")
        if length > MAX_BYTES:
            raise FramingError(f"a message of {length:,} bytes; at most {MAX_BYTES:,} are read")
        yield await reader.readexactly(length)


class Wire(LanguageServerProtocol):
    """One connection."""

    def _register_builtin_features(self) -> None:
        """All of pygls's own handlers but those that the session registers itself."""
        super()._register_builtin_features()
        for method in OURS:
            del self.fm.builtin_features[method]

    def receive(self, body: bytes) -> None:
        """Handle one message. Never raises for what a client sent; a request that is wrong gets an error."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as e:
            _log.warning("a message that is no JSON: %s", e)
            return self._refuse(None, JsonRpcParseError(f"no JSON: {e}"))
        if not isinstance(data, dict):
            return self._refuse(None, JsonRpcInvalidRequest("expected one JSON object"))
        number = data.get("id")
        number = number if isinstance(number, (int, str)) and not isinstance(number, bool) else None
        method = data.get("method")
        if "method" in data and (not isinstance(method, str) or ("id" in data and number is None)):
            return self._refuse(number, JsonRpcInvalidRequest("method must be a string, id a number or a string"))
        if method is not None and (error := self._untimely(method)) is not None:
            return self._refuse(number, error) if number is not None else None
        if method is None and ("id" not in data or not self._awaited(number)):
            return _log.warning("a reply that nobody waits for: id %r", data.get("id"))
        try:
            message = self.structure_message({**data, "jsonrpc": "2.0"})
        except Exception as e:  # the converter's errors are of many kinds; all mean that the parameters do not fit
            _log.warning("%s: parameters that do not fit: %s", method, e)
            if method is not None and number is not None:
                self._refuse(number, JsonRpcInvalidParams(f"{method}: the parameters do not fit the protocol"))
            elif number is not None:
                self._handle_response(number, error=types.ResponseError(-32603, "a reply that does not fit"))
            return None
        self.handle_message(message)  # type: ignore[arg-type]
        return None

    def _untimely(self, method: str) -> JsonRpcException | None:
        """Why a message cannot be handled in this state of the session."""
        if method == types.EXIT:
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest(f"{method}: the session is shut down")
        if (self._workspace is None) != (method == types.INITIALIZE):
            if method == types.INITIALIZE:
                return JsonRpcInvalidRequest("the session is initialized already")
            return JsonRpcServerNotInitialized(f"{method}: send initialize first")
        return None

    def shut_down(self) -> None:
        """Cancel all that is under way but the request that asks for it; nothing is handled from now on."""
        for number, future in list(self._request_futures.items()):  # what is cancelled leaves it
            if number != self.msg_id:
                future.cancel()
        self._shutdown = True

    def _awaited(self, number: Any) -> bool:
        return number in self._result_types or number in self._request_futures

    def _refuse(self, number: int | str | None, error: JsonRpcException) -> None:
        """Answer with an error, by hand: JSON-RPC wants ``"id": null`` where lsprotocol leaves it out."""
        response = {"code": error.code, "message": error.message}
        self._send_data({"jsonrpc": "2.0", "id": number, "error": response})

    def _handle_response(self, msg_id: Any, result: Any = None, error: Any = None) -> None:
        """Drop the reply to a request whose asker was cancelled: setting its result would raise."""
        self._result_types.pop(msg_id, None)
        future = self._request_futures.get(msg_id)
        if future is None or future.done() or isinstance(future, asyncio.Future):
            if future is not None and future.done():
                del self._request_futures[msg_id]
            return
        super()._handle_response(msg_id, result, error)

    def _send_handler_result(self, future: Any, *, msg_id: Any) -> None:
        """A refusal is an answer; pygls logs it as an accident, with a traceback."""
        error = None if future.cancelled() else future.exception()
        if not isinstance(error, JsonRpcException) or isinstance(error, JsonRpcInternalError):
            return super()._send_handler_result(future, msg_id=msg_id)
        self._send_response(msg_id, error=error.to_response_error())
        self._server._report_server_error(error, FeatureRequestError)
        return None

    def _execute_handler(
        self, msg_id: Any, handler: Any, callback: Any, args: Any = None, kwargs: dict[str, Any] | None = None
    ) -> None:
        """Forget a handler's future when it ends: pygls keeps that of every notification for ever."""

        def done(future: Any) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, done, args, kwargs)
