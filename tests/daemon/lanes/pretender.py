"""Speaks as an analyst does; what it is asked for is how it behaves. Run as a program."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from advisor.frames import Decoder, Message, encode


def main() -> None:
    say({"event": "ready"})
    decoder = Decoder()
    while data := os.read(0, 1 << 20):
        for message in decoder.feed(data):
            if "cancel" in message:
                error = {"code": "cancelled", "message": "cancelled", "remedy": ""}
                say({"id": message["cancel"], "error": error})
            else:
                answer(message["id"], message["method"], message["params"])


def answer(number: int, method: str, params: Any) -> None:
    if method == "die" and not Path(params["path"]).exists():
        Path(params["path"]).touch()
        print("a last word", file=sys.stderr, flush=True)
        os._exit(1)
    if method == "die-always":
        os._exit(1)
    if method == "deaf":
        time.sleep(1000)
    if method == "garbage":
        os.write(1, b"\0\0\0\1\xc1")
    if method == "odd":
        say({"id": number, "error": "no table"})
        return
    if method == "until-cancelled":
        say({"id": number, "event": "begun"})
        return
    if method == "wait":
        while not Path(params["path"]).exists():
            time.sleep(0.005)
    say({"id": number, "result": {"pid": os.getpid(), "arguments": sys.argv[1:], **params}})


def say(message: Message) -> None:
    os.write(1, encode(message))


if __name__ == "__main__":
    main()
