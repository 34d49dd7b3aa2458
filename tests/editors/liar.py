"""Starts the real language server and falsifies what it answers: tests that pass on it test nothing.

Set as the interpreter that runs the server (:func:`write`). All but ``… lsp`` goes to the real one unchanged.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Container
from pathlib import Path
from typing import IO, Any

from advisor.units import size, time

Json = dict[str, Any]
Tell = Callable[[Json], None]
"""One lie: it changes a result, or a notification's parameters."""

SHIFTED = str.maketrans("0123456789", "1234567890")
QUANTITY = re.compile(r"\d+(\.\d+)? (?=(ms|us|s|B|KiB|MiB|GiB)\b)")
VERSION = re.compile(r"\d+(\.\d+)+")


EVERYTHING = ("documents", "views", "commands")
"""What can be lied about: by the protocol, beyond it, and by commands."""


def write(path: Path, interpreter: str, *about: str) -> Path:
    """Make ``path`` the program that lies in the name of ``interpreter``, about some things or :data:`EVERYTHING`."""
    lies = ",".join(about or EVERYTHING)
    path.write_text(f'#!/bin/sh\nexec "{interpreter}" "{Path(__file__).resolve()}" {lies} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


# ---- documents: every figure is another one, and edits write something else


def _shifted(text: str) -> str:
    return text.translate(SHIFTED)


def _title(text: str) -> str:
    """Of a fix only what it saves is another: it is found and looked at."""
    what, saves, how_much = text.partition(": saves ")
    if saves:
        return what + saves + _shifted(how_much)
    return _shifted(text) if " ms" in text and "width" not in text else text


TEXTS: dict[str, Callable[[str], str]] = {
    "message": _shifted,
    "label": _shifted,
    "title": _title,
    "value": _shifted,
    "newText": _shifted,
}
"""What is made of a text under a key."""

ABOUT = ("textDocument/", "codeAction/", "codeLens/", "inlayHint/")


def falsified(value: Any) -> Any:
    """A result with other figures and edits."""
    if isinstance(value, list):
        return [falsified(each) for each in value]
    if isinstance(value, dict):
        return {
            key: TEXTS[key](each) if key in TEXTS and isinstance(each, str) else falsified(each)
            for key, each in value.items()
        }
    return value


# ---- what goes beyond the protocol: one change each, under the name of the claim that it breaks (ui/flow.ts)


def _slower(totals: Json) -> None:
    for bound in ("latencyUs", "lowUs", "highUs"):
        totals[bound] = totals[bound] and totals[bound] * 1.25


def _larger(totals: Json) -> None:
    totals["peakBytes"] += 4096


def _exchanged(some: list[Json], key: str) -> None:
    """Of the first and the fourth, which are convolutions where these are layers."""
    first, fourth = some[0], some[3]
    first[key], fourth[key] = fourth[key], first[key]


def _moved(view: Json) -> None:
    """Each layer has the place of the next."""
    layers = view["layers"]
    places = [layer["source"] for layer in layers]
    for layer, place in zip(layers, places[1:] + places[:1], strict=True):
        layer["source"] = place


def _gain(view: Json) -> None:
    for fix in (finding["fix"] for finding in view["findings"]):
        if fix and fix["gainUs"]:
            was = time(fix["gainUs"])
            fix["gainUs"] *= 1.25
            fix["title"] = fix["title"].replace(was, time(fix["gainUs"]))


def _messages(view: Json) -> None:
    for finding in view["findings"]:
        finding["message"] = _shifted(finding["message"])


VIEW: dict[str, Tell] = {
    "latency": lambda view: _slower(view["totals"][view["target"]]),
    "peak": lambda view: _larger(view["totals"][view["target"]]),
    "peak's layer": lambda view: view.update(peakAt=0),
    "layers": lambda view: _exchanged(view["layers"], "label"),
    "layers' latencies": lambda view: _exchanged([layer["latencyUs"] for layer in view["layers"]], view["target"]),
    "layers' memory": lambda view: _exchanged(view["layers"], "liveBytes"),
    "layers' parameters": lambda view: _exchanged(view["layers"], "params"),
    "layers' MACs": lambda view: _exchanged(view["layers"], "macs"),
    "layers' shapes": lambda view: _exchanged(view["layers"], "output"),
    "layers' places": _moved,
    "findings": _messages,
    "saving": _gain,
}
COMPARED: dict[str, Tell] = {
    "compared latency": lambda view: _slower(view["totals"][view["compare"]]),
    "compared layers' latencies": lambda view: _exchanged(
        [layer["latencyUs"] for layer in view["layers"]], view["compare"]
    ),
}
PREVIEW: dict[str, Tell] = {
    "preview's latency": lambda view: _slower(view["preview"]["totals"][view["target"]]),
    "preview's changes": lambda view: view["preview"]["changed"].pop(),
}


def model_view(view: Json) -> None:
    for lies, wanted in ((VIEW, view["layers"]), (COMPARED, view["compare"]), (PREVIEW, view["preview"])):
        for tell in lies.values() if wanted else ():
            tell(view)


def _bar(status: Json, key: str, write: Callable[[float], str], by: float) -> None:
    for model in status["models"]:
        was = model[key]
        if was is not None:
            model[key] = was * by
            model["text"] = model["text"].replace(write(was), write(was * by), 1)


def _judged(status: Json) -> None:
    for model in status["models"]:
        model["level"] = "over" if model["level"] == "near" else "near"


STATUS: dict[str, Tell] = {
    "bar's latency": lambda status: _bar(status, "latencyUs", time, 1.25),
    "bar's peak": lambda status: _bar(status, "peakBytes", size, 2),
    "bar's level": _judged,
    "bar's target": lambda status: status.update(target=status["targets"][-1] if status["targets"] else None),
}


def _active(targets: list[Json]) -> None:
    flags = [target["active"] for target in targets]
    for target, flag in zip(targets, flags[1:] + flags[:1], strict=True):
        target["active"] = flag


def _described(targets: list[Json]) -> None:
    texts = [target["description"] for target in targets]
    for target, text in zip(targets, texts[1:] + texts[:1], strict=True):
        target["description"] = text


TARGETS: dict[str, Tell] = {
    "known targets": lambda result: result["targets"].pop(1),
    "targets' descriptions": lambda result: _described(result["targets"]),
    "active target": lambda result: _active(result["targets"]),
}


# ---- commands: reports with other figures, and changes that were not made


def _report(result: Json) -> None:
    result["markdown"] = QUANTITY.sub(lambda found: _shifted(found[0]), result["markdown"])


def _audit(result: Json) -> None:
    _report(result)
    result["findings"] -= 1


def _page(result: Json) -> None:
    result["markdown"] = _shifted(result["markdown"])


def _versions(result: Json) -> None:
    result["markdown"] = VERSION.sub(lambda found: _shifted(found[0]), result["markdown"])


def _trusted(result: Json) -> None:
    result["markdown"] = result["markdown"].replace("is trusted", "is not trusted")


COMMANDS: dict[str, Tell] = {
    "advisor.showModelTable": _report,
    "advisor.showFindings": _report,
    "advisor.auditWorkspace": _audit,
    "advisor.explain": _page,
    "advisor.doctor": _versions,
    "advisor.howToTrust": _trusted,
}
UNDONE: dict[str, Json] = {
    "advisor.applyFix": {"applied": True, "note": ""},
    "advisor.fixAll": {"applied": True, "count": 1, "note": ""},
    "advisor.tellInputs": {"applied": True},
    "advisor.switchTarget": {"target": ""},
}
"""What is answered at once, as if it had been done: the server is asked for something else."""


DOCUMENT = {"hint", "lens", "fix's title", "fix's preview", "fixed text"}
CLAIMS = {*VIEW, *COMPARED, *PREVIEW, *STATUS, *TARGETS, *DOCUMENT, "jump", "applied"}
"""What is held against the truth at the screen, and all of it is broken here: a jump by another place, ``applied`` by a
fix that is said to be."""


def targets(result: Json) -> None:
    for tell in TARGETS.values():
        tell(result)


def status(params: Json) -> None:
    for tell in STATUS.values():
        tell(params)


VIEWS: dict[str, Tell] = {"advisor/modelView": model_view, "advisor/targets": targets}


class Between:
    """Carries messages; those that answer a question are falsified on their way back, and so is what the server tells
    unasked."""

    def __init__(self, about: Container[str]) -> None:
        self._asked: dict[object, Callable[[Any], Any]] = {}
        self._documents, self._views = "documents" in about, "views" in about
        self._undone = UNDONE if "commands" in about else {}
        self._requests = {**(VIEWS if self._views else {}), **(COMMANDS if "commands" in about else {})}

    def up(self, message: Json) -> Json:
        """Note what is asked; what is not to be done is not passed on."""
        method = str(message.get("method", ""))
        if "id" not in message:
            return message
        if method == "workspace/executeCommand":
            method = message["params"]["command"]
        if method in self._undone:
            answer = self._undone[method]
            self._asked[message["id"]] = lambda _: answer
            return {**message, "method": "advisor/targets", "params": {}}
        if method.startswith(ABOUT) and self._documents:
            self._asked[message["id"]] = falsified
        elif method in self._requests:
            self._asked[message["id"]] = lambda result: _told(self._requests[method], result)
        return message

    def down(self, message: Json) -> Json:
        method = message.get("method")
        if method == "textDocument/publishDiagnostics" and self._documents:
            return {**message, "params": falsified(message["params"])}
        if method == "advisor/status" and self._views:
            return {**message, "params": _told(status, message["params"])}
        if method is None and (answer := self._asked.pop(message.get("id"), None)) and "result" in message:
            return {**message, "result": answer(message["result"])}
        return message


def _told(tell: Tell, value: Json) -> Json:
    tell(value)
    return value


def carry(source: IO[bytes], sink: IO[bytes], change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Messages from one to the other until the first ends."""
    while (length := _length(source)) is not None:
        body = json.dumps(change(json.loads(source.read(length)))).encode()
        sink.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        sink.flush()
    sink.close()


def _length(source: IO[bytes]) -> int | None:
    """The length of the next message, by its header; None at the end."""
    length = None
    while line := source.readline():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        if line == b"\r\n":
            return length
    return None


def main(arguments: list[str]) -> int:
    about, *arguments = arguments
    command = [sys.executable, *arguments]
    if arguments[-1:] != ["lsp"]:
        return subprocess.run(command).returncode
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None and server.stdout is not None
        between = Between(about.split(","))
        threading.Thread(target=carry, args=(sys.stdin.buffer, server.stdin, between.up), daemon=True).start()
        carry(server.stdout, sys.stdout.buffer, between.down)
        return server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
