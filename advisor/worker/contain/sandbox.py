"""What a forked child does to itself before it runs user code: every measure the system offers, and their names."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import guard, landlock, linux, seccomp

MAX_FILE_BYTES = 1 << 30
MAX_OPEN_FILES = 1024
EXTRA_TASKS = 256
"""How many tasks a job may add where RLIMIT_NPROC counts (it does not for root)."""

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_HOME_VARIABLES = {
    "HOME": "home",
    "TMPDIR": "tmp",
    "XDG_CACHE_HOME": "home/.cache",
    "XDG_CONFIG_HOME": "home/.config",
    "XDG_DATA_HOME": "home/.local/share",
    "XDG_RUNTIME_DIR": "tmp",
    "TORCH_HOME": "home/.cache/torch",
    "HF_HOME": "home/.cache/huggingface",
    "MPLCONFIGDIR": "home/.config/matplotlib",
}


@dataclass(frozen=True)
class Confinement:
    """What holds already (from the zygote's namespaces) and what to add.

    ``without`` names measures to leave out as if the system lacked them, so that each fallback can be tested.
    """

    scratch: str
    isolated: bool
    private_shm: bool
    without: frozenset[str] = frozenset()


def confine(confinement: Confinement) -> list[str]:
    """Confine the calling process for good and return the names of the measures in force."""
    _settle_in(confinement.scratch)
    _limit({resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: MAX_FILE_BYTES, resource.RLIMIT_NOFILE: MAX_OPEN_FILES})
    measures = ["resource-limits"]
    isolated = confinement.isolated
    held = {"writes": isolated, "sockets": False, "signals": isolated}  # a network namespace lets Unix sockets through
    if sys.platform == "linux":
        linux.die_with_parent(signal.SIGKILL)
        linux.set_dumpable(True)
        measures += _linux_measures(confinement, held)
    if not all(held.values()):
        guard.install((confinement.scratch, *_DEVICES), **{name: not is_held for name, is_held in held.items()})
        measures.append("python-audit-hook")
    return measures


def _settle_in(scratch: str) -> None:
    """Make the scratch folder the current one and the home of everything that is kept at home."""
    for variable, folder in _HOME_VARIABLES.items():
        path = Path(scratch, folder)
        path.mkdir(parents=True, exist_ok=True)
        os.environ[variable] = str(path)
    os.chdir(scratch)


def _linux_measures(confinement: Confinement, held: dict[str, bool]) -> list[str]:
    """Take the measures that this kernel offers, best first; notes in ``held`` what they keep from happening."""
    writable = [confinement.scratch, *(d for d in _DEVICES if Path(d).exists())]
    if confinement.private_shm:
        writable.append("/dev/shm")

    def restrict_writes() -> str:
        version = landlock.restrict_writes(writable)
        held["writes"] = True
        held["signals"] = held["signals"] or version >= landlock.SCOPE_ABI
        return f"landlock:{version}"

    def filter_calls() -> str:
        seccomp.install(signals=not held["signals"], attributes=not confinement.isolated)
        held["sockets"] = held["signals"] = True
        return "seccomp"

    steps: dict[str, Callable[[], str | None]] = {
        "no-new-privileges": linux.forbid_new_privileges,
        "capabilities-dropped": lambda: linux.keep_capabilities(linux.CAP_DAC_READ_SEARCH),
        "landlock": restrict_writes,
        "seccomp": filter_calls,
    }
    if confinement.isolated:
        steps = {"ipc-namespace": lambda: linux.unshare(linux.CLONE_NEWIPC), **steps}
    measures = []
    for name, step in steps.items():
        if name not in confinement.without:
            with contextlib.suppress(OSError):  # not to be had on this system: it is missing from the report
                measures.append(step() or name)
    return measures


def limit_memory(memory_bytes: int) -> None:
    """Limits that depend on a request and its moment, hard ones too. Memory is policed by the zygote, which counts what
    is resident in the whole family.

    RLIMIT_DATA is the backstop for memory that is reserved and never touched, so it stands at twice the limit.
    """
    limits = {resource.RLIMIT_DATA: _data_bytes() + 2 * memory_bytes}
    tasks = _tasks()
    if tasks and os.getuid() != 0:
        limits[resource.RLIMIT_NPROC] = tasks + EXTRA_TASKS
    _limit(limits)


def _limit(limits: Mapping[int, int]) -> None:
    for kind, value in limits.items():
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def _data_bytes() -> int:
    """Bytes of private writable mappings that this process has already (torch reserves some)."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmData:"))


def _tasks() -> int:
    """Tasks on this machine, an upper bound for those of this user; 0 if unknown."""
    load = Path("/proc/loadavg")
    return int(load.read_text().split()[3].split("/")[1]) if load.exists() else 0
