"""How long more edits are waited for."""

from __future__ import annotations

from advisor.daemon.lsp.pace import LONGEST, SHORTEST, Pace


def test_a_single_edit_is_waited_for_briefly_and_a_burst_longer():
    now = 0.0
    pace = Pace(lambda: now)
    first = pace.edit()
    waits = []
    for _ in range(10):
        now += 0.2
        waits.append(pace.edit())
    now += 60
    assert first == SHORTEST == pace.edit()
    assert waits == sorted(waits) and waits[-1] == LONGEST
