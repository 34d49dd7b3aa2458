"""Work on many things, some of them at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Processors that this process may use."""

Item = TypeVar("Item")


async def abreast(items: Sequence[Item], width: int, work: Callable[[Item], Awaitable[None]]) -> None:
    """Do ``work`` for every item, ``width`` at a time, begun in their order; the first that raises ends the others,
    and so does a cancellation."""
    left = iter(items)

    async def take() -> None:
        for item in left:
            await work(item)

    tasks = [asyncio.ensure_future(take()) for _ in range(min(width, len(items)))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
