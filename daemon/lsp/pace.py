"""How fast a person types, and so how long the analysis of an edit waits for more of them."""

from __future__ import annotations

import time
from collections.abc import Callable

SHORTEST, LONGEST = 0.05, 0.25
"""Bounds, in seconds, of the wait for more edits before anything is run."""
_PAUSE = 1.0
"""Seconds without an edit after which the next one begins anew."""


class Pace:
    """How long to wait for more edits: a person who types fast is waited for longer, one who makes a single edit
    hardly. ``reading`` are the seconds that the last reading of the text took."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = self._due = float("-inf")
        self._gap = SHORTEST
        self.reading = 0.0

    def edit(self) -> float:
        """Note an edit now; gives the seconds to wait."""
        now = self._clock()
        gap, self._last = now - self._last, now
        self._gap = SHORTEST if gap >= _PAUSE else (self._gap + gap) / 2
        wait = SHORTEST if gap >= _PAUSE else min(LONGEST, max(SHORTEST, 1.5 * self._gap))
        self._due = now + wait
        return wait

    @property
    def left(self) -> float:
        """The seconds that are left to wait; none or less once the typing has settled."""
        return self._due - self._clock()
