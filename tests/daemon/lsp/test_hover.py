"""Hover: a layer's table, a model's totals, and why a finding matters."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from lsprotocol import types as lsp

from advisor.daemon.lsp.documents import Opened, State
from advisor.daemon.lsp.hover import hover
from advisor.daemon.lsp.markup import Markup
from advisor.daemon.view import View

from .reports import MIXED, NET, opened


def said(document: Opened, words: str, markdown: bool = True) -> lsp.Hover | None:
    """The hover at the first letter of ``words``."""
    row = next(n for n, line in enumerate(NET.splitlines()) if words in line)
    column = NET.splitlines()[row].index(words)
    units = document.codec.units(NET.splitlines()[row][:column])
    return hover(document, document.uri, lsp.Position(row, units), Markup(markdown))


def text(found: lsp.Hover | None) -> str:
    assert found is not None
    assert isinstance(found.contents, lsp.MarkupContent)
    return found.contents.value


def test_a_layers_row() -> None:
    found = said(opened(), "nn.Linear(64, 10)")
    assert found is not None
    assert found.range is not None
    assert (found.range.start.line, found.range.end.character) == (16, len(NET.splitlines()[16]))
    shown = text(found)
    assert "**linear** in Net" in shown
    assert "| `head` | linear | 64 → 10 | 650 | 640 | " in shown
    assert "cpu-x86 (simulated)" in shown
    assert " %)" in shown


def test_a_predicted_layer_and_a_finding_say_how_certain_they_are() -> None:
    shown = text(said(opened(), "nn.Linear(64, 10)"))
    row = next(line for line in shown.splitlines() if line.startswith("| `head` "))
    assert "ethos-u85-1024 (predicted)" in shown
    simulated, predicted = row.strip("| ").split(" | ")[-2:]
    assert "±" not in simulated and re.search(r" us (±\d+ %|\([\d.]+ us to [\d.]+ us\)) \(\d", predicted)
    of_findings = text(said(opened(), "60), nn.ReLU"))
    assert "[simulated]" in of_findings and re.search(r"\[predicted ±[\d.]+ ms\]", of_findings)


def test_all_layers_of_a_line_their_sum_and_where_they_are_called() -> None:
    document = opened()
    shown = text(said(document, "nn.Conv2d(c_in"))
    assert "**3 layers of Net**, made here" in shown
    assert [f"`{p}`" in shown for p in ("stem.0", "body.0.0", "body.2.0")] == [True] * 3
    assert "| Σ of 3 |" in shown
    assert f"Called from [line 15]({document.uri}#L15), [line 16]({document.uri}#L16)" in shown


def test_a_long_list_is_cut_and_says_so() -> None:
    many = NET.replace(
        "nn.Sequential(conv_bn(60, 60), nn.ReLU(), conv_bn(60, 64))",
        "nn.Sequential(*(conv_bn(60, 60) for _ in range(16)), conv_bn(60, 64))",
    )
    shown = text(said(opened(many), "nn.Conv2d(c_in"))
    assert "`body.10.0`" in shown
    assert "`body.11.0`" not in shown
    assert "and 6 more: `advisor.showModelTable` shows all" in shown
    assert "Σ of 18" in shown


def test_where_widths_come_from() -> None:
    document = opened()
    shown = text(said(document, "nn.Conv2d(c_in"))
    assert f"Its 60 comes from [line 15]({document.uri}#L15): `conv_bn(3, 60, 2)`" in shown
    assert f"Its 64 comes from [line 16]({document.uri}#L16): `conv_bn(60, 64)`" in shown
    document = opened(NET.replace("60", "2 * 30"))
    shown = text(said(document, "nn.Conv2d(c_in"))
    assert f"Its 60 comes from [line 15]({document.uri}#L15): `conv_bn(3, 2 * 30, 2)`, 30 × 2" in shown
    assert "Its 64 comes from" in shown
    document = opened(NET.replace("conv_bn(3, 60, 2)", "conv_bn(3, sum(range(0, 61, 20)) // 2, 2)"))
    shown = text(said(document, "nn.Conv2d(c_in"))
    assert f"Its 60 is decided by the call in [line 15]({document.uri}#L15)" in shown


def test_where_widths_of_a_table_come_from() -> None:
    document = opened(
        NET.replace("self.stem = conv_bn(3, 60, 2)", "self.stem = [conv_bn(a, b) for a, b in [(3, 60)]][0]")
    )
    shown = text(said(document, "nn.Conv2d(c_in"))
    assert f"Its 60 comes from [line 15]({document.uri}#L15): `(3, 60)`, second item" in shown


def test_the_name_a_layer_is_assigned_to_is_its_statement() -> None:
    assert "`head`" in text(said(opened(), "self.head = "))
    assert said(opened(), "def forward") is None


def test_findings_are_explained_and_linked() -> None:
    shown = text(said(opened(), "60), nn.ReLU"))
    assert "[CHN101](file:" in shown
    assert "misaligned-channels: 60 channels" in shown
    assert "> The array pads every layer" in shown
    three = text(said(opened(MIXED), "nn.Conv2d(c_in"))
    assert three.count("60 wasted parameters") == 1
    assert three.count("64 wasted parameters") == 1
    assert three.count("> The normalisation subtracts") == 1


def test_a_models_totals_on_each_target() -> None:
    shown = text(said(opened(), "Net(nn.Module)"))
    assert "**Net** ok, traced by fx-meta" in shown
    for target in ("| `cpu-x86` | ", "| `ethos-u85-1024` | "):
        assert target in shown
    assert "simulated |" in shown
    assert "built as `Net()" in shown
    assert "All findings together on ethos-u85-1024: " in shown


def test_a_models_scores_stand_apart_from_its_costs() -> None:
    document = opened()
    assert "initialisation" not in text(said(document, "Net(nn.Module)"))
    assert document.view is not None
    first, *others = document.view.models
    scored = replace(first, scores=[("NASWOT", "206.3"), ("MeCo", "none: it makes no maps")], scored="(16, 3, 64, 64)")
    document.view = replace(document.view, models=[scored, *others])
    costs, scores = text(said(document, "Net(nn.Module)")).split("**At initialisation**")
    assert "cpu-x86" in costs and "cpu-x86" not in scores.partition("> ")[0]
    assert "inputs (16, 3, 64, 64)" in scores and "not an accuracy" in scores
    assert "| NASWOT | 206.3 |" in scores and "| MeCo | none: it makes no maps |" in scores


def test_what_could_not_be_run_has_no_figures_but_a_reason() -> None:
    shown = text(said(opened(), "Needy(nn.Module)"))
    assert "read from the source only" in shown
    assert "| `cpu-x86` | ? | ? | ? | ? | ? |" in shown
    assert "not-constructed: Needy: cannot be constructed" in shown


@pytest.mark.parametrize("words", ["nn.Conv2d(c_in", "Net(nn.Module)", "60), nn.ReLU"])
def test_plain_text_says_the_same_without_marks(words: str) -> None:
    shown = text(said(opened(), words, markdown=False))
    assert not any(mark in shown for mark in ("**", "`features", "| ", "]("))


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("running", "a new analysis is on its way"),
        ("broken", "could not be imported"),
        ("cancelled", "advisor.retrace starts it again"),
        ("failed", "failed, the first diagnostic says why"),
    ],
)
def test_stale_is_said_and_why(state: State, why: str) -> None:
    document = opened()
    document.state = state
    assert "before the last edits" not in text(said(document, "nn.Linear(64, 10)"))
    document.stale = True
    shown = text(said(document, "nn.Linear(64, 10)"))
    assert "before the last edits" in shown
    assert why in shown


def test_nothing_without_a_view_or_elsewhere() -> None:
    document = opened()
    assert hover(document, document.uri, lsp.Position(0, 0), Markup(True)) is None
    assert hover(document, document.uri, lsp.Position(9_999, 9), Markup(True)) is None
    document.view = View(str(document.path), "", "static", [])
    assert said(document, "nn.Linear(64, 10)") is None
