"""Channel groups: which dimensions of a graph must change together, and which cannot.

:mod:`.forms` is the algebra (dimensions as linear forms over unknown widths), :mod:`.ties` walks a graph and ties
them, one small function an operator in :mod:`.layers` and :mod:`.movement`; :mod:`.groups` is what others use.
"""

from .groups import Channels, Group, Place, analyse

__all__ = ["Channels", "Group", "Place", "analyse"]
