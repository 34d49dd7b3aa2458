"""Views made by hand, for tests."""

from __future__ import annotations

from advisor.daemon.view import Instance, Model, Phase, Place, Totals, View, digest
from advisor.findings import Finding
from advisor.graph import Span


def span(path: str, text: str, words: str) -> Span:
    """Where ``words`` first stand in ``text``, on one line."""
    row, line = next((i, row) for i, row in enumerate(text.split("\n")) if words in row)
    column = line.index(words)
    return Span(path, row + 1, column + 1, row + 1, column + len(words) + 1)


def instance(label: str = "conv", us: float = 2.0) -> Instance:
    return Instance("Net", label, "conv2d", [[1, 3, 8, 8]], [1, 17, 8, 8], "float32", 459, 29376, 5120, {"cpu-x86": us})


def view(
    path: str,
    text: str,
    *,
    phase: Phase = "traced",
    places: tuple[str, ...] = (),
    models: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> View:
    """A view of ``text`` with a layer at each of ``places`` and a model at each name of ``models``."""
    totals = {"cpu-x86": Totals("simulated", 10.0, 29376, 459, 1836, 5120, 0)}
    return View(
        path,
        digest(text),
        phase,
        ["cpu-x86"],
        [Model(name, span(path, text, name), "ok", "meta", f"{name}()", "(1, 3, 8, 8)", totals, 0) for name in models],
        [Place(span(path, text, words), True, [instance()]) for words in places],
        list(findings),
    )


def finding(path: str, text: str, words: str, code: str = "CHN101", message: str = "odd", **more: object) -> Finding:
    return Finding(code, message, span(path, text, words), model="Net", **more)  # type: ignore[arg-type]
