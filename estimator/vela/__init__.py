"""What Arm's compiler Vela decides about a network for an Ethos-U, and what that takes, worked out without it.

:mod:`.blocks` cuts a layer for the array, :mod:`.passes` says what that takes, :mod:`.operations` what a kernel of a
graph is to the compiler, :mod:`.transposing` what another order of dimensions takes and :mod:`.copying` a copy into a
part. Then what stands around a kernel: :mod:`.turns` says where maps are brought into another order, by the backend's
lowering; where the SRAM holds all feature maps, :mod:`.fetching` says how long it waits for weights; where it does not,
:mod:`.staging` says which maps and weights lie where, with :mod:`.cascading` (stripes), :mod:`.placing` (room in the
SRAM), :mod:`.stages` (the wiring) and :mod:`.rates` (bytes a cycle, by channel). It needs numpy only.
"""
