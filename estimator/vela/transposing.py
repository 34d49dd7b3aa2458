"""What it takes an Ethos-U to swap the columns and the channels of a feature map, as a shuffle of channels does.

Ethos-U85 runs it as a pool of one position, in the blocks of its operand, which fit the result badly: of its few
channels only a part of a micro-block is used, and each block of columns reads all channels again. Ethos-U55 and U65
copy the map. Either moves as many channels at once as lie side by side.

Source: ``ethos-u-vela`` 5.2.0, its performance model (vendor estimates).
"""

from __future__ import annotations

from functools import lru_cache

from .blocks import BRICK, CORES, Layer, block, up
from .passes import LATENCY, PACES
from .rates import CHANNEL, PORTS

_EACH = 16
"""Cycles of a micro-block of a pool."""


@lru_cache(maxsize=4096)
def transposed(height: int, width: int, channels: int, accelerator: str) -> float:
    """Cycles for a map of ``height`` x ``width`` x ``channels`` that is in the SRAM."""
    core, ports = CORES[accelerator], PORTS[accelerator]
    size = height * width * channels
    if core.banks is not None:
        beside = up(channels, 8)
        read = 1.0 if beside == channels else max(ports.burst / beside, 1.0)
        return size * (read + max(ports.burst / beside, 1.0)) / ports.fast
    found = block(Layer(height, width, channels, channels, equal=True), core)
    high, wide, deep = min(found.height, height), min(found.width, channels), min(found.depth, width)
    units = -(-height // found.unit[0]) * -(-channels // found.unit[1]) * -(-width // found.unit[2])
    edge = found.height * found.width * found.depth / ports.fast + LATENCY  # the first block read, the last written
    array = _EACH * units + PACES[accelerator].plain * high * wide * deep + 2 * edge
    again = -(-height // high) * -(-channels // found.width)
    read = high * min(found.width, width) * channels * again
    read *= max(ports.burst / found.step, 1.0)
    written = size * ports.burst / BRICK
    return max(array, read / (CHANNEL * ports.fast), written / (CHANNEL * ports.fast), (read + written) / ports.fast)
