"""Shape propagation: the output shapes of a graph's operators after an edit, without torch.

:mod:`.propagation` walks what is downstream of a change, one small function an operator in :mod:`.layers` and
:mod:`.movement`; :mod:`.reshaping` relates the dimensions on both sides of a reshape.
"""

from .propagation import propagate

__all__ = ["propagate"]
