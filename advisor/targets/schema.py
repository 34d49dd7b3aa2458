"""What a target is: the facts about an accelerator that rules and cost models read.

Units are in the field names and docstrings: hertz, bytes, bytes per second, microseconds, MACs or elements per clock
cycle. A *cycle* is one of ``clock_hz``; for a device of several cores the rates are those of all cores together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

ENGINES = ("conv", "pointwise", "depthwise", "linear", "matmul")
"""Kinds of multiply-accumulate work: ``pointwise`` is a convolution of kernel 1 (a target that does not tell it apart
leaves it out), a grouped convolution that is not depthwise counts as ``conv``."""

STREAMS = ("elementwise", "activation", "norm", "softmax", "reduce", "pool", "resize", "move", "embedding")
"""Kinds of work without MACs. ``move`` is whatever only copies: concat, permute, pad, gather …"""

MEMORY_ROLES = ("activations", "weights")

RUNTIMES = ("torch-cpu", "onnxruntime-cpu", "cuda")
"""What can run a target's graphs on the machine itself."""

VELA_ACCELERATORS = (
    *("ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256", "ethos-u65-256", "ethos-u65-512"),
    *("ethos-u85-128", "ethos-u85-256", "ethos-u85-512", "ethos-u85-1024", "ethos-u85-2048"),
)
VELA_MEMORY_MODES = (
    *("Sram_Only", "Shared_Sram"),
    *("Dedicated_Sram", "Dedicated_Sram_256KB", "Dedicated_Sram_384KB", "Dedicated_Sram_512KB"),
)
"""What Arm's compiler can be told (``ethos-u-vela`` 5.2.0: its accelerators, the modes of its ``vela.ini``)."""

USUAL_BYTES = {
    **{"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8},
    **{"complex32": 4, "complex64": 8, "complex128": 16, "qint8": 1, "quint8": 1, "qint32": 4},
}
"""Bytes per element of torch's types that are not real floating point."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where numbers of a target come from: ``what`` they are, and the document, file or measurement that says so."""

    what: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Tiling:
    """One way to lay a layer onto the MAC array, in multiples that each extent is padded to.

    ``output`` and ``input`` channels, ``kernel`` elements (window positions), ``height`` and ``width`` of the output
    (rows of a linear layer or matrix product lie along ``width``); ``positions`` pads the number of height-by-width
    pieces, for devices that see positions as one long row. ``units`` tiles run at a time: their number is padded too
    (the "waves" of a GPU, the threads of a CPU). ``input_max``: only for layers of no more input channels (0: for all).
    """

    output: int = 1
    input: int = 1
    kernel: int = 1
    height: int = 1
    width: int = 1
    positions: int = 1
    units: int = 1
    input_max: int = 0


@dataclass(frozen=True, slots=True)
class Engine:
    """How one kind of MAC work runs: ``macs_per_cycle`` with a full tile, in the best of ``tilings``.

    ``outputs_per_cycle`` limits how fast finished elements leave the array, ``weights_per_cycle`` how fast weights
    enter it; None where neither limits. ``slice_cycles`` is the least that one slice of output channels (a tile's
    ``output``) takes however small the image: fetching its operands and writing it back.
    """

    macs_per_cycle: float
    tilings: tuple[Tiling, ...]
    outputs_per_cycle: float | None = None
    weights_per_cycle: float | None = None
    slice_cycles: float = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory, listed fastest first. ``bytes`` None: as large as needed; ``roles`` say what may live there. What fits
    none is costed as if it lay in the last.

    ``burst_bytes`` is the least that reading one position of a model input costs, whose channels lie side by side.
    Only the tile-level simulation reads ``latency_cycles``, until a transfer begins, and ``granule_bytes``, the
    multiple that each contiguous piece is padded to. ``pj_per_byte`` are the picojoules of moving a byte, None where
    unknown.
    """

    name: str
    bytes: int | None
    bytes_per_s: float
    roles: tuple[str, ...]
    burst_bytes: int = 0
    latency_cycles: float = 0
    granule_bytes: int = 1
    pj_per_byte: float | None = None


@dataclass(frozen=True, slots=True)
class Fusion:
    """A chain of ops that runs as one kernel, e.g. ``("conv|linear", "batch_norm?", "activation?")``.

    Each step names operators, ``|`` between alternatives, ``op:fn`` for one function of an op; a trailing ``?`` makes
    it optional. The first step is never optional.
    """

    pattern: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """How layers are cut into tiles: what a tile-level simulation needs beyond engines, throughput and memories.

    ``buffer_bytes`` of SRAM in the array hold the tiles that are read, in banks of ``bank_bytes``, and also the partial
    sums (4 bytes each) unless ``accumulators`` gives their number. ``weight_bytes`` hold weights; a tile whose weights
    do not fit has them fetched again (0: for every tile). With ``double_buffered`` each buffer holds two tiles, and one
    is computed while the next is moved. ``tile_height``, ``tile_width`` and ``tile_output`` limit a tile's extents (0:
    no limit). ``tile_cycles`` is the least that a tile takes; what a kernel costs besides is the target's
    ``overhead_us``.

    ``channel_block`` is how many channels lie side by side in memory (1: all of them), to which activations are padded,
    also for element-wise work. ``prefetch``: the weights of the next kernel are fetched while one runs, into what is
    left of the memory of the activations. ``stored_weights`` are the bytes stored per weight byte, after compression.
    """

    buffer_bytes: int
    accumulators: int | None = None
    weight_bytes: int = 0
    bank_bytes: int = 1
    double_buffered: bool = True
    tile_height: int = 0
    tile_width: int = 0
    tile_output: int = 0
    tile_cycles: float = 0
    channel_block: int = 1
    prefetch: bool = True
    stored_weights: float = 1.0


@dataclass(frozen=True, slots=True)
class Energy:
    """Picojoules of one MAC, by kind of engine; those of moving a byte stand with the memories."""

    pj_per_mac: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class VelaSetup:
    """What Arm's compiler Vela is told: its names of the accelerator (``ethos-u55-128``), of the system configuration
    and of the memory mode, as in its ``vela.ini``.
    """

    accelerator: str
    system_config: str
    memory_mode: str


@dataclass(frozen=True, slots=True)
class Precision:
    """Another type that the target can run a layer in: ``macs`` and ``elements`` are its MACs and elements a cycle as a
    share of those in the target's own type; activations and weights have the given bytes an element."""

    macs: float
    elements: float
    activation_bytes: int
    weight_bytes: int


