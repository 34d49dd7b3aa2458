"""Code lenses: a model's totals, its findings, and why it could not be run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.daemon.lsp.documents import Opened, State
from advisor.daemon.lsp.lenses import lenses

from .reports import NET, opened


def titles(document: Opened, trusted: bool = True, line: int | None = None) -> list[str]:
    return [
        lens.command.title
        for lens in lenses(document, document.uri, None if trusted else "allow it so")
        if lens.command is not None and line in (None, lens.range.start.line + 1)
    ]


def test_totals_on_each_target_and_findings() -> None:
    document = opened()
    assert document.view is not None
    count = document.view.models[0].findings
    first, second, third = titles(document, line=12)
    assert first.startswith("cpu-x86: ")
    assert first.endswith(" MiB peak · 69.8 k params (simulated)")
    assert second.startswith("ethos-u85-1024: ")
    assert count > 3 and third.startswith(f"{count} findings · together ")
    assert third.endswith(" %) on cpu-x86")


def test_scores_have_a_lens_of_their_own() -> None:
    document = opened()
    assert document.view is not None
    scores = [("NASWOT", "206.3"), ("expressivity (AZ-NAS)", "43.9"), ("SynFlow (log)", "40")]
    first, *others = document.view.models
    document.view = replace(document.view, models=[replace(first, scores=scores), *others])
    assert titles(document, line=12)[2] == "at initialisation: NASWOT 206.3 · expressivity (AZ-NAS) 43.9"
    document.view = replace(document.view, models=[replace(first, scores=[("NASWOT", "none: it has no ReLU")])])
    assert not any("initialisation" in title for title in titles(document, line=12))


def test_commands_name_the_document_and_the_model() -> None:
    document = opened()
    commands = [lens.command for lens in lenses(document, document.uri, None) if lens.command is not None]
    assert [c.command for c in commands[:3]] == [
        "advisor.showModelTable",
        "advisor.showModelTable",
        "advisor.showFindings",
    ]
    assert all(c.arguments == [{"uri": document.uri, "model": "Net"}] for c in commands[:3])


def test_a_model_that_could_not_be_run_says_why_and_what_to_do() -> None:
    shown = titles(opened(), line=23)
    assert shown == [
        "cannot be constructed: AttributeError: 'int' object has no attribute 'no_such_thing'",
        "tell args and inputs",
    ]


def test_models_of_a_file_that_cannot_be_imported_say_so() -> None:
    shown = titles(opened(f"import os\n{NET}\nos._exit(3)\n"), line=13)
    assert [text.partition(" (")[0] for text in shown] == [
        "stopped while the file was imported: it ended the interpreter"
    ]


@pytest.mark.parametrize(("state", "said"), [("cancelled", "you stopped"), ("failed", "the analysis failed")])
def test_a_model_that_no_trace_is_on_its_way_for_offers_one(state: State, said: str) -> None:
    document = opened()
    before = titles(document, line=12)
    document.state = state
    again = lenses(document, document.uri, None)[0].command
    assert again is not None
    assert said in again.title
    assert (again.command, again.arguments) == ("advisor.retrace", [document.uri])
    assert titles(document, line=12)[1:] == before
    assert titles(document, trusted=False, line=12)[0] == before[0], "nothing can be traced"


def test_without_trust_there_is_no_telling() -> None:
    assert titles(opened(), trusted=False, line=23) == ["static only: not trusted · how to allow it"]


def test_the_lens_of_what_is_not_trusted_says_how_to_allow_it() -> None:
    document = opened()
    (lens,) = [lens for lens in lenses(document, document.uri, "allow it so") if lens.range.start.line == 22]
    assert lens.command is not None and lens.command.tooltip == "allow it so"
    assert lens.command.command == "advisor.howToTrust"
    assert all(lens.command is None or lens.command.tooltip is None for lens in lenses(document, document.uri, None))


def test_what_ran_in_part_says_so() -> None:
    text = NET.replace("self.head(self.body(", "self.head(self.body(self.nothing + ")
    shown = titles(opened(text), line=12)
    assert shown[0].startswith("forward raised AttributeError: 'Net' object has no attribute 'nothing'")
    assert not any(title.startswith("cpu-x86: ") for title in shown)
    assert shown[-1] == "tell args and inputs"


def test_uncounted_ops_are_in_the_title() -> None:
    document = opened()
    view = document.view
    assert view is not None
    model = next(m for m in view.models if m.name == "Net")
    total = replace(model.totals["cpu-x86"], uncounted=3)
    document.view = replace(view, models=[replace(model, totals={"cpu-x86": total})])
    assert " + 3 uncounted · " in titles(document)[0]


def test_stale_ones_are_marked_and_a_static_phase_says_nothing_yet() -> None:
    document = opened()
    document.stale = True
    assert all(title.startswith("~") for title in titles(document))
    view = document.view
    assert view is not None
    waiting = [replace(m, totals={}, status="partial", rung="static") for m in view.models]
    document.view = replace(view, phase="static", models=waiting, findings=[])
    assert titles(document) == []
    assert titles(document, trusted=False) == 2 * ["~static only: not trusted · how to allow it"]
