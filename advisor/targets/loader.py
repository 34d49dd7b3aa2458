"""Targets from TOML: finding the file, inheritance, and errors that name the key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..operators import ACTIVATIONS, OPERATORS
from ..toml import TomlError, read_toml
from ..words import suggestion
from .schema import (
    ENGINES,
    MEMORY_ROLES,
    RUNTIMES,
    STREAMS,
    VELA_ACCELERATORS,
    VELA_MEMORY_MODES,
    Engine,
    Fusion,
    Memory,
    Precision,
    Source,
    Special,
    Target,
    Tiling,
    VelaSetup,
)
from .simulation import read_array, read_energy
from .table import Table, TargetError

TILING_KEYS = ("output", "input", "kernel", "height", "width", "positions", "units", "input_max")


def available(extra_dirs: Iterable[str | Path] = (), where: str = "target-dirs") -> dict[str, Path]:
    """Names of all targets with their files: the shipped ones and those in ``extra_dirs``, which win.

    Raises :class:`TargetError` for one that is no folder; ``where`` says where that was set.
    """
    folders = [Path(__file__).parent, *map(Path, extra_dirs)]
    for folder in folders:
        if not folder.is_dir():
            raise TargetError(f"{where}: no such folder: {folder}; create it or correct the setting")
    return {f.stem: f for folder in folders for f in sorted(folder.glob("*.toml"))}


def load(name_or_path: str | Path, extra_dirs: Iterable[str | Path] = ()) -> Target:
    """The target of a name (``npu-64``) or of a TOML file's path.

    The same file gives the same object until it changes. Raises :class:`TargetError`."""
    known = available(extra_dirs)
    text = str(name_or_path)
    path = known.get(text)
    if path is None:
        if text.endswith(".toml") and Path(text).is_file():
            path = Path(text)
        else:
            raise TargetError(f"no target named '{text}'{suggestion(text, known)} (`advisor targets` lists them)")
    files = _chain(path, known)
    return _load(tuple((str(f), *_times(f)) for f in files))


def load_all(names: Iterable[str | Path], extra_dirs: Sequence[str | Path] = ()) -> tuple[Target, ...]:
    """The targets of several names or paths, each once, in the order of first mention.

    Raises :class:`TargetError`, also where two files call their targets alike: nobody could tell them apart."""
    found: dict[str, Target] = {}
    for name in names:
        target = load(name, extra_dirs)
        if found.setdefault(target.name, target) is not target:
            raise TargetError(f"{name}: another chosen target is named '{target.name}' too; give it a name of its own")
    return tuple(found.values())


def _chain(path: Path, known: Mapping[str, Path]) -> list[Path]:
    """``path`` and the files it inherits from, nearest first."""
    files = [path]
    while (parent := _read(files[-1]).get("inherits")) is not None:
        where = f"{files[-1].name}: inherits"
        if not isinstance(parent, str) or parent not in known:
            raise TargetError(f"{where}: no target named {parent!r}{suggestion(str(parent), known)}")
        if known[parent] in files:
            raise TargetError(f"{where}: '{parent}' inherits from this target in turn")
        files.append(known[parent])
    return files


def _times(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


@lru_cache(maxsize=200)
def _load(files: tuple[tuple[str | int, ...], ...]) -> Target:
    paths = [Path(str(name)) for name, *_ in files]
    return target_of(_merged(paths), paths[0].name)


def merged(path: Path, extra_dirs: Iterable[str | Path] = ()) -> dict[str, Any]:
    """The values of a target's file, over those it inherits; raises :class:`TargetError` where it cannot be read."""
    return _merged(_chain(path, available(extra_dirs)))


def _merged(paths: Sequence[Path]) -> dict[str, Any]:
    """Of a file and what it inherits from, nearest first."""
    values: dict[str, Any] = {}
    for path in reversed(paths):
        values = _merge(values, _read(path))
    values.pop("inherits", None)
    values.setdefault("name", paths[0].stem)
    return values


