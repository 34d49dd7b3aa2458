"""Which module renders which kind of move as edits. They are imported when a fix is asked for: syntax trees that keep
the formatting take time to import, and most audits fix nothing."""

from __future__ import annotations

from importlib import import_module

from .proposal import Renderer

RENDERERS: dict[str, str] = {
    "set_width": "width:render",
    "fuse_ibn": "structure.ibn:fuse",
    "unfuse_ibn": "structure.ibn:unfuse",
    "swap_activation": "structure.activation:render",
    "depthwise_to_standard": "structure.depthwise:to_standard",
    "standard_to_depthwise": "structure.depthwise:to_depthwise",
    "remove_bias": "structure.bias:render",
    "remove_se": "structure.squeeze_excite:render",
    "merge_linear": "structure.merge_linear:render",
    "set_precision": "structure.precision:render",
    "set_stride": "structure.resolution:stride",
    "set_resolution": "structure.resolution:resolution",
}
"""Move kind → ``module:function`` within this package."""


def renderer(kind: str) -> Renderer | None:
    """What renders moves of ``kind``; None where nothing does."""
    where = RENDERERS.get(kind)
    if where is None:
        return None
    module, _, function = where.partition(":")
    return getattr(import_module(f".{module}", __package__), function)
