"""docs/protocol.md against the code: its bytes, its tables and its example are what the daemon speaks."""

from __future__ import annotations

import json
import re
from pathlib import Path

from advisor.daemon.scripts.connection import MAX_INCOMING, MAX_RUNNING
from advisor.daemon.scripts.methods import METHODS
from advisor.environment import PASSED_ON
from advisor.frames import MAX_BYTES, Decoder

from .serving import Lanes, served

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def section(title: str) -> str:
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]


def names(title: str) -> list[str]:
    """What the first column of a section's table names."""
    return re.findall(r"^\| `(\w+)` \|", section(title), re.MULTILINE)


def test_the_bytes_are_answered_with_the_bytes():
    request, answer = (bytes.fromhex(block) for block in blocks("hex"))
    with served(Lanes()) as stream:
        stream.sendall(request)
        got = b""
        while len(got) < len(answer):
            got += stream.recv(len(answer) - len(got))
    assert got == answer
    assert list(Decoder().feed(request)) == [{"id": 1, "method": "ping", "params": {}}]
    assert list(Decoder().feed(answer)) == [{"id": 1, "result": {}}]


def test_the_methods_and_their_parameters_are_all_there():
    assert names("Methods") == list(METHODS)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section("Methods"), re.MULTILINE))
    for name, method in METHODS.items():
        for parameter in method.takes:
            assert f"`{parameter}`" in rows[name], f"{name}: {parameter}"


def test_every_code_is_explained():
    """Those that the daemon's code writes literally, and those of analysts."""
    folder = Path(__file__).parents[3] / "daemon"
    text = "".join(f.read_text(encoding="utf-8") for f in folder.glob("scripts/*.py"))
    written = set(re.findall(r"(?:RequestError|_error)\((?:\w+, )?\"(\w+)\"", text))
    assert {"frame", "params", "method", "cancelled", "internal"} <= written
    assert written | {"config", "target", "engine", "worker", "lost", "version"} == set(names("Errors"))


def test_the_limits_and_variables_are_the_codes():
    assert f"{MAX_INCOMING:,} bytes" in PAGE
    assert f"up to {MAX_BYTES >> 20} MiB" in PAGE
    assert f"at most {MAX_RUNNING} run" in PAGE
    variables = section("Handshake").partition("The variables are")[2]
    assert re.findall(r"`([A-Z_]+)`", variables) == [*PASSED_ON, "LC_"]


def test_the_handshake_is_json_of_the_keys_in_its_table():
    (hello,) = blocks("json")
    assert {*json.loads(hello), "token"} == set(names("Handshake"))
