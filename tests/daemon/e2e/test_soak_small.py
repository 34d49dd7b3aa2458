"""The soak (``make verify-soak``), for some seconds: random edits by two editors and a script, held against fresh
audits."""

from __future__ import annotations

from tests.daemon.hubs import home
from tests.soak.edits import soak
from tests.soak.tree import FEW


async def test_random_edits_never_show_anything_wrong(monkeypatch) -> None:
    with home(monkeypatch):
        tally = await soak(FEW, edits=150, samples=4, seed=3)
    assert tally.faults == []
    assert tally.compared["documents"] == 5 * 2 * 2 and tally.compared["hints"] > 20 and tally.compared["totals"] > 10
    assert tally.pushes > 20 and tally.glances > 5
