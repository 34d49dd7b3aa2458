"""The hub: the daemon's process. It listens, says who may come in, and gives each client a session of its own.

Nothing is analysed here: analysts do that (``lanes.py``). A client's failure ends that client's session only, and the
hub leaves when nobody has needed it for a while. ``stdio`` is the same for one editor, without a socket.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import faulthandler
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor import folders
from advisor.client import address as addresses
from advisor.client.errors import DaemonError
from advisor.environment import passed_on
from advisor.version import VERSION

from . import listening, logs, peers, standard
from .lanes import Lanes
from .scripts.connection import serve

if TYPE_CHECKING:
    from .lsp.session import Session

IDLE_SECONDS = 600.0
"""The hub leaves after so long without a client."""

_LOOK_SECONDS = 60.0  # how often the door is looked at
_LEAVE_SECONDS = 3.0  # for clients' sessions, and again for analysts, to end
_log = logging.getLogger("advisor.daemon")


@dataclass(eq=False, slots=True)
class _Client:
    """One that has been welcomed. ``session`` is an editor's."""

    kind: str
    cwd: str
    session: Session | None = None
    since: float = field(default_factory=time.monotonic)

    def status(self) -> dict[str, Any]:
        roots = [str(root) for root in self.session.roots()] if self.session is not None else [self.cwd]
        return {"kind": self.kind, "seconds": time.monotonic() - self.since, "roots": roots}


