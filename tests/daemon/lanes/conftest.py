"""Pools of analysts that end with the test."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from advisor.daemon.lanes import Lanes

from .pool import LOG

PRETENDER = [sys.executable, str(Path(__file__).with_name("pretender.py"))]


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Lanes]]:
    """``make(…)`` gives lanes that end with the test; ``pretend`` uses analysts that do as they are told."""
    made: list[Lanes] = []

    def lanes(*, pretend: bool = False, **options) -> Lanes:
        if pretend:
            options.setdefault("command", PRETENDER)
        made.append(Lanes(LOG, cache=options.pop("cache", None), **options))
        return made[-1]

    yield lanes
    await asyncio.gather(*(one.close() for one in made))
