"""What a layer's weights weigh in flash: compressed, with the scale and bias of each output channel beside them.

Weights are reordered for the MAC array, padded with zeros to its blocks, and coded losslessly: runs of zeros apart,
what is left with Golomb-Rice codes or plainly. How much that saves depends on the values. Those of a symmetric
quantiser, scaled so that the largest of each channel is 127, have about as many bits as a normal distribution cut off
at the largest of ``n`` samples, ``n`` being the weights of one output channel: the more there are, the further out
is the largest, and the fewer levels the others take. Sparse or clustered weights are smaller.

A window that is spread by more than 2 is filled with zeros, since the accelerator itself skips only every second
position; those are coded as runs.

Sources: block sizes and traversals as in ``ethos-u-vela`` 5.2.0 (``weight_compressor.py``, Arm's Ethos-U55 and U85
technical reference manuals); bits fitted to the streams of 104 networks of the zoo's split `test` (vendor's compiler).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import log2, prod
from typing import NamedTuple

BIAS_AND_SCALE = 10
"""Bytes of an output channel's bias (40 bits), scale (32) and shift (6)."""

ALIGNMENT = 16


class Layer(NamedTuple):
    """A layer's weights: ``kind`` is ``conv``, ``depthwise`` or ``linear``, or what the compiler makes itself: ``mean``
    (a depthwise layer of ones) and ``doubling`` (of few values). ``inputs`` are the channels that each output reads,
    ``kernel`` the positions of the window, ``zeros`` how many of them are always zero."""

    kind: str
    outputs: int
    inputs: int
    kernel: int = 1
    zeros: int = 0

    @property
    def fan_in(self) -> int:
        return self.inputs * (self.kernel - self.zeros)


def spread(sizes: Sequence[int], dilations: Sequence[int]) -> tuple[int, int]:
    """Positions of a window of ``sizes`` that is spread, and how many of them are zeros: the accelerator leaves out
    every second position itself, where the spread is even."""
    real = full = 1
    for size, dilation in zip(sizes, dilations, strict=True):
        filled = dilation // 2 if dilation % 2 == 0 else dilation
        full *= (size - 1) * (filled if max(dilations) > SKIPPED else 1) + 1
        real *= size
    return full, full - real


SKIPPED = 2
"""The largest spread of a window that needs no zeros."""


