"""What Arm's compiler Vela makes of a network's memory, without the compiler.

Its scheduler puts full feature maps into the SRAM (no cascades where the SRAM holds all activations), in bricks of 16
channels, keeps weights in flash and fetches them into buffers in the SRAM ahead of the operator that needs them. All
of that follows rules; they are read off ``ethos-u-vela`` 5.2.0 (its database of tensors and live ranges) and stated
where they are applied: :mod:`.steps` which feature maps there are, :mod:`.schedule` in which order and how long they
live, :mod:`.buffers` how large the weight buffers are, :mod:`.encoding` what weights weigh compressed, and
:mod:`.sram` adds up.
"""
