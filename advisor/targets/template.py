"""A target's file to start from: every table with what it means, and the numbers of a small array."""

from __future__ import annotations

TEMPLATE = """\
# An accelerator for the advisor. Every rate is per clock cycle, of all cores together; sizes are in bytes.
# All keys, and the accelerators that come with the advisor: docs/targets.md. `inherits = "npu-64"` as the first line
# takes another target's values, of which you give only what differs.

description = "A designed accelerator: 32 x 32 MACs, 512 KiB of SRAM"
dtype = "int8"                   # what it computes in; floating-point tensors of a model become this
dtype_bytes = { int8 = 1 }
clock_hz = 800_000_000
overhead_us = 0.5                # what every kernel costs besides its work: set-up, interrupts
in_place = true                  # element-wise results overwrite an operand that nobody reads again
activations = ["relu", "relu6", "leaky_relu", "sigmoid", "tanh"]  # at the rate `activation` below; others: [[special]]

# Where the numbers come from. They are printed with the target, so that a reader knows what to believe.
[[source]]
what = "all numbers"
source = "design specification, draft"

# ---- the array: MACs a cycle with a full tile, and the multiples that a layer's extents are padded to

[engine.conv]
macs_per_cycle = 1024
outputs_per_cycle = 32           # how fast finished elements leave the array; leave it out where that never limits
tiling = [{ output = 32, input = 32 }]  # of several the best counts; also kernel, height, width, positions, units

[engine.depthwise]
macs_per_cycle = 32
outputs_per_cycle = 32
tiling = [{ output = 32 }]

[engine.linear]
macs_per_cycle = 1024
outputs_per_cycle = 32
tiling = [{ output = 32, input = 32 }]

[engine.matmul]                  # products of two activations, as attention has
macs_per_cycle = 1024
outputs_per_cycle = 32
tiling = [{ output = 32, input = 32 }]

# ---- work without MACs: elements a cycle; `move` is whatever only copies

[throughput]
elementwise = 32
activation = 32
norm = 16
softmax = 8
reduce = 32
pool = 32
resize = 16
move = 32
embedding = 32

# ---- memories, fastest first; leave out `bytes` for one that is as large as needed

[[memory]]
name = "sram"
bytes = 524_288
bytes_per_s = 51.2e9
roles = ["activations"]
pj_per_byte = 6.0                # leave out where unknown: the energy is unknown then

[[memory]]
name = "dram"
bytes_per_s = 6.4e9
roles = ["activations", "weights"]
latency_cycles = 100             # until a transfer begins
granule_bytes = 64               # the multiple that each contiguous piece is padded to
pj_per_byte = 160.0

# ---- what runs as one kernel: `a|b` alternatives, `op:fn` one function of an operator, `?` optional

[[fusion]]
pattern = ["conv|linear", "batch_norm?", "elementwise:add?", "activation?"]

[[fusion]]
pattern = ["elementwise", "activation?"]

# ---- operators that run otherwise than their kind; `unsupported = true` instead of a rate: not at all

[[special]]
op = "activation"
elements_per_cycle = 8
instead = "relu6"
why = "not among the activation unit's functions: by a table of two steps"
source = "design specification, draft"

# ---- how layers are cut into tiles: with this table the target is simulated tile by tile, and can be calibrated

[array]
buffer_bytes = 32_768            # SRAM in the array for the tiles that are read
accumulators = 16_384            # partial sums it holds
weight_bytes = 32_768            # SRAM in the array for weights
double_buffered = true           # one tile is computed while the next is moved
tile_cycles = 64                 # the least that a tile takes

# ---- energy of one MAC in picojoules; leave the table out where unknown

[energy]
pj_per_mac = 0.3
"""
