"""What Vela stores of a network in flash besides the layers' weights, and all of it together.

- Constant operands of operations as they are: scales and offsets by channel, positions, masks.
- A table of 256 bytes for each function that the accelerator lacks; the exponentials of softmax have a wider one.
- On Ethos-U55 and U65 one operand at least has to be of the result's shape. Where none is, one is added to a constant
  of zeros first, of that shape; a softmax over four dimensions ends with such a step, in 32 bits. Equal constants are
  stored once.
- So are weights of ones of equal shape, by which means are taken, and those by which images are doubled.
- There, an image of one pixel is enlarged by adding it to zeros, too.

Commands are not stored with them. Source: the allocation that ``ethos-u-vela`` 5.2.0 prints for its read-only tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from ...backends.vela.writer import Network, OpSpec
from .area import BINARY, LAYERS, TABLES, Step
from .buffers import Buffers
from .encoding import ALIGNMENT, FEW, Layer, up

ITEM_BYTES = {"int16": 2, "int32": 4}
OF_SHAPES = frozenset({"int32", "int64"})
"""Types of parameters (axes, sizes), which become part of the commands; element-wise operations have such operands."""

TABLE, EXPONENTIALS = 256, 1024
SCALAR = 16
"""Bytes of a number."""

SOFTMAX_SCALARS = 8
FUNCTIONS = TABLES | {"EXP", "RSQRT"}


def flash(network: Network, steps: Sequence[Step], weights: Sequence[Buffers], is_u85: bool) -> int:
    """Bytes of all that is stored; ``weights`` are those of the ``steps``."""
    tables: dict[str, int] = {}
    zeros: set[int] = set()
    operands: dict[int, int] = {}
    for op in network.ops:
        if op.code in FUNCTIONS:
            tables[op.code] = TABLE
        elif op.code == "SOFTMAX":
            tables[op.code] = EXPONENTIALS + SOFTMAX_SCALARS * SCALAR
        elif op.code in ("PRELU", "MEAN"):
            tables[op.code] = SCALAR
        if not is_u85:
            zeros.update(_zeros(network, op))
        operands.update(_operands(network, op))
    own: list[int] = []
    made: dict[Layer, int] = {}  # the compiler's own weights are equal in equal layers
    for step, found in zip(steps, weights, strict=True):
        if step.layer is not None and step.layer.kind in FEW:
            made[step.layer] = found.stored * step.parts
        else:
            own.append(found.stored * step.parts)
    parts = (tables.values(), zeros, operands.values(), own, made.values())
    return sum([up(bytes_, ALIGNMENT) for part in parts for bytes_ in part])


def _operands(network: Network, op: OpSpec) -> Iterator[tuple[int, int]]:
    """Constant operands, by their number, and their bytes."""
    for t in op.inputs if op.code not in LAYERS else ():
        spec = network.tensors[t] if t >= 0 else None
        if spec is not None and spec.data is not None and (spec.dtype not in OF_SHAPES or op.code in BINARY):
            yield t, prod(spec.shape) * ITEM_BYTES.get(spec.dtype, 1)


def _zeros(network: Network, op: OpSpec) -> Iterator[int]:
    """Bytes of the constants of zeros that an operator needs where nothing has the shape of its result."""
    out = network.tensors[op.outputs[0]]
    inputs = [network.tensors[t].shape for t in op.inputs if t >= 0]
    if op.code == "SOFTMAX" and len(out.shape) == RANK:
        yield prod(out.shape) * ITEM_BYTES["int32"]
    elif (op.code in BINARY and len(inputs) > 1 and all(prod(shape) != prod(out.shape) for shape in inputs)) or (
        op.code.startswith("RESIZE") and inputs[0][1:3] == (1, 1)
    ):
        yield prod(out.shape) * ITEM_BYTES.get(out.dtype, 1)


RANK = 4
"""Dimensions that are united for a softmax, whose result is not."""
