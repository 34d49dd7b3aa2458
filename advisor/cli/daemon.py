"""``advisor daemon``: the background process that serves editors and scripts."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from .. import units
from ..client import dial, start
from ..client.address import find, holder
from ..client.errors import DaemonError, from_wire
from ..folders import hub_log
from ..frames import Decoder, FrameError, encode
from .errors import CLEAN, UsageError
from .listing import print_table

ABSENT = 1
"""Exit code of ``status`` when no daemon runs."""

_STOP_SECONDS = 15.0  # for a daemon that was told to stop, before it is made to
_LOOK_SECONDS = 0.2
_NONE = "no daemon is running"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    texts = {
        "start": "start it, unless it runs already",
        "stop": "end it in order, or by force when it hangs; editors start it again when they need it",
        "status": "tell what it is and does; exit code 1 when it does not run",
        "logs": "print the end of its log",
    }
    added = {n: actions.add_parser(n, help=t, description=t[0].upper() + t[1:] + ".") for n, t in texts.items()}
    for name in ("start", "status"):
        added[name].add_argument("--json", action="store_true", help="print its status as JSON")
    added["logs"].add_argument("-n", type=int, default=50, metavar="N", help="so many lines, %(default)s by default")
    added["logs"].add_argument("-f", "--follow", action="store_true", help="go on printing as it is written")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0, or 1 where ``status`` finds no daemon."""
    return {"start": _start, "stop": _stop, "status": _status, "logs": _logs}[args.action](args)


def _start(args: argparse.Namespace) -> int:
    with dial.dial("script") as stream:
        status = _ask(stream, "status")
    _print(status, args.json, lambda: print(f"the daemon runs as process {status['pid']}"))
    return CLEAN


def _status(args: argparse.Namespace) -> int:
    stream = _running()
    if stream is None:
        _print(None, args.json, lambda: print(_NONE))
        return ABSENT
    with stream:
        status = _ask(stream, "status")
    _print(status, args.json, lambda: print_status(status))
    return CLEAN


def _stop(args: argparse.Namespace) -> int:
    del args  # the action takes none
    address = find()
    try:
        stream = dial.greet(address, "script", os.environ)
        pid = holder(address)
        if stream is not None:
            with stream:
                _ask(stream, "stop")
    except dial.Silent as e:
        pid = e.pid
        start.replace(address, pid)
    if not pid:
        print(_NONE)
    elif start.gone(address, pid, _STOP_SECONDS) or start.replace(address, pid):
        print(f"the daemon, process {pid}, has ended")
    else:
        raise DaemonError(f"the daemon, process {pid}, does not end", remedy="end it by its number")
    return CLEAN


def _logs(args: argparse.Namespace) -> int:
    if args.n < 0:
        raise UsageError(f"-n {args.n}: expected the number of lines to print, 0 or more")
    log = hub_log()
    older = log.with_name(f"{log.name}.1")
    text, number = _read(log, 0)
    lines = (_read(older, 0)[0] + text).decode("utf-8", "replace").splitlines()
    if not lines and not args.follow:
        print(f"nothing was logged so far in {log}", file=sys.stderr)
    for line in lines[max(0, len(lines) - args.n) :]:
        print(line)
    place = len(text)
    while args.follow:
        sys.stdout.flush()
        time.sleep(_LOOK_SECONDS)
        text, found = _read(log, place, number)
        place, number = (place if found == number else 0) + len(text), found
        sys.stdout.write(text.decode("utf-8", "replace"))
    return CLEAN


def _read(log: Path, place: int, number: int = 0) -> tuple[bytes, int]:
    """What ``log`` holds from byte ``place`` on, and the file's number; from the start when that is not ``number``."""
    try:
        with log.open("rb") as file:
            found = os.fstat(file.fileno()).st_ino
            file.seek(place if found == number else 0)
            return file.read(), found
    except FileNotFoundError:
        return b"", 0


def _running() -> socket.socket | None:
    """A connection to the daemon that runs; None when none does. Raises ``DaemonError`` when it hangs."""
    try:
        return dial.greet(find(), "script", os.environ)
    except dial.Silent as e:
        message = f"the daemon, process {e.pid}, does not answer" if e.pid else "the daemon does not answer"
        raise DaemonError(message, remedy="`advisor daemon stop` ends it") from e


def _ask(stream: socket.socket, method: str) -> Any:
    """The daemon's answer to a question without parameters. Raises ``DaemonError``."""
    decoder = Decoder()
    stream.settimeout(dial.ANSWER_SECONDS)
    try:
        stream.sendall(encode({"id": 1, "method": method, "params": {}}))
        while data := stream.recv(1 << 16):
            for message in decoder.feed(data):
                if "error" in message:
                    raise from_wire(message["error"])
                return message.get("result")
    except (OSError, FrameError) as e:
        raise DaemonError(f"the daemon did not answer {method}: {e}", remedy="`advisor daemon logs` says why") from e
    raise DaemonError(f"the daemon ended before it answered {method}", remedy="`advisor daemon logs` says why")


def _print(status: dict[str, Any] | None, as_json: bool, text: Any) -> None:
    if as_json:
        print(json.dumps(status, indent=2))
    else:
        text()


def print_status(status: dict[str, Any]) -> None:
    """Print what the daemon says of itself, as tables."""
    memory = f", {units.size(status['resident'])}" if status["resident"] else ""
    print(f"advisor {status['version']}, process {status['pid']}{memory}, for {_span(status['seconds'])}")
    print(f"at {status.get('socket') or status.get('token_file')}, log {status['log']}\n")
    clients = [(c["kind"], _span(c["seconds"]), ", ".join(c["roots"])) for c in status["clients"]]
    print_table(("client", "for", "in"), clients)
    print()
    rows = [
        (
            lane,
            str(a["pid"]),
            a["state"],
            _span(a["seconds"]),
            *(str(a[count]) for count in ("served", "run", "cached")),
            " ".join(filter(None, (a["method"], a["path"]))) or "-",
        )
        for lane, found in status["lanes"].items()
        for a in found["analysts"]
    ]
    print_table(("lane", "process", "state", "for", "jobs", "ran", "from cache", "doing"), rows)
    for lane, found in status["lanes"].items():
        if found["waiting"]:
            print(f"{found['waiting']} jobs wait in the {lane} lane")
        if found["error"]:
            print(f"the {lane} lane: {found['error']}")


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
