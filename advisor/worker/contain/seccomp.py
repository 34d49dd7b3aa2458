"""A system-call filter: no sockets, no look into other processes; without namespaces no signals, no change of modes.

``socket`` is refused for every family: a Unix socket by path (Docker's, an SSH agent's) is as much a way out as TCP.
``socketpair`` stays, so asyncio and multiprocessing pipes work. io_uring is refused because it opens sockets without
the system call. Where nothing else confines signals, they reach the job's own process and group only. Where mounts
are not read-only, calls that change owners, modes and times, which Landlock does not cover, are *answered with success
and not carried out*, so that code which copies files into its scratch folder goes on.

System call numbers: the kernel's tables for each architecture; BPF: linux/filter.h, linux/seccomp.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from dataclasses import dataclass

from . import linux

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_LOAD_WORD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _FIRST_ARGUMENT_OFFSET = 0, 4, 16  # in struct seccomp_data, little-endian
_X32_BIT = 0x40000000


@dataclass(frozen=True)
class _Architecture:
    audit: int
    refused: tuple[
        int, ...
    ]  # socket, ptrace, add_key, request_key, keyctl, process_vm_readv and _writev, io_uring_setup
    signals: tuple[int, ...]  # kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo: all with a pid in front
    ignored: tuple[int, ...]  # ch(own|mod), utime, setxattr, removexattr and their variants


_ARCHITECTURES = {
    "x86_64": _Architecture(
        0xC000003E,
        (41, 101, 248, 249, 250, 310, 311, 425),
        (62, 200, 234, 129, 297),
        (90, 91, 92, 93, 94, 132, 188, 189, 190, 197, 198, 199, 235, 260, 261, 268, 280, 452, 463, 466),
    ),
    "aarch64": _Architecture(
        0xC00000B7,
        (198, 117, 217, 218, 219, 270, 271, 425),
        (129, 130, 131, 138, 240),
        (5, 6, 7, 14, 15, 16, 52, 53, 54, 55, 88, 452, 463, 466),
    ),
}


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


_PIDFD_SEND_SIGNAL = 424


def _instructions(
    architecture: _Architecture, own_pid: int | None, attributes: bool
) -> list[tuple[int, int, int, int]]:
    """Instructions (code, jump if true, jump if false, operand); ``own_pid`` confines signals to it and its group."""
    allow = (_RETURN, 0, 0, _ALLOW)
    refuse = (_RETURN, 0, 0, _ERRNO | errno.EACCES)
    code = [
        (_LOAD_WORD, 0, 0, _ARCHITECTURE_OFFSET),
        (_JUMP_EQUAL, 1, 0, architecture.audit),
        refuse,
        (_LOAD_WORD, 0, 0, _NUMBER_OFFSET),
        (_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT),
        refuse,
    ]
    for number in architecture.refused:
        code += [(_JUMP_EQUAL, 0, 1, number), refuse]
    for number in architecture.ignored if attributes else ():
        code += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO)]
    if own_pid is not None:
        for number in architecture.signals:
            code += [
                (_JUMP_EQUAL, 0, 6, number),
                (_LOAD_WORD, 0, 0, _FIRST_ARGUMENT_OFFSET),
                (_JUMP_EQUAL, 2, 0, own_pid),
                (_JUMP_EQUAL, 1, 0, 0),  # its process group
                (_JUMP_EQUAL, 0, 1, -own_pid & 0xFFFFFFFF),
                allow,
                refuse,
            ]
        code += [(_JUMP_EQUAL, 0, 1, _PIDFD_SEND_SIGNAL), refuse]
    return [*code, allow]


def install(*, signals: bool, attributes: bool) -> None:
    """Filter this process and all it will start.

    ``signals`` confines those to this process and its group; ``attributes`` drops changes of owners, modes and times.
    Needs ``no_new_privs``; OSError where it cannot be done.
    """
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None or sys.maxsize < 2**32:
        raise OSError(f"no system-call table for {platform.machine()}")
    code = _instructions(architecture, os.getpid() if signals else None, attributes)
    array = (_Instruction * len(code))(*code)
    linux.install_filter(_Program(len(code), array))
