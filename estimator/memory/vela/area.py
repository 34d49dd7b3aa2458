"""Feature maps and operations as the compiler's scheduler sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, prod, sqrt

from .encoding import ALIGNMENT, Layer, up

BRICK = 16
"""Channels of a brick (format NHCWB16): a feature map in bricks has its channels padded to them."""

TABLES = frozenset({"LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "GELU", "ELU"})
ACTIVATIONS = TABLES | {"RELU", "RELU6", "RELU_N1_TO_1"}
BINARY = frozenset({"ADD", "SUB", "MUL", "MINIMUM", "MAXIMUM", "PRELU", "SQUARED_DIFFERENCE"})
ELEMENTWISE = BINARY | {"NEG", "ABS", "EXP", "RSQRT", "CLZ", "SHL", "ASR"}
LAYERS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"})
CONNECTED = "FULLY_CONNECTED"


def square(rows: int) -> int:
    """The width of the image that so many rows of a linear layer become."""
    least = max(rows // 16, ceil(sqrt(rows)), 1)
    return next(w for w in range(least, rows + 1) if rows % w == 0)


@dataclass(slots=True, eq=False)
class Area:
    """A feature map: its shape with channels last, and who touches it.

    ``linear``: not in bricks, since somebody reads or writes it otherwise than by whole bricks, or it comes from or
    goes to the outside (``given``, ``kept``). ``tensor`` is its number in the network, -1 for one in between.
    """

    shape: tuple[int, ...]
    item_bytes: int
    tensor: int
    linear: bool = False
    given: bool = False
    kept: bool = False
    readers: list[Step] = field(default_factory=list)
    writers: list[Step] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        *rest, channels = self.shape or (1,)
        return up(prod(rest) * (channels if self.linear else up(channels, BRICK)) * self.item_bytes, ALIGNMENT)


@dataclass(slots=True, eq=False)
class Step:
    """An operation: ``operator`` is its number in the network, ``shape`` what it writes (a part of ``writes`` where
    that is a concatenation). ``chained`` are the operators that were fused behind it; the first ``operands`` of
    ``reads`` are its own. ``window`` are the positions that a pool looks at; a ``repeated``
    layer is one operation for each position, all with the same weights; one of several ``parts`` has weights for
    each of them."""

    operator: int
    code: str
    reads: list[Area]
    writes: Area
    shape: tuple[int, ...]
    layer: Layer | None = None
    activated: bool = False
    chained: tuple[int, ...] = ()
    operands: int = 0
    window: int = 1
    repeated: bool = False
    parts: int = 1

    @property
    def image(self) -> tuple[int, ...]:
        """Height, width and channels of the result; a linear layer's rows are an image about square."""
        *rest, channels = (1, 1, *self.shape)
        if self.code == CONNECTED:
            width = square(rest[-1])
            return rest[-1] // width, width, channels
        return (*rest[-2:], channels)

    @property
    def elementwise(self) -> bool:
        return self.code in ELEMENTWISE or self.code in ACTIVATIONS
