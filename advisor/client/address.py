"""Where the daemon is: one place a user, version and installation, in a folder that only the user can write.

The folder is ``$XDG_RUNTIME_DIR/nas-advisor``, else ``nas-advisor-<user's number>`` in ``$TMPDIR`` or ``/tmp``. In it,
all named ``<version>-<key>``, the key being the CRC-32 of the installation in eight hexadecimal digits:

- ``….sock``: the socket; where there are no Unix sockets, ``….tcp``, a file with the port on the loopback interface and
  two secrets: ``token``, which a client shows, and ``answer``, which the daemon shows;
- ``….lock``: locked by the daemon as long as it lives; the number of its process is in it.

Only the standard library's quickest parts are imported: the editor's forwarder waits for this.
"""

from __future__ import annotations

import binascii
import os
import socket
import stat
import struct
import sys

from ..version import NAME, VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

UNIX = hasattr(socket, "AF_UNIX")
"""Whether this system has Unix sockets; without, it is loopback TCP."""

_LONGEST = 103
"""Bytes that the path of a socket may have, on the system that allows the fewest (macOS; Linux allows 107)."""


class Address:
    """A daemon's place: paths of the private ``folder``, the ``lock`` and the ``door``, which is the socket or, for
    ``tcp``, the file with port and secrets."""

    __slots__ = ("door", "folder", "lock", "tcp")

    def __init__(self, folder: str, stem: str, tcp: bool) -> None:
        self.folder, self.tcp = folder, tcp
        self.lock = os.path.join(folder, f"{stem}.lock")
        self.door = os.path.join(folder, f"{stem}.{'tcp' if tcp else 'sock'}")

    def __repr__(self) -> str:
        return f"<the daemon's address {self.door}>"


def find(environment: Mapping[str, str] = os.environ, *, tcp: bool = not UNIX) -> Address:
    """The place of this user's daemon for this installation. Nothing is looked at, nothing is made."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    key = binascii.crc32(os.fsencode(f"{package}\n{sys.prefix}"))
    stem = f"{VERSION}-{key:08x}"
    own = f"{NAME}-{os.getuid()}" if hasattr(os, "getuid") else f"{NAME}-run"
    given = environment.get("XDG_RUNTIME_DIR", "")
    temporary = environment.get("TMPDIR") or environment.get("LOCALAPPDATA") or "/tmp"
    places = [os.path.join(temporary, own), os.path.join("/tmp", own)]
    if os.path.isabs(given):
        places.insert(0, os.path.join(given, NAME))
    addresses = [Address(place, stem, tcp) for place in places if os.path.isabs(place)]
    fitting = [a for a in addresses if tcp or len(os.fsencode(a.door)) <= _LONGEST]
    return fitting[0]


def secure(address: Address, *, make: bool) -> bool:
    """Whether the address's folder is there, the user's own and nobody else's to write.

    With ``make`` it is made when it is missing. Raises ``DaemonError`` when it cannot be trusted.
    """
    if make:
        try:
            os.makedirs(os.path.dirname(address.folder), exist_ok=True)
            os.mkdir(address.folder, 0o700)
        except FileExistsError:
            pass  # it is looked at below, whoever made it
        except OSError as e:
            raise _untrusted(address.folder, f"cannot be made: {e.strerror}") from e
    try:
        found = os.lstat(address.folder)
    except FileNotFoundError:
        return False
    except OSError as e:
        raise _untrusted(address.folder, f"cannot be read: {e.strerror}") from e
    if not stat.S_ISDIR(found.st_mode):
        raise _untrusted(address.folder, "is a link or a file, not a folder")
    _own(address.folder, found)
    return True


def reach(address: Address, seconds: float) -> socket.socket | None:
    """A connection to whoever listens at ``address``, checked to be the user's own; None where nobody does.

    ``seconds`` is the connection's time limit, also for connecting. Raises ``DaemonError`` when somebody else's
    process or file is there, ``TimeoutError`` when a daemon is there that takes no connections.
    """
    if not secure(address, make=False):
        return None
    try:
        found = os.lstat(address.door)
    except FileNotFoundError:
        return None
    _own(address.door, found)
    try:
        return _reach_port(address, seconds) if address.tcp else _reach_socket(address, found, seconds)
    except (ConnectionError, FileNotFoundError):
        return None  # left behind by one that is gone
    except BlockingIOError as e:
        raise TimeoutError("too many wait for the daemon") from e


def _reach_socket(address: Address, found: os.stat_result, seconds: float) -> socket.socket:
    if not stat.S_ISSOCK(found.st_mode):
        raise _untrusted(address.door, "is no socket")
    stream = socket.socket(socket.AF_UNIX)
    try:
        stream.settimeout(seconds)
        stream.connect(address.door)
        if not same_user(stream):
            raise _untrusted(address.door, "is another user's")
    except BaseException:
        stream.close()
        raise
    return stream


def _reach_port(address: Address, seconds: float) -> socket.socket:
    port, _, _ = secrets_of(address)
    stream = socket.create_connection(("127.0.0.1", port), seconds)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def secrets_of(address: Address) -> tuple[int, str, str]:
    """Port, token and answer of a daemon on TCP, as its file says. Raises ``FileNotFoundError`` and ``DaemonError``."""
    import json

    descriptor = os.open(address.door, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        _own(address.door, os.fstat(descriptor), secret=True)
        text = os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
    try:
        fields = json.loads(text)
        return int(fields["port"]), str(fields["token"]), str(fields["answer"])
    except (ValueError, KeyError, TypeError) as e:
        raise _untrusted(address.door, "does not hold a port and secrets") from e


def same_user(stream: socket.socket) -> bool:
    """Whether the process at the other end is this user's, as far as the system tells: on Linux by its credentials.

    Elsewhere it is the folder, which nobody else can enter, that proves it; a TCP client shows the token besides.
    """
    credentials = getattr(socket, "SO_PEERCRED", None)
    if credentials is None or stream.family != getattr(socket, "AF_UNIX", None):
        return True
    _, user, _ = struct.unpack("3i", stream.getsockopt(socket.SOL_SOCKET, credentials, struct.calcsize("3i")))
    return user == os.geteuid()


def holder(address: Address) -> int | None:
    """The process that holds the lock, so that it is the daemon or about to be; 0 when it has not said its number
    yet; None when no process holds it."""
    try:
        descriptor = os.open(address.lock, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    try:
        if take(descriptor):
            return None
        text = os.pread(descriptor, 32, 0) if hasattr(os, "pread") else b""
        return int(text) if text.strip().isdigit() else 0
    finally:
        os.close(descriptor)


def take(descriptor: int) -> bool:
    """Lock an open file for this process alone, until it is closed by all that have it; False when another one has."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _own(path: str, found: os.stat_result, *, secret: bool = False) -> None:
    """Raises ``DaemonError`` unless ``found``, of ``path``, is the user's, readable to nobody else if ``secret``."""
    if not hasattr(os, "geteuid"):
        return  # the user's own profile, whose access lists Windows keeps
    if found.st_uid != os.geteuid():
        raise _untrusted(path, "is another user's")
    if not stat.S_ISLNK(found.st_mode) and found.st_mode & (0o077 if secret else 0o022):
        raise _untrusted(path, f"can be {'read' if secret else 'written'} by other users")


def _untrusted(path: str, what: str) -> Exception:
    from .errors import DaemonError

    remedy = "remove it, or set XDG_RUNTIME_DIR to a folder of your own"
    return DaemonError(f"{path} {what}, so no daemon is looked for there", "refused", remedy)
