"""What a status bar hears: how a document stands, its models' figures, and how these stand to the budgets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from advisor.daemon.lsp.documents import Elsewhere, Opened
from advisor.daemon.lsp.status import status
from advisor.daemon.lsp.texts import Codec
from advisor.daemon.view import Totals, View
from advisor.limits import Limits, MemoryLimit

from .client import PULL, Editor, FakeLanes, change, editing
from .reports import opened
from .views import finding, view

WANTS: dict[str, Any] = {**PULL, "experimental": {"advisor": {"status": True}}}
TEXT = "class Net:\n    a = nn.Conv2d(3, 17)\n"


def known(**totals: Any) -> Opened:
    """A document with one traced model of 10 µs and 5 KiB."""
    path = Path("/project/net.py")
    document = Opened(path.as_uri(), path, 1, TEXT, Elsewhere(Codec("utf-16"), lambda _: None))
    document.view = view(str(path), TEXT, models=("Net",), places=("nn.Conv2d(3, 17)",))
    document.state = "known"
    (net,) = document.view.models
    net.totals["cpu-x86"] = replace(net.totals["cpu-x86"], **totals)
    return document


def within(document: Opened, latency: float | None = None, *memory: MemoryLimit) -> dict[str, Any]:
    """The model's status under limits."""
    assert document.view is not None
    document.view.limits["cpu-x86"] = Limits(latency, memory)
    return status(document, trusted=True)["models"][0]


def budget(size: int, *, hard: bool = True) -> MemoryLimit:
    return MemoryLimit(size, "the budget" if hard else "its sram", "budget" if hard else "target", hard)


# ---- what is said of a document


def test_figures_are_those_of_the_first_target() -> None:
    said = status(opened(), trusted=True)
    assert said["target"] == "cpu-x86" and said["targets"] == ["cpu-x86", "ethos-u85-1024"]
    net, needy = said["models"]
    document = opened()
    assert document.view is not None
    total = document.view.models[0].totals["cpu-x86"]
    assert (net["name"], net["status"], net["label"]) == ("Net", "ok", "simulated")
    assert (net["latencyUs"], net["peakBytes"], net["params"]) == (total.latency_us, total.peak_bytes, total.params)
    assert (net["lowUs"], net["uncounted"], net["findings"]) == (None, 0, document.view.models[0].findings)
    assert net["range"]["start"] == {"line": 11, "character": 6}
    assert (needy["name"], needy["latencyUs"], needy["level"], needy["text"]) == ("Needy", None, "unknown", "")


def test_the_text_has_the_interval_what_is_missing_and_a_mark_for_an_older_text() -> None:
    document = known(latency_us=1180.0, low_us=1110.0, high_us=1250.0, peak_bytes=6_021_120)
    assert within(document)["text"] == "1.18 ms ±5.9 % · 5.742 MiB"
    document.stale = True
    assert within(document)["text"].startswith("~1.18 ms")
    assert " + 2 uncounted · " in within(known(uncounted=2))["text"]


def test_what_nobody_could_cost_is_no_zero() -> None:
    said = within(known(latency_us=0.0, uncounted=4), 1.0)
    assert (said["latencyUs"], said["peakBytes"], said["level"], said["text"]) == (None, None, "unknown", "")
    assert said["uncounted"] == 4


@pytest.mark.parametrize(
    ("trusted", "state", "expected"),
    [
        (True, "known", "traced"),
        (False, "known", "static"),
        (True, "running", "tracing"),
        (False, "running", "waiting"),
        (True, "broken", "failed"),
        (True, "failed", "failed"),
        (True, "cancelled", "cancelled"),
    ],
)
def test_how_a_document_stands(trusted: bool, state: Any, expected: str) -> None:
    document = known()
    document.state = state
    said = status(document, trusted)
    assert (said["state"], said["trusted"]) == (expected, trusted)


def test_a_file_that_cannot_be_imported_has_failed() -> None:
    document = known()
    assert document.view is not None
    document.view.findings.append(finding(str(document.path), TEXT, "Net", code="TRC901"))
    assert status(document, trusted=True)["state"] == "failed"


# ---- budgets


@pytest.mark.parametrize(
    ("latency", "memory", "level", "why"),
    [
        (None, (), "ok", ""),
        (20.0, (budget(10240),), "ok", ""),
        (10.5, (), "near", "latency 10 us is near the budget of 10.5 us"),
        (8.0, (), "over", "latency 10 us is over the budget of 8 us"),
        (None, (budget(4096),), "over", "peak memory 5 KiB is over the budget of 4 KiB"),
        (None, (budget(5300),), "near", "peak memory 5 KiB is near the budget of 5.176 KiB"),
        (None, (budget(9999), budget(4096, hard=False)), "near", "peak memory 5 KiB is over its sram of 4 KiB"),
        (
            8.0,
            (budget(5300),),
            "over",
            "latency 10 us is over the budget of 8 us; peak memory 5 KiB is near the budget",
        ),
    ],
)
def test_a_level_and_why(latency: float | None, memory: tuple[MemoryLimit, ...], level: str, why: str) -> None:
    said = within(known(), latency, *memory)
    assert said["level"] == level
    assert said["why"].startswith(why) and bool(said["why"]) == bool(why)


