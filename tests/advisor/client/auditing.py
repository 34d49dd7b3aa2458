"""Lanes for the tests of both clients: an audit that is answered, and one that never is."""

from __future__ import annotations

import asyncio

from advisor.record import pack
from tests.daemon.scripts.serving import Lanes


def auditing(sample, delay=lambda path: 0.0) -> Lanes:
    """Lanes that answer an audit with the sample's files."""
    records = {f.file: pack(f) for f in sample.files}

    async def record(params):
        await asyncio.sleep(delay(params["path"]))
        return {"report": records[params["path"]]}

    plan = {"files": list(records), "root": sample.root, "targets": list(sample.targets), "jobs": 0}
    return Lanes(planned=lambda params: plan, audit=record)


async def forever(params):
    await asyncio.Event().wait()


def hanging() -> Lanes:
    return Lanes(planned=lambda p: {"files": ["a.py"], "root": "/", "targets": [], "jobs": 0}, audit=forever)
