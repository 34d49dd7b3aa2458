"""Many things are worked on, some of them at a time."""

from __future__ import annotations

import asyncio

import pytest

from advisor.daemon.abreast import abreast


async def test_all_are_done_in_their_order_and_no_more_than_some_at_a_time():
    begun: list[int] = []
    running = most = 0

    async def work(item: int) -> None:
        nonlocal running, most
        begun.append(item)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await abreast(range(10), 3, work)
    assert begun == [*range(10)] and most == 3
    await abreast([], 3, work)
    assert len(begun) == 10


async def test_the_first_that_fails_ends_the_others():
    ended: list[int] = []

    async def work(item: int) -> None:
        if item == 1:
            raise ValueError("odd")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(item)
            raise

    with pytest.raises(ValueError, match="odd"):
        await abreast(range(9), 2, work)
    assert ended == [0]


async def test_a_cancellation_ends_them_all_before_it_returns():
    ended: list[int] = []
    begun = asyncio.Event()

    async def work(item: int) -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(item)

    task = asyncio.ensure_future(abreast(range(9), 2, work))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 0 in ended and len(ended) <= 2
