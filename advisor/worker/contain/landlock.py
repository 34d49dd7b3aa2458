"""Landlock: from here on this process and all it starts write only under named folders, and open no TCP connection.

Access rights, structures and the ABI in which each came are those of linux/landlock.h and the kernel's
documentation (Documentation/userspace-api/landlock.rst). Reading and executing are not restricted.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from . import linux

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1

_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_WRITES = {
    1: _WRITE_FILE | sum(1 << bit for bit in range(4, 13)),  # remove_dir … make_sym
    2: 1 << 13,  # refer: rename and link across folders
    3: _TRUNCATE,
}
_NET_ABI, _TCP_BIND_CONNECT = 4, 3
SCOPE_ABI, _ABSTRACT_SOCKETS_AND_SIGNALS = 6, 3


def restrict_writes(writable: Iterable[str]) -> int:
    """Allow writes beneath ``writable`` (folders, or single files such as /dev/null) only; returns the ABI used.

    Needs ``no_new_privs``. From ABI 4 TCP is denied, from ABI 6 signals and abstract sockets to the outside.
    Raises OSError where the kernel has no Landlock.
    """
    version = linux.syscall(_CREATE_RULESET, 0, 0, _VERSION_FLAG)
    handled = sum(rights for since, rights in _WRITES.items() if since <= version)
    fields = [handled]
    if version >= _NET_ABI:
        fields.append(_TCP_BIND_CONNECT)
    if version >= SCOPE_ABI:
        fields.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    ruleset = linux.syscall(
        _CREATE_RULESET, ctypes.c_char_p(struct.pack(f"={len(fields)}Q", *fields)), 8 * len(fields), 0
    )
    try:
        for path in writable:
            _allow(ruleset, path, handled)
        linux.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _allow(ruleset: int, path: str, handled: int) -> None:
    folder = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    try:
        is_folder = stat.S_ISDIR(os.fstat(folder).st_mode)
        rights = handled if is_folder else handled & (_WRITE_FILE | _TRUNCATE)
        rule = struct.pack("=Qi", rights, folder)
        linux.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(folder)