class Hub:
    """Serves whoever comes to ``door`` until it is told to stop or nobody has come for ``idle`` seconds."""

    def __init__(self, door: listening.Door, lanes: Lanes, idle: float = IDLE_SECONDS) -> None:
        self._door, self._lanes, self._idle = door, lanes, idle
        self._began = time.monotonic()
        self._clients: set[_Client] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._leaving = asyncio.Event()
        self._alone: asyncio.TimerHandle | None = None
        self._new_session = asyncio.ensure_future(asyncio.to_thread(_load_sessions))

    def status(self) -> dict[str, Any]:
        """What ``advisor daemon status`` shows; times in seconds, memory in bytes."""
        address = self._door.address
        return {
            "pid": os.getpid(),
            "version": VERSION,
            "seconds": time.monotonic() - self._began,
            "resident": _resident(),
            "token_file" if address.tcp else "socket": address.door,
            "log": str(folders.hub_log()),
            "clients": [client.status() for client in self._clients],
            "lanes": self._lanes.status(),
        }

    def stop(self) -> None:
        """Begin to leave, in order."""
        self._leaving.set()

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve to the end; ``ready`` is called once clients are taken."""
        start = asyncio.start_server if self._door.address.tcp else asyncio.start_unix_server
        server = await start(self._connection, sock=self._door.socket, limit=peers.LINE_BYTES)
        self._rest()
        watch = asyncio.ensure_future(self._watch())
        ready()
        try:
            await self._leaving.wait()
        finally:
            _log.info("leaving; clients: %d", len(self._clients))
            server.close()
            self._door.close()
            watch.cancel()
            for task in self._connections:
                task.cancel()
            if self._connections:
                await asyncio.wait(self._connections, timeout=_LEAVE_SECONDS)
            with contextlib.suppress(asyncio.TimeoutError):  # analysts see the end of their input, whatever they do
                await asyncio.wait_for(self._lanes.close(), _LEAVE_SECONDS)

    async def _watch(self) -> None:
        """Leave once the socket is lost: nobody can come any more, and the next client starts another hub."""
        while self._door.is_there():
            await asyncio.sleep(_LOOK_SECONDS)
        _log.warning("%s is gone: another daemon will be started", self._door.address.door)
        while self._clients:
            await asyncio.sleep(_LOOK_SECONDS)
        self.stop()

    def _rest(self) -> None:
        """Whoever came or went: the time without clients begins, or ends."""
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None
        if not self._connections:
            here = self._door.is_there()  # else nobody can come any more
            self._alone = asyncio.get_running_loop().call_later(self._idle if here else 0.0, self.stop)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # it runs in one
        self._connections.add(task)
        self._rest()
        try:
            await self._serve(reader, writer)
        except peers.Refused as e:
            _log.warning("a client was refused: %s", e)
        except ConnectionError as e:
            _log.info("a client is gone: %s", e or type(e).__name__)
        except asyncio.CancelledError:
            _log.debug("a session was ended")  # by the hub, which leaves
        except Exception:
            _log.exception("a session failed; the others go on")
        finally:
            self._connections.discard(task)
            self._rest()
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await peers.greet(reader, writer, self._door)
        client = _Client(hello["kind"], hello["cwd"])
        self._clients.add(client)
        _log.info("%s client in %s", client.kind, client.cwd)
        try:
            if client.kind == "lsp":
                client.session = (await asyncio.shield(self._new_session))(self._lanes, hello, _log)
                await client.session.serve(reader, writer)
            else:
                await serve(reader, writer, self._lanes, hello, self.status, self.stop)
        finally:
            self._clients.discard(client)
            _log.info("%s client in %s has ended", client.kind, client.cwd)


def _load_sessions() -> Callable[..., Session]:
    """The language server's part, imported in a thread: it takes most of a hub's start, and scripts need not wait."""
    gc.disable()  # imports leave little garbage, and looking for it takes an eighth of their time
    try:
        from .lsp import features, session
    finally:
        gc.freeze()  # what is loaded by now stays: the collector need not look at it again
        gc.enable()
    del features  # sessions import it when they are made
    return session.new_session


def main(arguments: Sequence[str]) -> int:
    """Be this user's daemon, unless there is one already. Exit codes: 0 also then, 1 it cannot be one.

    ``--detach`` returns once clients are taken: the daemon goes on as a process of its own, nobody's child.
    """
    parser = argparse.ArgumentParser(prog="python -m advisor.daemon hub")
    parser.add_argument("--detach", action="store_true", help="return when the daemon listens")
    parser.add_argument("--tcp", action="store_true", default=not addresses.UNIX, help="listen on the loopback")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, metavar="SECONDS", help="leave without clients")
    args = parser.parse_args(arguments)
    address = addresses.find(tcp=args.tcp)
    try:
        addresses.secure(address, make=True)
        lock = listening.hold(address)
    except (DaemonError, OSError) as e:
        print(f"advisor: error: {e}", file=sys.stderr)
        return 1
    if lock is None:
        return 0
    ready = _detached() if args.detach and hasattr(os, "fork") else None
    if isinstance(ready, int):
        return ready
    listening.sign(lock)
    logs.to_file()
    try:
        asyncio.run(_hub(address, args.idle, ready or (lambda: None)))
    except Exception:
        _log.exception("the daemon failed")
        return 1
    finally:
        os.close(lock)
    return 0


def _detached() -> int | Callable[[], None]:
    """Split the process: the one that was started gets the exit code for it, which says whether the other one, which
    has nobody's terminal, nobody's group and no parent, called what this returns to it."""
    said, saying = os.pipe()
    if os.fork():
        os.close(saying)
        return 0 if os.read(said, 1) else 1
    os.close(said)
    os.setsid()

    def ready() -> None:
        os.write(saying, b"1")
        os.close(saying)

    return ready


async def _hub(address: addresses.Address, idle: float, ready: Callable[[], None]) -> None:
    door = listening.Door(address)
    lanes = Lanes(_log, cache=folders.cache())
    hub = Hub(door, lanes, idle)
    _on_signals(hub.stop)
    _log.info("advisor %s listens at %s", VERSION, address.door)
    await hub.run(ready)


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal's end is not ours
    faulthandler.enable()


def _resident() -> int | None:
    """Bytes of memory this process has; None where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def stdio() -> int:
    """A language server for the one editor at standard input and output, with analysts of its own."""
    logs.to_stderr()
    asyncio.run(_one_editor())
    return 0


async def _one_editor() -> None:
    reader, writer = standard.streams()
    lanes = Lanes(_log, cache=folders.cache())
    try:
        from .lsp.session import new_session

        hello = {"kind": "lsp", "cwd": str(Path.cwd()), "environment": passed_on(os.environ)}
        await new_session(lanes, hello, _log).serve(reader, writer)
    finally:
        await lanes.close()
