"""Linux system calls that the standard library lacks, through ctypes: each raises OSError and does one thing.

Numbers and structures are those of the kernel's UAPI headers (linux/prctl.h, sched.h, mount.h, capability.h).
"""

from __future__ import annotations

import ctypes
import os
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_SLAVE = 1 << 19
MNT_DETACH = 2

CAP_DAC_READ_SEARCH = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_SYS_MOUNT_SETATTR = 442  # the same number on every architecture, as are all calls added since 424
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 1
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def _function(name: str):
    if _libc is None:
        raise OSError(f"{name}: not on {sys.platform}")
    return getattr(_libc, name)


def syscall(number: int, *arguments: object) -> int:
    """A raw system call; integers are passed as C longs."""
    as_c = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _check(_function("syscall")(ctypes.c_long(number), *as_c), f"syscall {number}")


def _prctl(option: int, argument: int, pointer: object = 0) -> None:
    third = ctypes.c_ulong(pointer) if isinstance(pointer, int) else pointer
    arguments = (ctypes.c_ulong(argument), third, ctypes.c_ulong(0), ctypes.c_ulong(0))
    _check(_function("prctl")(ctypes.c_int(option), *arguments), f"prctl {option}")


def unshare(flags: int) -> None:
    """Move the calling process into new namespaces (a new PID namespace takes its future children)."""
    _check(_function("unshare")(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    kind_bytes = kind.encode() if kind else None
    result = _function("mount")(
        os.fsencode(source), os.fsencode(target), kind_bytes, ctypes.c_ulong(flags), options.encode()
    )
    _check(result, f"mount {target}")


def unmount(target: str) -> None:
    """Detach a mount; its contents go when the last user does."""
    _check(_function("umount2")(os.fsencode(target), ctypes.c_int(MNT_DETACH)), f"umount {target}")


def make_read_only(path: str) -> None:
    """Make every mount under ``path``, as this mount namespace sees it, read-only (Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY, 0, 0, 0)
    pointer = ctypes.byref(attributes)
    path_bytes = ctypes.c_char_p(os.fsencode(path))
    syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, path_bytes, _AT_RECURSIVE, pointer, ctypes.sizeof(attributes))


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send ``signal_number`` to this process when the thread that forked it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_dumpable(dumpable: bool) -> None:
    """Whether other processes of this user may read this one's memory and file descriptors under /proc."""
    _prctl(_PR_SET_DUMPABLE, int(dumpable))


def forbid_new_privileges() -> None:
    """No later execve can gain privileges; seccomp and Landlock need it."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def install_filter(program: object) -> None:
    """Install a seccomp BPF program (a ctypes ``sock_fprog``) for this process and all it will start."""
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))  # pyright: ignore[reportArgumentType]


def keep_capabilities(*kept: int) -> None:
    """Drop every capability but those of ``kept`` that the process has."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the low words, then the high ones
    _check(_function("capget")(ctypes.byref(header), ctypes.byref(data)), "capget")
    mask = sum(1 << number for number in kept) & data[1]
    data[:] = [mask, mask, 0, 0, 0, 0]
    _check(_function("capset")(ctypes.byref(header), ctypes.byref(data)), "capset")
