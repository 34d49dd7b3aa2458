"""Which module renders which kind of move as edits. They are imported when a fix is asked for: syntax trees that keep
the formatting take time to import, and most audits fix nothing."""

from __future__ import annotations

from importlib import import_module

from .proposal import Renderer

RENDERERS: dict[str, str] = {
    "set_width": "width:render",
}
"""Move kind → ``module:function`` within this package."""


def renderer(kind: str) -> Renderer | None:
    """What renders moves of ``kind``; None where nothing does."""
    where = RENDERERS.get(kind)
    if where is None:
        return None
    module, _, function = where.partition(":")
    return getattr(import_module(f".{module}", __package__), function)
