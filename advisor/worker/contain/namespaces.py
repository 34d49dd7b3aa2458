"""Namespaces for the zygote: its own users, processes, mounts and network, with or without being root.

Three processes take part. The *keeper* stays outside: it maps the users, waits for the zygote and removes the scratch
folder when that is gone. The *middle* enters the namespaces, forks the zygote (a new PID namespace begins with a
child) and ends. The *zygote* is process 1 of its PID namespace: when it dies for whatever reason, the kernel kills
every process in there. If any step is refused the keeper goes on as a zygote without namespaces.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from . import linux

MEASURES = ["user-namespace", "pid-namespace", "mount-namespace", "network-namespace"]
MAX_PIDS = 1024
"""Process numbers in the namespace, threads included: what a fork bomb can reach between two looks of the zygote."""

_ALL = linux.CLONE_NEWUSER | linux.CLONE_NEWPID | linux.CLONE_NEWNS | linux.CLONE_NEWNET
_SECRETS = (  # beneath the home folder: hidden from user code; what it never needs to build a model
    ".ssh",
    ".aws",
    ".azure",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/huggingface",
    ".cache/huggingface/token",
    ".cache/huggingface/stored_tokens",
    ".docker",
    ".git-credentials",
    ".gnupg",
    ".huggingface",
    ".kube",
    ".local/share/keyrings",
    ".netrc",
    ".password-store",
    ".pypirc",
)
_SYSTEM_SECRETS = ("/run/secrets", "/run/user")
_ENTERED, _PROCEED, _READY = b"e", b"p", b"r"


def enter(scratch: str, held: Iterable[int]) -> list[str]:
    """Go on in new namespaces and return the measures in force; where the system refuses, return none of them.

    Must be called while the process has one thread. The caller continues in another process than it was; the one
    that it was waits, removes the folder ``scratch`` and exits with the zygote's status. ``held`` are the descriptors
    that only the zygote shall hold.
    """
    if sys.platform != "linux":
        return []
    linux.adopt_orphans()
    from_zygote, to_keeper = os.pipe()
    from_keeper, to_zygote = os.pipe()
    middle = os.fork()
    if middle == 0:
        os.close(from_zygote)
        os.close(to_zygote)
        measures = _become_zygote(to_keeper, from_keeper)
        os.close(to_keeper)
        os.close(from_keeper)
        return measures
    os.close(to_keeper)
    os.close(from_keeper)
    entered = _keep(middle, from_zygote, to_zygote)
    os.close(from_zygote)
    os.close(to_zygote)
    if entered:
        for descriptor in held:
            os.close(descriptor)
        _wait_and_clean(scratch)
    return []


def _keep(middle: int, from_zygote: int, to_zygote: int) -> bool:
    """Lead the others through; whether the zygote runs in its namespaces (if not, both are gone)."""
    if os.read(from_zygote, 1) == _ENTERED and _map_users(middle):
        os.write(to_zygote, _PROCEED)
        os.waitpid(middle, 0)
        with contextlib.suppress(BrokenPipeError):
            os.write(to_zygote, _PROCEED)
        if os.read(from_zygote, 1) == _READY:
            return True
    else:
        os.kill(middle, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    return False


def _map_users(pid: int) -> bool:
    """Give the namespace of ``pid`` this process's users: all of them if privileged, else its own."""
    folder = Path(f"/proc/{pid}")
    lines = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    everyone = "\n".join(f"{inside} {inside} {count}" for inside, _, count in lines)
    try:
        (folder / "uid_map").write_text(everyone)
        lines = [line.split() for line in Path("/proc/self/gid_map").read_text().splitlines()]
        (folder / "gid_map").write_text("\n".join(f"{inside} {inside} {count}" for inside, _, count in lines))
        return True
    except OSError:
        pass
    try:
        (folder / "setgroups").write_text("deny")
        (folder / "uid_map").write_text(f"{os.geteuid()} {os.geteuid()} 1")
        (folder / "gid_map").write_text(f"{os.getegid()} {os.getegid()} 1")
        return True
    except OSError:
        return False


def _become_zygote(to_keeper: int, from_keeper: int) -> list[str]:
    """Enter the namespaces and fork; returns in the process that is to be the zygote, or does not return."""
    try:
        linux.unshare(_ALL)
        os.write(to_keeper, _ENTERED)
        if os.read(from_keeper, 1) != _PROCEED:
            os._exit(1)
        if os.fork():
            os._exit(0)
        if os.read(from_keeper, 1) != _PROCEED:  # by now the keeper is the parent, and the signal will follow it
            os._exit(1)
        linux.die_with_parent(signal.SIGKILL)
        measures = list(MEASURES)
        _arrange_mounts(measures)
    except OSError:
        os._exit(1)
    os.write(to_keeper, _READY)
    return measures


def _arrange_mounts(measures: list[str]) -> None:
    """A /proc of this namespace, secrets hidden, everything read-only."""
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_SLAVE)
    linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    with contextlib.suppress(OSError):  # a limit of its own for each PID namespace came with Linux 6.14
        Path("/proc/sys/kernel/pid_max").write_text(str(MAX_PIDS))
        measures.append("pid-limit")
    home = os.environ.get("HOME")
    for path in (*(Path(home, secret) for secret in _SECRETS if home), *map(Path, _SYSTEM_SECRETS)):
        _hide(path)
    measures.append("secrets-hidden")
    linux.make_read_only("/")
    measures.append("read-only-mounts")


def _hide(path: Path) -> None:
    if path.is_dir():
        linux.mount("none", str(path), "tmpfs", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC, "size=4k,mode=700")
    elif path.exists():
        linux.mount("/dev/null", str(path), flags=linux.MS_BIND)


def _wait_and_clean(scratch: str) -> NoReturn:
    """The keeper's end: wait for the zygote, remove the folder, exit with the zygote's status."""
    _, status = os.wait()
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
