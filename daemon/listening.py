"""The daemon's place on this machine: the lock that makes it the only one, and the door at which clients call.

Where both are, and who may be trusted there, says ``advisor/client/address.py``, for both sides.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import time
from pathlib import Path

from advisor.client.address import Address, take

_WAITING_CLIENTS = 128
_TRY_SECONDS = 0.5  # a client that looks whether the lock is held has it for a moment
_PAUSE = 0.01


def hold(address: Address) -> int | None:
    """The descriptor of the lock, held until it is closed; None when another daemon holds it."""
    descriptor = os.open(address.lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    end = time.monotonic() + _TRY_SECONDS
    while not take(descriptor):
        if time.monotonic() > end:
            os.close(descriptor)
            return None
        time.sleep(_PAUSE)
    return descriptor


def sign(descriptor: int) -> None:
    """Write this process's number into the lock that it holds."""
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, str(os.getpid()).encode())


class Door:
    """Listens at an address whose lock is held; what an earlier daemon left there is replaced.

    ``token`` is what a client has to show on TCP, ``answer`` what it expects in return; both are empty on a Unix
    socket, where the system says who calls.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.token = self.answer = ""
        self._path = Path(address.door)
        self.socket = self._open_port() if address.tcp else self._open_socket()
        self._made = self._path.lstat()

    def _open_socket(self) -> socket.socket:
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        mask = os.umask(0o177)  # for its owner alone from the first moment
        try:
            listening.bind(self.address.door)
        finally:
            os.umask(mask)
        listening.listen(_WAITING_CLIENTS)
        return listening

    def _open_port(self) -> socket.socket:
        listening = socket.create_server(("127.0.0.1", 0), backlog=_WAITING_CLIENTS)
        self.token, self.answer = secrets.token_hex(32), secrets.token_hex(32)
        fields = {"port": listening.getsockname()[1], "token": self.token, "answer": self.answer}
        new = Path(f"{self.address.door}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(fields, file)
        new.replace(self._path)
        return listening

    def is_there(self) -> bool:
        """Whether clients still find it: cleaners of temporary folders and people remove files. It is also marked as
        in use, for the former."""
        try:
            found = self._path.lstat()
            if (found.st_dev, found.st_ino) != (self._made.st_dev, self._made.st_ino):
                return False
            os.utime(self._path)
            os.utime(self.address.lock)
        except FileNotFoundError:
            return False
        return True

    def close(self) -> None:
        """Listen no more, and leave nothing behind but the lock's file."""
        if self.is_there():
            with contextlib.suppress(FileNotFoundError):  # somebody was quicker
                self._path.unlink()
        self.socket.close()
