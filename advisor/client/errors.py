"""What can go wrong between a client and the daemon, typed. Only the standard library is imported before an error.

The daemon's errors have a code (docs/protocol.md lists them). Those that the engine itself would have raised come back
as the exceptions that it raises, so that callers need not know where an audit ran.
"""

from __future__ import annotations

from typing import Any


class DaemonError(Exception):
    """The daemon could not be reached or could not do what was asked. ``code`` is one of the protocol's, or
    ``unreachable`` when nobody answers; the text says what to do."""

    def __init__(self, message: str, code: str = "unreachable", remedy: str = "") -> None:
        super().__init__(f"{message}; {remedy}" if remedy and remedy not in message else message)
        self.code = code
        self.remedy = remedy


class CancelledError(DaemonError):
    """The request was cancelled, by this client or because it was closed."""

    def __init__(self, message: str = "the request was cancelled", code: str = "cancelled", remedy: str = "") -> None:
        super().__init__(message, code, remedy)


TRY_AGAIN = "try again; `advisor daemon logs` says what happened"


def closed() -> DaemonError:
    """What every unanswered request comes to when the daemon ends the connection."""
    return DaemonError("the daemon closed the connection before it answered", remedy=TRY_AGAIN)


def broke(error: OSError) -> DaemonError:
    """How a connection ended that the system ended."""
    return DaemonError(f"the connection to the daemon broke: {error}", remedy=TRY_AGAIN)


def silent() -> DaemonError:
    """What a daemon that answers no ping is taken for."""
    return DaemonError("the daemon does not answer", remedy=TRY_AGAIN)


def garbled(error: ValueError) -> DaemonError:
    """Why nothing that comes after bytes which are no frame can be used."""
    return DaemonError(f"what the daemon sent cannot be understood: {error}", "frame", TRY_AGAIN)


def from_wire(error: Any) -> Exception:
    """The exception for the ``error`` of a message."""
    fields = error if isinstance(error, dict) else {"message": f"an error of no known form: {error!r}"}
    code, message, remedy = (str(fields.get(key) or "") for key in ("code", "message", "remedy"))
    text = f"{message}; {remedy}" if remedy and remedy not in message else message
    if code == "config":
        from ..config import ConfigError

        return ConfigError(text)
    if code == "target":
        from ..targets import TargetError

        return TargetError(text)
    if code == "engine":
        from ..engine import EngineError

        return EngineError(text)
    if code == "worker":
        from ..workers import WorkerError

        return WorkerError(message.removesuffix(f"; {remedy}"), remedy or TRY_AGAIN)
    kind = CancelledError if code == "cancelled" else DaemonError
    return kind(message, code or "internal", remedy)