def test_a_latency_that_lacks_operations_is_within_no_budget_and_may_be_over_it() -> None:
    said = within(known(uncounted=2), 20.0)
    assert said["level"] == "unknown" and said["why"].startswith("2 operations have no latency")
    assert within(known(uncounted=2), 8.0)["level"] == "over"


def test_a_model_that_ran_in_part_is_within_nothing() -> None:
    document = known()
    assert document.view is not None
    document.view.models[0].status = "partial"
    said = within(document, 20.0)
    assert (said["level"], said["why"]) == ("unknown", "only a part of the model could be run")
    assert said["text"].startswith("up to there: 10 us")
    assert within(document, 8.0)["level"] == "over"


# ---- when it is said


async def start(editor: Editor, file: Path, lanes: FakeLanes, able: dict[str, Any] = WANTS, **options: Any) -> None:
    file.write_text(TEXT)
    lanes.answers["warm"] = lambda _: {}
    await editor.initialize(file.parent, able, **{"trusted": True, **options})
    editor.open(file.as_uri(), TEXT)


def traced(file: Path, text: str = TEXT, **totals: Any) -> dict[str, Any]:
    found: View = view(str(file), text, models=("Net",))
    for model in found.models:
        model.totals["cpu-x86"] = replace(model.totals["cpu-x86"], **totals)
    return found.to_plain()


async def test_it_is_told_when_it_changes_and_not_otherwise(tmp_path: Path) -> None:
    file, lanes = tmp_path / "net.py", FakeLanes()
    async with editing(lanes) as editor:
        await start(editor, file, lanes)
        call = await lanes.next(0)
        call.static(view(str(file), TEXT, phase="static").to_plain())
        await editor.settled()
        call.answer(traced(file))
        last = await editor.nth("advisor/status", 2)
        assert [s["state"] for s in editor.of("advisor/status")] == ["waiting", "tracing", "traced"]
        assert [s["revision"] for s in editor.of("advisor/status")] == [0, 0, 1]
        assert last["models"][0]["text"] == "10 us · 5 KiB" and last["uri"] == file.as_uri()
        editor.edit(file.as_uri(), 2, change((1, 0), (1, 0), "    # width\n"))
        again = await editor.nth("advisor/status", 3)
        assert (again["state"], again["stale"], again["models"][0]["text"]) == ("waiting", True, "~10 us · 5 KiB")
        after = TEXT.replace("class Net:\n", "class Net:\n    # width\n")
        (await lanes.next(1)).answer(traced(file, after))
        assert (await editor.nth("advisor/status", 4))["stale"] is False
        await editor.ask("workspace/executeCommand", {"command": "advisor.retrace", "arguments": [file.as_uri()]})
        (await lanes.next(2)).answer(traced(file, after, latency_us=20.0))
        assert (await editor.nth("advisor/status", 6))["models"][0]["latencyUs"] == 20.0


async def test_a_document_that_is_opened_again_is_told_again_and_a_closed_one_never(tmp_path: Path) -> None:
    file, lanes = tmp_path / "net.py", FakeLanes()
    async with editing(lanes) as editor:
        await start(editor, file, lanes)
        (await lanes.next(0)).answer(traced(file))
        before = len(await editor.until(lambda: editor.of("advisor/status")[1:])) + 1
        editor.notify("textDocument/didClose", textDocument={"uri": file.as_uri()})
        await editor.settled()
        assert len(editor.of("advisor/status")) == before
        editor.open(file.as_uri(), TEXT)
        assert (await editor.nth("advisor/status", before))["state"] == "waiting"


async def test_nobody_hears_it_who_did_not_ask(tmp_path: Path) -> None:
    file, lanes = tmp_path / "net.py", FakeLanes()
    async with editing(lanes) as editor:
        await start(editor, file, lanes, PULL)
        (await lanes.next(0)).answer(traced(file))
        await editor.settled()
        assert not editor.of("advisor/status")


async def test_trust_that_is_given_later_and_failures_are_told(tmp_path: Path) -> None:
    file, lanes = tmp_path / "net.py", FakeLanes()
    async with editing(lanes) as editor:
        await start(editor, file, lanes, trusted=False)
        (await lanes.next(0)).answer(traced(file))
        assert (await editor.nth("advisor/status", 1))["state"] == "static"
        editor.notify("advisor/trust", trusted=True)
        given = await editor.nth("advisor/status", 2)
        assert (given["state"], given["trusted"]) == ("waiting", True)
        (await lanes.next(1)).answer(traced(file))
        assert (await editor.nth("advisor/status", 3))["state"] == "traced"


def test_totals_are_not_invented_before_a_trace() -> None:
    document = known()
    assert document.view is not None
    document.view.models[0].totals = dict[str, Totals]()
    (said,) = status(document, trusted=True)["models"]
    assert [said[key] for key in ("latencyUs", "peakBytes", "params", "macs", "uncounted")] == [None] * 5
