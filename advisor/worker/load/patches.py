"""Replacing attributes of other people's objects for a while."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_MISSING = object()


@contextmanager
def replaced(changes: Iterable[tuple[Any, str, Any]]) -> Iterator[None]:
    """``setattr(owner, name, value)`` for each of ``changes`` inside the block, undone in reverse order after it.

    What the owner merely inherits is deleted again rather than copied down. Names that the owner does not have are
    left alone: the torch of the user may lack them.
    """
    undo: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, value in changes:
            if not hasattr(owner, name):
                continue
            undo.append((owner, name, vars(owner).get(name, _MISSING)))
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, old in reversed(undo):
            if old is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, old)
