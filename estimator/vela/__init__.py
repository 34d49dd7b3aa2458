"""What Arm's compiler Vela decides about a network for an Ethos-U, and what that takes, worked out without it.

:mod:`.blocks` cuts a layer for the array, :mod:`.staging` says which feature maps and weights lie where and what
kernels wait for, :mod:`.placing` who gets room in the SRAM. Numbers only: it needs numpy, and no graph but its wiring.
"""
