"""Moves: architectural edits as plain data, applied to graphs. One file a kind; detectors live beside their move."""

from __future__ import annotations

from ..edit import MoveError
from .activation import SwapActivation
from .base import Move, from_plain, kinds
from .bias import RemoveBias, find_redundant_bias
from .depthwise import DepthwiseToStandard, StandardToDepthwise
from .grouped import SetGroupedWidths
from .inverted_bottleneck import IBN, FuseIBN, UnfuseIBN, find_ibn
from .merge_linear import MergeLinear, find_mergeable
from .precision import SetPrecision
from .resolution import SetResolution, SetStride
from .squeeze_excite import RemoveSE, SqueezeExcite, find_se
from .together import Together, flat
from .width import SetWidth

__all__ = [
    "IBN",
    "DepthwiseToStandard",
    "FuseIBN",
    "MergeLinear",
    "Move",
    "MoveError",
    "RemoveBias",
    "RemoveSE",
    "SetGroupedWidths",
    "SetPrecision",
    "SetResolution",
    "SetStride",
    "SetWidth",
    "SqueezeExcite",
    "StandardToDepthwise",
    "SwapActivation",
    "Together",
    "UnfuseIBN",
    "find_ibn",
    "find_mergeable",
    "find_redundant_bias",
    "find_se",
    "flat",
    "from_plain",
    "kinds",
]
