"""What a layer's weights weigh in flash: compressed, with the scale and bias of each output channel beside them.

Weights are reordered for the MAC array, padded with zeros to its blocks, and coded losslessly: runs of zeros apart,
what is left with Golomb-Rice codes or plainly. How much that saves depends on the values. Those of a symmetric
quantiser, scaled so that the largest of each channel is 127, have about as many bits as a normal distribution cut off
at the largest of ``n`` samples, ``n`` being the weights of one output channel: the more there are, the further out
is the largest, and the fewer levels the others take. Sparse or clustered weights are smaller.

Sources: block sizes and traversals as in ``ethos-u-vela`` 5.2.0 (``weight_compressor.py``, Arm's Ethos-U55 and U85
technical reference manuals); bits fitted to the streams of 104 networks of the zoo's split `test` (vendor's compiler).
"""

from __future__ import annotations

from functools import lru_cache
from math import log2
from typing import NamedTuple

BIAS_AND_SCALE = 10
"""Bytes of an output channel's bias (40 bits), scale (32) and shift (6)."""

ALIGNMENT = 16


class Layer(NamedTuple):
    """A layer's weights: ``kind`` is ``conv``, ``depthwise`` or ``linear``; ``inputs`` are the channels that each
    output reads, ``kernel`` the positions of the window."""

    kind: str
    outputs: int
    inputs: int
    kernel: int = 1

    @property
    def fan_in(self) -> int:
        return self.inputs * self.kernel


def up(amount: int, step: int) -> int:
    """The next multiple of ``step``."""
    return -(-amount // step) * step


@lru_cache(maxsize=65536)
def stored(layer: Layer, accelerator: str) -> int:
    """Bytes of a layer's stream; ``accelerator`` is Vela's name (``ethos-u55-128``)."""
    real = layer.outputs * layer.fan_in
    if not real:
        return 0
    full = _padded_u85(layer) if "u85" in accelerator else _padded_u55(layer)
    zeros = full / real - 1
    bits = bits_each(layer.fan_in)
    # either zeros are coded like any value, or a bit tells a value from a run of zeros
    coded = real * min(bits * (1 + zeros), bits + 1 + ZERO * zeros) / 8
    return up(int(coded), ALIGNMENT) + up(BIAS_AND_SCALE * layer.outputs, ALIGNMENT)


ZERO = 0.9
"""Bits of a padding zero in a run."""


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
    if layer.kind == "depthwise":
        return up(layer.outputs, 8) * up(window, 4)
    kernel_first = channels / up(channels, 8) * window / up(window, 4)
    if layer.kind == "conv" and (channels <= 8 or kernel_first >= channels / up(channels, 32)):
        return up(layer.outputs, 8) * up(channels, 8) * up(window, 4)
    return up(layer.outputs, 8) * up(channels, 32) * window


def _padded_u85(layer: Layer) -> float:
    """The same on Ethos-U85: output channels to 16; input channels to 64, or to 16 and windows to multiples of 5.
    Depthwise windows go to multiples of 10, each with 6 more."""
    channels, window = layer.inputs, layer.kernel
    if layer.kind == "depthwise":
        return up(layer.outputs, 16) * up(window, 10) * 1.6
    rounded = window // 5 * 5 + max(window % 5, 2)
    kernel_first = channels / up(channels, 16) * window / rounded
    if layer.kind == "conv" and kernel_first >= channels / up(channels, 64):
        return up(layer.outputs, 16) * up(channels, 16) * up(window, 5)
    return up(layer.outputs, 16) * up(channels, 64) * window
