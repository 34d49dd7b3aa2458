"""Weights survive: how a checkpoint of one graph becomes one of another.

:mod:`.alignment` finds which layers of two graphs are the same, :mod:`.dims` what their dimensions hold,
:mod:`.widths` how groups of channels grow or shrink, and :mod:`.plan` says of each entry of the new state dict how it
is made of old ones. All of it is plain data; ``advisor/worker/migrating`` carries it out on tensors.
"""