def target_of(values: Mapping[str, Any], where: str) -> Target:
    """The target that ``values`` describe; raises :class:`TargetError`, whose message starts with ``where``."""
    return _target(Table(values, where))


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except TomlError as e:
        raise TargetError(f"{path.name}: {e}") from e


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` on ``base``: tables key by key, everything else replaced."""
    out = dict(base)
    for key, value in over.items():
        old = out.get(key)
        out[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out


def _target(t: Table) -> Target:
    engines = _engines(t.table("engine"))
    streams = t.table("throughput")
    target = Target(
        name=t.text("name"),
        description=t.text("description"),
        sources=tuple(_source(s) for s in t.tables("source", required=True)),
        dtype=t.text("dtype"),
        dtype_bytes=_sizes(t.table("dtype_bytes")),
        clock_hz=t.number("clock_hz"),
        engines=engines,
        throughput={kind: streams.number(kind) for kind in STREAMS},
        memories=tuple(_memory(m) for m in t.tables("memory", required=True)),
        overhead_us=t.number("overhead_us", zero=True),
        fusions=tuple(_fusion(f) for f in t.tables("fusion")),
        specials=tuple(_special(s) for s in t.tables("special")),
        activations=frozenset(t.words("activations", ACTIVATIONS, default=())),
        free=frozenset(t.words("free", OPERATORS, default=())),
        constant_folding=t.flag("constant_folding", True),
        fused_attention=t.flag("fused_attention", False),
        in_place=t.flag("in_place", False),
        cascades=t.flag("cascades", False),
        memory_budget=t.whole("memory_budget", None),
        array=read_array(t.table("array")) if "array" in t.data else None,
        energy=read_energy(t.table("energy")) if "energy" in t.data else None,
        vela=_vela(t.table("vela")) if "vela" in t.data else None,
        runtime=_runtime(t),
        threads=t.whole("threads", 1),
        precisions=_precisions(t),
    )
    streams.done()
    t.asked.update(("array", "energy", "vela", "precision"))
    t.done()
    if target.dtype not in target.dtype_bytes:
        raise t.error(
            "dtype", f"'{target.dtype}' has no size in dtype_bytes{suggestion(target.dtype, target.dtype_bytes)}"
        )
    for role in MEMORY_ROLES:
        if not target.memory(role):
            raise t.error("memory", f"none has the role '{role}'")
    return target


def _precisions(t: Table) -> dict[str, Precision]:
    if "precision" not in t.data:
        return {}
    types = t.table("precision")
    found = {}
    for name in types.data:
        row = types.table(name)
        found[name] = Precision(
            macs=row.number("macs"),
            elements=row.number("elements"),
            activation_bytes=row.whole("activation_bytes"),
            weight_bytes=row.whole("weight_bytes"),
        )
        row.done()
    return found


def _engines(t: Table) -> dict[str, Engine]:
    engines = {kind: _engine(t.table(kind)) for kind in ENGINES if kind != "pointwise" or kind in t.data}
    t.asked.add("pointwise")
    t.done()
    return {"pointwise": engines["conv"], **engines}


def _sizes(t: Table) -> dict[str, int]:
    return {dtype: t.whole(dtype) for dtype in t.data}


def _engine(t: Table) -> Engine:
    engine = Engine(
        macs_per_cycle=t.number("macs_per_cycle"),
        tilings=_tilings(t),
        outputs_per_cycle=t.number("outputs_per_cycle", None),
        weights_per_cycle=t.number("weights_per_cycle", None),
        slice_cycles=t.number("slice_cycles", 0),
    )
    t.done()
    return engine


def _tilings(t: Table) -> tuple[Tiling, ...]:
    tilings = tuple(map(_tiling, t.tables("tiling", required=True)))
    if all(tiling.input_max for tiling in tilings):
        raise t.error("tiling", "one must be for all layers, without input_max")
    return tilings


def _tiling(t: Table) -> Tiling:
    tiling = Tiling(**{k: t.whole(k) for k in TILING_KEYS if k in t.data})
    t.asked.update(TILING_KEYS)
    t.done()
    return tiling


def _source(t: Table) -> Source:
    source = Source(t.text("what"), t.text("source"), t.text("note", ""))
    t.done()
    return source


def _memory(t: Table) -> Memory:
    memory = Memory(
        name=t.text("name"),
        bytes=t.whole("bytes", None),
        bytes_per_s=t.number("bytes_per_s"),
        roles=t.words("roles", MEMORY_ROLES),
        burst_bytes=t.whole("burst_bytes", 0),
        latency_cycles=t.number("latency_cycles", 0, zero=True),
        granule_bytes=t.whole("granule_bytes", 1),
        pj_per_byte=t.number("pj_per_byte", None),
    )
    t.done()
    return memory


def _runtime(t: Table) -> str | None:
    value = t.text("runtime", None)
    if value is not None and value not in RUNTIMES:
        raise t.error("runtime", f"unknown {value!r}{suggestion(value, RUNTIMES)}; there are {', '.join(RUNTIMES)}")
    return value


def _vela(t: Table) -> VelaSetup:
    setup = VelaSetup(t.text("accelerator"), t.text("system_config"), t.text("memory_mode"))
    named = (
        ("accelerator", setup.accelerator, VELA_ACCELERATORS),
        ("memory_mode", setup.memory_mode, VELA_MEMORY_MODES),
    )
    for key, value, names in named:
        if value not in names:
            raise t.error(key, f"Vela has no {value!r}{suggestion(value, names)}; it has {', '.join(names)}")
    t.done()
    return setup


def _fusion(t: Table) -> Fusion:
    pattern = t.words("pattern")
    if not pattern or pattern[0].endswith("?"):
        raise t.error("pattern", "needs a first operator that is not optional")
    for step in pattern:
        for choice in step.removesuffix("?").split("|"):
            op = choice.partition(":")[0]
            if op not in OPERATORS:
                raise t.error("pattern", f"unknown operator {op!r}{suggestion(op, OPERATORS)}")
    t.done()
    return Fusion(pattern)


def _special(t: Table) -> Special:
    op = t.choice("op", OPERATORS)
    activation = op == "activation"
    unsupported = t.flag("unsupported", False)
    if unsupported == ("elements_per_cycle" in t.data):
        raise t.error("elements_per_cycle", "give either this or unsupported = true")
    special = Special(
        op=op,
        fn=t.choice("fn", ACTIVATIONS, None) if activation else t.text("fn", None),
        elements_per_cycle=t.number("elements_per_cycle", None),
        instead=t.choice("instead", ACTIVATIONS if activation else OPERATORS, ""),
        why=t.text("why"),
        source=t.text("source"),
    )
    t.done()
    return special
