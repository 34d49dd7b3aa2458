"""The methods that scripts may call; docs/protocol.md describes them for implementers of clients.

Each hands its work to analysts, in the lane behind the editors', and passes on what comes back: nothing is read,
rendered or decoded here, on the hub's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from advisor.frames import Message

from ..abreast import CORES, abreast
from ..remote import AnalystError
from .params import CODE, CWD, FORMAT, OVERRIDES, PATH, PATHS, Param, RequestError, read

WIDTH = 2 * CORES
"""Files of one audit that are asked for at the same time: enough to keep every core busy, few enough that what a slow
client has not read yet stays small and that a second script's request comes soon."""


class Lanes(Protocol):
    """What is asked of :class:`daemon.lanes.Lanes`."""

    async def call(
        self, method: str, params: Any, *, lane: Any, on_event: Callable[[Message], None] | None = None
    ) -> Any: ...


Emit = Callable[[str, Mapping[str, Any]], Awaitable[None]]
"""Sends an event of a request: its name and its fields. Returns when the client has taken enough of what was sent."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the methods of one connection work with. ``cwd`` and ``environment`` are the client's; ``status`` says how
    the hub is; ``stop`` has it end in order."""

    lanes: Lanes
    cwd: str
    environment: Mapping[str, str]
    status: Callable[[], Mapping[str, Any]]
    stop: Callable[[], None]

    async def back(self, method: str, params: Mapping[str, Any]) -> Any:
        """What an analyst of the back lane makes of it. Raises :class:`daemon.remote.AnalystError`."""
        return await self.lanes.call(method, dict(params), lane="back")


@dataclass(frozen=True, slots=True)
class Method:
    """A method and the parameters it takes."""

    run: Callable[[Services, dict[str, Any], Emit], Awaitable[Any]]
    takes: Mapping[str, Param]


async def perform(name: Any, params: Any, services: Services, emit: Emit) -> Any:
    """The result of a request. Raises :class:`RequestError` and :class:`daemon.remote.AnalystError`."""
    method = METHODS.get(name) if isinstance(name, str) else None
    if method is None:
        raise RequestError("method", f"no method {repr(name)[:80]}", f"the methods are {', '.join(METHODS)}")
    return await method.run(services, read(params, method.takes, name), emit)


async def _audit(services: Services, params: dict[str, Any], emit: Emit) -> Any:
    cwd = params["cwd"] or services.cwd
    paths = [str(Path(cwd) / path) for path in params["paths"]]
    overrides = params["overrides"]
    plan = await services.back("planned", {"paths": paths, "overrides": overrides, "cwd": cwd})
    files: Sequence[str] = plan["files"]
    records: dict[int, bytes] = {}
    done = 0
    await emit("progress", {"done": 0, "total": len(files), "file": ""})

    async def one(index: int) -> None:
        nonlocal done
        record = await _record(services, files[index], overrides)
        if params["format"] == "record":
            await emit("file", {"index": index, "file": files[index], "record": record})
        else:
            records[index] = record
        done += 1
        await emit("progress", {"done": done, "total": len(files), "file": files[index]})

    await abreast(range(len(files)), min(plan["jobs"] or WIDTH, WIDTH), one)
    if params["format"] == "record":
        return {"files": files, "root": plan["root"], "targets": plan["targets"]}
    in_order = [records[i] for i in range(len(files))]
    return await services.back("render", {"records": in_order, "root": plan["root"], "targets": plan["targets"]})


async def _record(services: Services, file: str, overrides: Mapping[str, Any]) -> bytes:
    job = {
        "path": file,
        "text": None,
        "buffers": {},
        "overrides": overrides,
        "environment": dict(services.environment),
        "run": True,
    }
    try:
        return (await services.back("audit", job))["report"]
    except AnalystError as e:
        if e.code in ("lost", "internal"):  # the others name the place themselves
            raise RequestError(e.code, f"{file}: {e.message}", e.remedy) from e
        raise


async def _models(services: Services, params: dict[str, Any], emit: Emit) -> Any:
    return await services.back("models", {"path": str(Path(services.cwd) / params["path"]), "text": None})


async def _targets(services: Services, params: dict[str, Any], emit: Emit) -> Any:
    return await services.back("targets", {"cwd": params["cwd"] or services.cwd, "overrides": params["overrides"]})


async def _rules(services: Services, params: dict[str, Any], emit: Emit) -> Any:
    return await services.back("rules", {})


async def _explain(services: Services, params: dict[str, Any], emit: Emit) -> Any:
    return await services.back("explain", {"code": params["code"]})


async def _status(services: Services, params: dict[str, Any], emit: Emit) -> Any:
    return dict(services.status())


async def _stop(services: Services, params: dict[str, Any], emit: Emit) -> Any:
    # After this turn of the loop, in which the answer is written.
    asyncio.get_running_loop().call_soon(services.stop)
    return {}


async def _ping(services: Services, params: dict[str, Any], emit: Emit) -> Any:
    return {}


METHODS: dict[str, Method] = {
    "audit": Method(_audit, {"paths": PATHS, "overrides": OVERRIDES, "cwd": CWD, "format": FORMAT}),
    "models": Method(_models, {"path": PATH}),
    "targets": Method(_targets, {"cwd": CWD, "overrides": OVERRIDES}),
    "rules": Method(_rules, {}),
    "explain": Method(_explain, {"code": CODE}),
    "status": Method(_status, {}),
    "stop": Method(_stop, {}),
    "ping": Method(_ping, {}),
}
