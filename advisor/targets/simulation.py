"""A target's ``[array]`` and ``[energy]`` tables: what only the tile-level simulation and the energies need."""

from __future__ import annotations

from .schema import ENGINES, Array, Energy
from .table import Table


def read_array(t: Table) -> Array:
    array = Array(
        buffer_bytes=t.whole("buffer_bytes"),
        accumulators=t.whole("accumulators", None),
        weight_bytes=t.whole("weight_bytes", 0, zero=True),
        bank_bytes=t.whole("bank_bytes", 1),
        double_buffered=t.flag("double_buffered", True),
        tile_height=t.whole("tile_height", 0),
        tile_width=t.whole("tile_width", 0),
        tile_output=t.whole("tile_output", 0),
        tile_cycles=t.number("tile_cycles", 0, zero=True),
        channel_block=t.whole("channel_block", 1),
        prefetch=t.flag("prefetch", True),
        stored_weights=t.number("stored_weights", 1.0),
    )
    t.done()
    return array


def read_energy(t: Table) -> Energy:
    """``pj_per_mac`` is one number for all engines or a table by engine."""
    if isinstance(t.data.get("pj_per_mac"), dict):
        by_engine = t.table("pj_per_mac")
        macs: dict[str, float] = {kind: by_engine.number(kind) for kind in ENGINES}
        by_engine.done()
    else:
        macs = dict.fromkeys((str(kind) for kind in ENGINES), t.number("pj_per_mac"))
    t.done()
    return Energy(macs)
