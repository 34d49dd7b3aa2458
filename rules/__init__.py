"""Expert rules, one file each, and the pages of what the engine itself reports."""

from __future__ import annotations

from advisor.rule import Page

from .chn101_misaligned_channels import MisalignedChannels
from .chn102_free_capacity import FreeCapacity
from .dwc301_depthwise_to_standard import DepthwiseConvolution
from .ibn201_fuse_inverted_bottleneck import FuseInvertedBottleneck
from .ibn202_unfuse_inverted_bottleneck import UnfuseInvertedBottleneck
from .lat601_latency_budget import LatencyBudget
from .mem401_peak_memory import PeakMemory
from .ops501_slow_operator import SlowOperator
from .ops503_wasted_parameters import WastedParameters
from .ops504_mergeable_linear import MergeableLinear
from .sup001_bare_ignore import BareIgnore
from .sup002_unused_ignore import UnusedIgnore
from .trc901_not_imported import NotImported
from .trc902_not_constructed import NotConstructed
from .trc903_forward_raised import ForwardRaised
from .trc904_stopped import Stopped
from .trc905_partial_graph import PartialGraph
from .trc906_bad_directive import BadDirective
from .zst701_untrainable_path import UntrainablePath

PACK: tuple[type[Page], ...] = (
    MisalignedChannels,
    FreeCapacity,
    FuseInvertedBottleneck,
    UnfuseInvertedBottleneck,
    DepthwiseConvolution,
    PeakMemory,
    LatencyBudget,
    SlowOperator,
    WastedParameters,
    MergeableLinear,
    UntrainablePath,
    NotImported,
    NotConstructed,
    ForwardRaised,
    Stopped,
    PartialGraph,
    BadDirective,
    BareIgnore,
    UnusedIgnore,
)
"""Found through the entry point ``advisor.rules``."""
