"""Cost models behind the interface of :mod:`advisor.costs`."""

from .simulated import SIMULATED

__all__ = ["SIMULATED"]
