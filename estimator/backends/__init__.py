"""Sources of ground truth, found through the entry-point group ``advisor.backends``: ours as a third party's."""

from __future__ import annotations

from functools import cache

from advisor import packs
from advisor.targets import Target

from ..measuring import Backend


@cache
def backends() -> tuple[Backend, ...]:
    """The installed backends, in order of entry-point name. Raises :class:`advisor.packs.PackError`."""
    return tuple(packs.load_group(packs.BACKENDS))


def backend_for(target: Target) -> Backend | None:
    """The first installed backend that can measure on ``target``, None where none can."""
    return next((backend for backend in backends() if backend.covers(target)), None)
