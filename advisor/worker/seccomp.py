"""A system-call filter: no sockets, no look into other processes, and no change of files' attributes.

``socket`` is refused for every family: a Unix socket by path (Docker's, an SSH agent's) is as much a way out as TCP.
``socketpair`` stays, so asyncio and multiprocessing pipes work. io_uring is refused because it opens sockets without
the system call. Calls that change owners, modes and times, which Landlock does not cover, are *answered with success
and not carried out*, so that code which copies files into its scratch folder goes on.

System call numbers: the kernel's tables for each architecture; BPF: linux/filter.h, linux/seccomp.h.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import sys
from dataclasses import dataclass

from . import linux

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_LOAD_WORD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4  # in struct seccomp_data
_X32_BIT = 0x40000000


@dataclass(frozen=True)
class _Architecture:
    audit: int
    refused: tuple[
        int, ...
    ]  # socket, ptrace, add_key, request_key, keyctl, process_vm_readv and _writev, io_uring_setup
    ignored: tuple[int, ...]  # ch(own|mod), utime, setxattr, removexattr and their variants


_ARCHITECTURES = {
    "x86_64": _Architecture(
        0xC000003E,
        (41, 101, 248, 249, 250, 310, 311, 425),
        (90, 91, 92, 93, 94, 132, 188, 189, 190, 197, 198, 199, 235, 260, 261, 268, 280, 452, 463, 466),
    ),
    "aarch64": _Architecture(
        0xC00000B7,
        (198, 117, 217, 218, 219, 270, 271, 425),
        (5, 6, 7, 14, 15, 16, 52, 53, 54, 55, 88, 452, 463, 466),
    ),
}


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("len", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


def _instructions(architecture: _Architecture) -> list[tuple[int, int, int, int]]:
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
    for number in architecture.ignored:
        code += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO)]
    return [*code, (_RETURN, 0, 0, _ALLOW)]


def install() -> None:
    """Filter this process and all it will start. Needs ``no_new_privs``; OSError where it cannot be done."""
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None or sys.maxsize < 2**32:
        raise OSError(f"no system-call table for {platform.machine()}")
    code = _instructions(architecture)
    array = (_Instruction * len(code))(*code)
    linux.install_filter(_Program(len(code), array))
