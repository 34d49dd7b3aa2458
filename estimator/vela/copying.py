"""What it takes an Ethos-U85 to copy a feature map into a part of another, as a concatenation does with what somebody
else reads too: a pool of one position.

Source: ``ethos-u-vela`` 5.2.0, its performance model (vendor estimates). The block is the one that it mostly takes for
a copy: any moves as much, and rounding decides.
"""

from __future__ import annotations

from functools import lru_cache

from .blocks import BRICK, CORES, up
from .passes import LATENCY, PACES
from .rates import CHANNEL, PORTS

_EACH = 16
"""Cycles of a micro-block of a pool."""
_COLUMNS = 12
"""Of a block, which has the lines of a micro-block and the channels of a brick."""


@lru_cache(maxsize=4096)
def copied(height: int, width: int, channels: int, apart: bool, parted: bool, accelerator: str) -> float:
    """Cycles for a map in the SRAM. ``apart``: its channels are not in bricks, ``parted``: nor are those of the
    result."""
    lines, columns, deep = CORES[accelerator].own
    ports, whole = PORTS[accelerator], up(channels, BRICK)
    wide = min(_COLUMNS, up(width, columns))
    units = -(-height // lines) * -(-width // columns) * -(-channels // deep)
    block = lines * wide * BRICK
    array = _EACH * units + PACES[accelerator].plain * block + 2 * (block / ports.fast + LATENCY)
    more = ports.burst / BRICK
    read = -(-height // lines) * -(-width // wide) * lines * wide * (channels * more if apart else whole)
    made = height * width * (channels * more if parted else whole)
    return max(array, read / (CHANNEL * ports.fast), made / (CHANNEL * ports.fast), (read + made) / ports.fast)
