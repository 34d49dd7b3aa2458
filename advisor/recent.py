"""A mapping that forgets: what a process that lives for days may keep of the files it has seen."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps the entries that were used last, up to ``most`` in all, each counting what ``weight`` says of its value.

    The newest entry is kept whatever it weighs. Methods may be called from any thread.
    """

    def __init__(self, most: int, weight: Callable[[V], int] = lambda _: 1) -> None:
        self.most = most
        self._weight = weight
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._total = 0
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value of ``key``, used just now; None where it is not kept (any more)."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: K, value: V) -> V:
        """Keep ``value`` and return it; forgets what was used longest ago."""
        weight = self._weight(value)
        with self._lock:
            self._remove(key)
            self._entries[key] = value, weight
            self._total += weight
            while self._total > self.most and len(self._entries) > 1:
                self._remove(next(iter(self._entries)))
        return value

    def setdefault(self, key: K, value: V) -> V:
        """What is kept of ``key``, which is ``value`` where nothing was: two threads get the same."""
        with self._lock:
            found = self.get(key)
            return found if found is not None else self.put(key, value)

    def _remove(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._total -= entry[1]