@dataclass(frozen=True, slots=True)
class Special:
    """An op (or one function of it) that this target runs otherwise than its kind.

    ``elements_per_cycle`` replaces the kind's rate; None says that the target cannot run it (the host must, at an
    unknown cost). ``instead`` is the cheaper equivalent function or operator, empty where there is none; ``why`` is
    for people.
    """

    op: str
    fn: str | None
    elements_per_cycle: float | None
    instead: str
    why: str
    source: str


UNKNOWN_ACTIVATION = Special("activation", None, None, "", "its file gives no rate for this function", "")


@dataclass(frozen=True, eq=False)
class Target:
    """An accelerator with its memory configuration. Compared and hashed by identity: load it once, pass it on.

    ``dtype`` is what the target computes in, whatever the graph's floats are; ``dtype_bytes`` has its size, and that of
    any other type whose size here is not the usual one. ``throughput`` gives elements per cycle for each of
    :data:`STREAMS`; ``activations`` are the activation functions that run at its ``activation`` rate (the others at
    that of their entry in ``specials``, of the entry for all ``activation``, or at an unknown one). ``free`` names
    operators beyond :data:`advisor.operators.FREE` that move no data here. ``overhead_us`` is paid once a kernel;
    ``in_place``: element-wise results overwrite an operand nobody reads again; ``cascades``: results pass from kernel
    to kernel in stripes through the fastest memory, whatever their size; ``fused_attention``: scores never reach
    memory. ``memory_budget`` is the bytes of activations that the product allows, None where it sets no limit.
    ``array`` is there where the target can be simulated tile by tile, ``energy`` where its energies are known, ``vela``
    where Arm's compiler estimates it. ``runtime`` (of :data:`RUNTIMES`) is there where the target is the machine that
    calibration runs on; it computes in ``threads`` threads. ``precisions`` are the other types that single layers can
    be set to, by name.
    """

    name: str
    description: str
    sources: tuple[Source, ...]
    dtype: str
    dtype_bytes: Mapping[str, int]
    clock_hz: float
    engines: Mapping[str, Engine]
    throughput: Mapping[str, float]
    memories: tuple[Memory, ...]
    overhead_us: float
    fusions: tuple[Fusion, ...] = ()
    specials: tuple[Special, ...] = ()
    activations: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()
    constant_folding: bool = True
    fused_attention: bool = False
    in_place: bool = False
    cascades: bool = False
    memory_budget: int | None = None
    array: Array | None = None
    energy: Energy | None = None
    vela: VelaSetup | None = None
    runtime: str | None = None
    threads: int = 1
    precisions: Mapping[str, Precision] = field(default_factory=dict)

    def size_of(self, dtype: str, precision: str = "", stored: bool = False) -> int:
        """Bytes of one element of a graph tensor of ``dtype`` here: every floating type becomes :attr:`dtype`, or the
        given one of :attr:`precisions`. ``stored`` for weights."""
        if dtype.startswith(("float", "bfloat")):
            other = self.precisions.get(precision)
            if other is not None:
                return other.weight_bytes if stored else other.activation_bytes
            return self.dtype_bytes[self.dtype]
        return self.dtype_bytes.get(dtype) or USUAL_BYTES[dtype]

    def computes(self, precision: str) -> bool:
        """Whether a layer can be set to this type; an empty one is the target's own."""
        return precision in ("", self.dtype) or precision in self.precisions

    @cached_property
    def _specials(self) -> dict[tuple[str, str | None], Special]:
        return {(s.op, s.fn): s for s in self.specials}

    def special(self, op: str, fn: str | None = None) -> Special | None:
        """What the target says of this op in particular, the entry for ``fn`` before the one for the whole op.

        An activation function that is neither listed nor has an entry is one that nothing is known of.
        """
        found = self._specials.get((op, fn))
        if found is not None or (op == "activation" and fn in self.activations):
            return found
        return self._specials.get((op, None)) or (UNKNOWN_ACTIVATION if op == "activation" else None)

    def runs(self, op: str, fn: str | None = None) -> bool:
        """Whether the target can run this op, at a rate that is known."""
        special = self.special(op, fn)
        return special is None or special.elements_per_cycle is not None

    def memory(self, role: str) -> tuple[Memory, ...]:
        """The memories that may hold ``role``, fastest first."""
        return tuple(m for m in self.memories if role in m.roles)
