"""The last fallback, where the system confines nothing: an audit hook.

It refuses what the caller asks for among network use, writes outside the scratch folder and signals to others. It
stops Python code, not C code. An audit hook cannot be removed once installed.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_SOCKET_EVENTS = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
)
_PATH_EVENTS = {  # how many leading arguments are paths that the call changes
    "os.remove": 1,
    "os.rmdir": 1,
    "os.mkdir": 1,
    "os.truncate": 1,
    "os.chmod": 1,
    "os.chown": 1,
    "os.utime": 1,
    "os.setxattr": 1,
    "os.rename": 2,
    "os.link": 2,
    "os.symlink": 2,
}
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def install(writable: tuple[str, ...], *, sockets: bool, writes: bool, signals: bool) -> None:
    """Refuse with PermissionError what is asked for; ``writable`` are the folders and devices that writes may go to."""
    roots = tuple(os.path.realpath(path) for path in writable)

    def inside(path: Any) -> bool:
        if isinstance(path, int):
            return True  # a descriptor: its opening was judged
        real = os.path.realpath(os.fsdecode(path))
        return any(real == root or real.startswith(root + os.sep) for root in roots)

    def judge(event: str, arguments: tuple[Any, ...]) -> None:
        if sockets and event in _SOCKET_EVENTS:
            raise PermissionError(f"the advisor allows no network ({event})")
        if signals and event in ("os.kill", "os.killpg") and arguments[0] not in (0, os.getpid()):
            raise PermissionError(f"the advisor allows no signals to other processes ({event})")
        if not writes:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITE_FLAGS and path is not None and not inside(path):
                raise PermissionError(f"the advisor allows no writing outside the scratch folder: {path!r}")
        elif event in _PATH_EVENTS:
            for path in arguments[: _PATH_EVENTS[event]]:
                if not inside(path):
                    raise PermissionError(f"the advisor allows no change outside the scratch folder: {path!r}")

    sys.addaudithook(judge)
