"""Targets: the accelerators that advice is for, one TOML file each. Users add theirs by path or in a folder.

A file may say ``inherits = "other-target"`` and give only what differs.
"""

from .loader import TargetError, available, load, load_all
from .schema import ENGINES, STREAMS, Array, Energy, Engine, Fusion, Memory, Source, Special, Target, Tiling, VelaSetup

__all__ = [
    "ENGINES",
    "STREAMS",
    "Array",
    "Energy",
    "Engine",
    "Fusion",
    "Memory",
    "Source",
    "Special",
    "Target",
    "TargetError",
    "Tiling",
    "VelaSetup",
    "available",
    "load",
    "load_all",
]
