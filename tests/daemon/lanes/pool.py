"""What the tests of lanes ask of a pool of analysts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from advisor.daemon.lanes import Lanes

LOG = logging.getLogger("test.lanes")


def analysts(lanes: Lanes, lane: str = "front") -> list[dict]:
    return lanes.status()[lane]["analysts"]


async def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.01)


async def served(lanes: Lanes, lane: str = "front") -> dict:
    return await lanes.call("echo", {"path": "x"}, lane=lane)  # type: ignore[arg-type]
