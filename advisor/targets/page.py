"""``docs/targets.md``, generated from the targets' files: ``python -m advisor.targets.page`` prints it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from .loader import available, load
from .schema import ENGINES, RUNTIMES, STREAMS, Engine, Special, Target, Tiling

INTRO = """# Targets

Generated from `advisor/targets/*.toml` (`python -m advisor.targets.page > docs/targets.md`).

A target is an accelerator with its memory configuration. The estimates made from these numbers are *simulated*: they
come from a specification, not from a measurement.

A target of your own is a TOML file like the shipped ones, given by path or put into a folder of the `target-dirs`
setting. `inherits = "ethos-u55-128"` takes another target's values, of which tables are merged and lists replaced. An
unknown key, a wrong type or a missing number is an error that names the key.

## Keys

| Key | Meaning |
|---|---|
| `description`, `[[source]]` | For people; a source has `what`, `source` and maybe a `note`. |
| `dtype`, `dtype_bytes` | What the target computes in (every floating-point tensor becomes this), bytes per element. |
| `clock_hz` | Cycles per second; every rate below is per cycle, of all cores together. |
| `overhead_us` | Microseconds that each kernel costs besides its work. |
| `[engine.KIND]` | ENGINES: see below. |
| `[throughput]` | Elements per cycle of work without MACs: STREAMS. |
| `[[memory]]` | The memories, fastest first: see below. |
| `[[fusion]]` | `pattern`: operators that run as one kernel; `a\\|b` alternatives, `op:fn` a function, `?` optional. |
| `[[special]]` | An operator (`op`) or one function of it (`fn`) that runs otherwise: see below. |
| `activations` | Activation functions at the `activation` rate; any other needs a `[[special]]` or is uncounted. |
| `free` | Operators that move no data here, besides reshapes and expansions. |
| `constant_folding` | Operations on constants are done before deployment. |
| `fused_attention` | Attention scores never reach memory. |
| `in_place` | Element-wise results overwrite an operand that nobody reads again. |
| `cascades` | Results pass from kernel to kernel in stripes through the fastest memory, whatever their size. |
| `memory_budget` | Bytes that activations may take, where the product sets a limit. |
| `[array]` | How layers are cut into tiles, where the target is simulated tile by tile: see below. |
| `[energy]` | `pj_per_mac`: picojoules of a MAC, one number or a table by engine. |
| `[precision.TYPE]` | Another type that single layers can be set to: see below. |
| `[vela]` | `accelerator`, `system_config`, `memory_mode`: Vela's names, where Arm's compiler can estimate it. |
| `runtime`, `threads` | What runs the target's graphs where it is this machine (RUNTIMES), and in how many threads. |

An **engine** has `macs_per_cycle` and `tiling`, a list of multiples (TILING) that a layer is padded to, the best of
which counts; and where they limit, `outputs_per_cycle`, `weights_per_cycle`, and `slice_cycles`, the least that one
slice of output channels takes. A **memory** has `name`, `bytes` (left out: as large as needed), `bytes_per_s`, `roles`
(`activations`, `weights`), and `burst_bytes`, the least cost of reading one position of a model input; for the
tile-level simulation `latency_cycles`, until a transfer begins, and `granule_bytes`, the multiple that each contiguous
piece is padded to; and `pj_per_byte`, the picojoules of moving a byte. A **special** has `elements_per_cycle` or
`unsupported = true`, `why`, `source`, and `instead`, the cheaper equivalent.

A **precision** has `macs` and `elements`, its MACs and elements a cycle as a share of those in the target's own type,
and `activation_bytes` and `weight_bytes`. What a layer reads in another precision is converted for it.

An **array** has `buffer_bytes` of SRAM for the tiles that are read (and for partial sums, unless `accumulators` gives
the number of those), in banks of `bank_bytes`; `weight_bytes` for weights that stay; `double_buffered` (computing one
tile while the next is moved); `tile_height`, `tile_width` and `tile_output`, the largest tile; `tile_cycles`, the least
for a tile; `channel_block`, how many channels lie side by side in memory (activations are padded to it); `prefetch` (of
the next kernel's weights); and `stored_weights`, bytes stored per weight byte.
"""


def markdown() -> str:
    """The page: what the keys mean, then every shipped target."""
    fields = ", ".join(f"`{f}`" for f in Tiling.__dataclass_fields__)
    intro = (
        INTRO.replace("RUNTIMES", _codes(RUNTIMES))
        .replace("ENGINES", _codes(ENGINES))
        .replace("STREAMS", _codes(STREAMS))
        .replace("TILING", fields)
    )
    parts = [intro, *("\n".join(_section(load(name))) for name in sorted(available()))]
    return "\n".join(parts)


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def _section(target: Target) -> Iterator[str]:
    yield f"## {target.name}\n"
    yield f"{target.description}. Computes in {target.dtype} at {target.clock_hz / 1e6:g} MHz.\n"
    yield "| Engine | MACs a cycle | Padded to multiples of |"
    yield "|---|---|---|"
    for kind, engine in target.engines.items():
        yield f"| {kind} | {engine.macs_per_cycle:g} | {'; or '.join(_tilings(engine))} |"
    yield "\n| Memory | Size | Bandwidth | Holds |"
    yield "|---|---|---|---|"
    for m in target.memories:
        size = "" if m.bytes is None else f"{m.bytes / 1024:g} KiB"
        yield f"| {m.name} | {size} | {m.bytes_per_s / 1e9:g} GB/s | {', '.join(m.roles)} |"
    if target.precisions:
        yield "\n| Layers can be set to | MACs | Elements | Bytes of activations | Bytes of weights |"
        yield "|---|---|---|---|---|"
        for name, p in target.precisions.items():
            yield f"| {name} | × {p.macs:g} | × {p.elements:g} | {p.activation_bytes} | {p.weight_bytes} |"
    slow = target.specials
    if slow:
        yield "\n| Operator | Elements a cycle | Cheaper | Why |"
        yield "|---|---|---|---|"
        for s in slow:
            rate = "not supported" if s.elements_per_cycle is None else f"{s.elements_per_cycle:g}"
            yield f"| {_called(s)} | {rate} | {s.instead} | {s.why} |"
    yield f"\nActivation functions at full rate: {', '.join(sorted(target.activations))}."
    yield "\nSources:\n"
    for source in target.sources:
        note = f" {source.note}" if source.note else ""
        yield f"- {source.what}: {source.source}.{note}"
    yield ""


def _called(special: Special) -> str:
    if special.op == "activation" and special.fn is None:
        return "any other activation"
    return f"{special.op} {special.fn or ''}"


def _tilings(engine: Engine) -> Iterator[str]:
    for tiling in engine.tilings:
        extents = {name: getattr(tiling, name) for name in Tiling.__dataclass_fields__ if name != "input_max"}
        padded = ", ".join(f"{name} {n}" for name, n in extents.items() if n > 1) or "nothing"
        yield f"{padded} (up to {tiling.input_max} input channels)" if tiling.input_max else padded


if __name__ == "__main__":
    sys.stdout.write(markdown())
