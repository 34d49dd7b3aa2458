"""Arm's compiler in this process: TFLite bytes in, its estimates out.

The package ``ethos-u-vela`` (extra ``[vela]``) is a native module behind a command line; this calls the module, which
takes a tenth of the time. It prints to the process's standard output, which callers use for their own: what it says
while it compiles is caught and kept, since it names the operators that it leaves to the CPU, and why.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from advisor.targets import VelaSetup

PACKAGE = "ethos-u-vela"
_STDOUT = 1

_compiling = threading.Lock()
"""The compiler's output is caught by exchanging a file descriptor of the whole process: one at a time."""


class CompilerError(Exception):
    """The compiler could not be set up or failed on a network it should know."""


@dataclass(frozen=True, slots=True)
class Part:
    """A scheduled operation: the operators of the source (by position) that it stands for, and its cycles.

    ``on_npu`` is False for one that the CPU has to compute, at a cost that nobody knows.
    """

    operators: tuple[int, ...]
    cycles: int
    on_npu: bool = True


@dataclass(frozen=True, slots=True)
class Compiled:
    """The compiler's estimates for one network. ``parts`` sum to ``cycles``; sizes in bytes by memory.

    ``staging`` is the memory that holds activations at work; ``read_only`` everything stored: commands, compressed
    weights, scales, tables. ``said`` is what the compiler printed.
    """

    parts: tuple[Part, ...]
    cycles: int
    core_clock: float
    peaks: dict[str, int]
    staging: str
    read_only: int
    encoded_weights: int
    said: str


@dataclass(frozen=True, slots=True)
class _Configuration:
    architecture: str
    system: str
    options: str
    core_clock: float


def installed() -> str | None:
    """The compiler's version, None without the extra ``[vela]``."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return None


@cache
def _configuration(setup: VelaSetup) -> _Configuration:
    """The texts that the native module is configured by. Raises :class:`CompilerError` for names that Vela lacks."""
    from ethosu.vela.architecture_features import CONFIG_FILES_PATH, ArchitectureFeatures
    from ethosu.vela.errors import VelaError

    file = Path(CONFIG_FILES_PATH, "Arm", "vela.ini")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            features = ArchitectureFeatures(
                vela_config_files=[str(file)],
                accelerator_config=setup.accelerator,
                system_config=setup.system_config,
                memory_mode=setup.memory_mode,
                max_blockdep=ArchitectureFeatures.MAX_BLOCKDEP,
                verbose_config=False,
                arena_cache_size=None,
            )
    except (VelaError, ValueError) as e:
        raise CompilerError(f"Vela has no such set-up ({setup}): {e}") from e
    system = (
        f"[architecture]\nmacs={features.num_macs_per_cycle}\ncores={features.ncores}\n"
        f"[vela]\nsystem_config_name={setup.system_config}\nmemory_mode_name={setup.memory_mode}\n"
    )
    options = (
        "\n[compiler]\nenable_db=true\noutput_format=TFLite\ncop_format=COP1\n"
        f"\n[scheduler]\noptimize=Performance\narena_size_limit={features.arena_cache_size}\ndisable_feature=\n"
        "cpu_tensor_alignment=16\ntensor_allocator=HillClimb\n"
        "\n[graph]\nsoftmax_int16_neg_exp_range=10.0\n"
    )
    family = "".join(word.capitalize() for word in setup.accelerator.split("-")[:-1])
    return _Configuration(family, system + file.read_text("utf-8"), options, float(features.core_clock))


@contextlib.contextmanager
def _caught_output() -> Iterator[list[str]]:
    """Standard output of native code goes into the list that is given, once the block has ended."""
    said: list[str] = []
    native = ctypes.CDLL(None)
    sys.stdout.flush()
    native.fflush(None)
    kept = os.dup(_STDOUT)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), _STDOUT)
        try:
            yield said
        finally:
            native.fflush(None)
            os.dup2(kept, _STDOUT)
            os.close(kept)
            file.seek(0)
            said.append(file.read().decode("utf-8", "replace"))


def compile_network(model: bytes, setup: VelaSetup) -> Compiled:
    """Compile TFLite bytes. Raises :class:`CompilerError`; a fault in native code ends the process."""
    from ethosu import regor

    found = _configuration(setup)
    with _compiling, _caught_output() as said:
        try:
            result = regor.compile(
                found.architecture, model, "TFLITE", found.system, options=found.options, verbose=False
            )
        except RuntimeError as e:
            raise CompilerError(f"Vela failed: {e}") from e
    report = result.perf_report
    return Compiled(
        parts=_parts(result.opt_database.tables),
        cycles=report.totalCycles,
        core_clock=found.core_clock,
        peaks={name: memory.peakUsage for name, memory in report.memories.items()},
        staging=report.stagingMemoryArea,
        read_only=report.readOnlyPeakUsage,
        encoded_weights=report.encodedWeights,
        said="".join(said),
    )


def _parts(tables: Any) -> tuple[Part, ...]:
    """Scheduled operations with the operators they stand for: those that one group runs as one are one part."""
    sources = {row["id"]: int(row["ext_key"]) for row in _rows(tables["source"])}
    leader = {row["id"]: row["group_id"] for row in _rows(tables["group"])}
    operators: dict[str, dict[int, None]] = {}
    cycles: dict[str, int] = {}
    left: set[str] = set()
    for row in _rows(tables["perf"]):
        group = leader.get(row["id"], row["id"])
        cycles[group] = cycles.get(group, 0) + int(row["op_cycles"])
        members = operators.setdefault(group, {})
        if row["source_id"] in sources:
            members[sources[row["source_id"]]] = None
        if row["operator"] == "Passthrough":
            left.add(group)
    return tuple(Part(tuple(operators[g]), cycles[g], g not in left) for g in operators)


def _rows(table: Any) -> Iterator[dict[str, str]]:
    header = list(table.header)
    return (dict(zip(header, row, strict=True)) for row in table.data)


_WARNING = re.compile(r"operator: (\w+), ofm: '(t\d+)'\s*\nReason: (.+)")


def refusals(said: str) -> dict[str, str]:
    """What the compiler said of operators that it leaves to the CPU: reasons by the name of their first result."""
    return {name: f"{operator}: {reason.strip()}" for operator, name, reason in _WARNING.findall(said)}