def up(amount: int, step: int) -> int:
    """The next multiple of ``step``."""
    return -(-amount // step) * step


@lru_cache(maxsize=65536)
def stored(layer: Layer, accelerator: str, slices: tuple[int, ...] = (), block: int = 0) -> int:
    """Bytes of a layer's stream; ``accelerator`` is Vela's name (``ethos-u55-128``).

    ``slices`` are the output channels of each part that it is fetched in (empty: of the whole). Ethos-U85 pads each to
    ``block`` channels (:func:`block_depth`; 0: what suits the channels alone).
    """
    real = layer.outputs * layer.fan_in
    if not real:
        return 0
    heads, idle = 0, 0.0
    if "u85" in accelerator:
        block = block or block_depth(layer, accelerator, (1, 1, layer.outputs))
        outputs = sum([up(n, block) for n in slices or (layer.outputs,)])
        full, whole = (_padded_u85(layer, n, accelerator) for n in (outputs, up(layer.outputs, block)))
        streams = STREAMS.get(_macs(accelerator), 1)
        heads = HEAD * streams * max(1, len(slices))
        idle = full * max(0.0, 1 - up(layer.outputs, TURN) / (TURN * streams))  # zeros in streams without a channel
    else:
        full = whole = _padded_u55(layer)
    if layer.kind in FEW:
        coded = full * FEW[layer.kind]
    else:
        bits, zeros = bits_each(layer.fan_in), (full - idle) / real - 1
        # either zeros are coded like any value, or how many of them come before it is told with each value; what is
        # not worth coding as a whole is not coded in slices either
        plain = bits >= PLAIN and bits * whole / real <= bits + _runs(whole / real - 1)
        coded = idle + real * (bits * (1 + zeros) if plain else min(bits * (1 + zeros), bits + _runs(zeros)))
    return up(int(coded / 8) + heads, ALIGNMENT) + up(BIAS_AND_SCALE * layer.outputs, ALIGNMENT)


def block_depth(layer: Layer, accelerator: str, shape: Sequence[int]) -> int:
    """Channels of an output block of Ethos-U85, where a layer's result has ``shape`` (height, width, channels): that of
    the block that wastes least."""
    macs = _macs(accelerator)
    if layer.kind in DEPTHWISE:
        return 16
    sides = (*(1,) * 3, *shape)[-3:]
    waste = [prod([up(n, b) for n, b in zip(sides, block, strict=True)]) for block in BLOCKS[macs]]
    return BLOCKS[macs][waste.index(min(waste))][2]


def _macs(accelerator: str) -> int:
    return int(accelerator.rpartition("-")[2])


STREAMS, TURN, HEAD = {512: 2, 1024: 4, 2048: 4}, 4, 18
"""Streams of an Ethos-U85 by MACs, which take turns of so many channels, and bytes of each one's head in a slice."""

BLOCKS = {
    128: ((1, 2, 8),),
    256: ((1, 4, 8), (2, 2, 8)),
    512: ((2, 2, 16), (1, 4, 16)),
    1024: ((2, 2, 32), (1, 4, 32), (2, 4, 16)),
    2048: ((2, 2, 64), (1, 4, 64), (4, 4, 16)),
}
"""Output blocks of convolutions on Ethos-U85 by MACs: height, width, channels."""

PLAIN = 8.0
"""Bits from which on a weight is not coded."""


def _runs(zeros: float) -> float:
    """Bits a value for the zeros before it, ``zeros`` of them on average, which come in runs: Golomb-Rice codes with
    the best divisor."""
    return min(1 + ZERO * zeros, *[1 + shift + zeros / 2**shift for shift in range(1, 4)])


ZERO = 0.9
"""Bits of a padding zero in a short run."""

FEW = {"mean": 1.05, "doubling": 2.0}
"""Bits of a weight, paddings included, in layers that the compiler makes."""

DEPTHWISE = frozenset({"depthwise", *FEW})


def bits_each(fan_in: int) -> float:
    """Bits of one weight, of ``fan_in`` in its output channel."""
    if fan_in <= 64:
        return 8.06  # not worth coding
    octaves = log2(fan_in) - 7
    return max(7.0, 7.81 - 0.14 * octaves + 0.006 * octaves**2)


def _padded_u55(layer: Layer) -> float:
    """Weights with the zeros that pad them, on Ethos-U55 and U65: output channels to 8; either input channels to 32,
    or (part-kernel-first) to 8 and windows to multiples of 4, whichever uses the array better."""
    channels, window = layer.inputs, layer.kernel
    if layer.kind in DEPTHWISE:
        return up(layer.outputs, 8) * up(window, 4)
    kernel_first = channels / up(channels, 8) * window / up(window, 4)
    if layer.kind == "conv" and (channels <= 8 or kernel_first >= channels / up(channels, 32)):
        return up(layer.outputs, 8) * up(channels, 8) * up(window, 4)
    return up(layer.outputs, 8) * up(channels, 32) * window


def _padded_u85(layer: Layer, outputs: int, accelerator: str) -> float:
    """The same on Ethos-U85, for ``outputs`` that are padded already: input channels to 64, or to 16 and windows to
    multiples of 5. Depthwise windows go to multiples of 10, each with some more."""
    channels, window = layer.inputs, layer.kernel
    if layer.kind in DEPTHWISE:
        return outputs * up(window, 10) * MORE.get(_macs(accelerator), 1.6)
    rounded = window // 5 * 5 + max(window % 5, 2)
    kernel_first = channels / up(channels, 16) * window / rounded
    if layer.kind == "conv" and kernel_first >= channels / up(channels, 64):
        return outputs * up(channels, 16) * up(window, 5)
    return outputs * up(channels, 64) * window


MORE = {128: 1.0, 256: 1.0, 512: 1.2}
"""Weights for each that a depthwise window is padded to, by MACs."""
