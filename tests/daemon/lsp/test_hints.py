"""Inlay hints: behind each layer, in the client's positions, only where they were asked for."""

from __future__ import annotations

import pytest
from lsprotocol import types as lsp

from advisor.daemon.lsp import hints
from advisor.daemon.lsp.documents import Opened
from advisor.daemon.lsp.markup import Markup
from advisor.daemon.lsp.texts import Encoding

from .reports import NET, opened

ALL = lsp.Range(lsp.Position(0, 0), lsp.Position(10_000, 0))
SHOW = ("shape", "latency")


def labels(document: Opened, within: lsp.Range = ALL) -> dict[int, list[str]]:
    """The labels by line of the text, from 1."""
    out: dict[int, list[str]] = {}
    for hint, _ in hints.hints(document, document.uri, within, SHOW):
        assert isinstance(hint.label, str)
        out.setdefault(hint.position.line + 1, []).append(hint.label)
    return out


def test_every_layer_of_a_real_model_has_one() -> None:
    found = labels(opened())
    assert list(found) == [7, 8, 16, 17, 20]
    assert found[7][0].startswith("×3 → 60–64×112×112 · Σ ")
    assert found[8] == ["×3 → 60–64×112×112"]
    assert found[17][0].startswith("→ 10 · ")
    assert found[20][0].startswith("→ 64 · "), "the mean is created nowhere: it has one at its call"


def test_a_layer_with_a_creation_has_none_at_its_call() -> None:
    lines = NET.splitlines()
    assert "self.head(" in lines[19]
    assert len(labels(opened())[20]) == 1


@pytest.mark.parametrize(("encoding", "wide"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_it_stands_at_the_end_of_the_line_in_the_clients_units(encoding: Encoding, wide: int) -> None:
    document = opened(encoding=encoding)
    position = next(h.position for h, _ in hints.hints(document, document.uri, ALL, SHOW) if h.position.line == 7)
    assert position.character == len(NET.splitlines()[7]) - 1 + wide


def test_of_several_that_end_on_a_line_each_stands_behind_its_own() -> None:
    text = NET.replace("nn.Linear(64, 10)", "nn.Sequential(nn.Linear(64, 10), nn.Linear(10, 9))")
    document = opened(text)
    found = [h for h, _ in hints.hints(document, document.uri, ALL, ("shape",)) if h.position.line == 16]
    line = text.splitlines()[16]
    assert [(line[: h.position.character][-13:], h.label) for h in found] == [
        ("inear(64, 10)", "→ 10"),
        ("Linear(10, 9)", "→ 9"),
    ]


def test_only_what_the_range_holds() -> None:
    assert list(labels(opened(), lsp.Range(lsp.Position(7, 0), lsp.Position(15, 999)))) == [8, 16]
    assert not labels(opened(), lsp.Range(lsp.Position(2, 0), lsp.Position(4, 0)))


def test_stale_ones_stay_and_are_marked() -> None:
    document = opened()
    document.stale = True
    found = labels(document)
    assert list(found) == [7, 8, 16, 17, 20]
    assert all("~" in label for some in found.values() for label in some)


def test_nothing_is_known_of_a_model_that_could_not_be_built() -> None:
    assert 26 not in labels(opened())


def test_without_a_view_there_are_none() -> None:
    document = opened()
    document.view = None
    assert labels(document) == {}


def test_the_tooltip_comes_later_and_says_what_its_numbers_are() -> None:
    document = opened()
    hint = hints.hints(document, document.uri, ALL, SHOW)[0][0]
    assert hint.tooltip is None
    hints.resolved(hint, document, Markup(True))
    assert isinstance(hint.tooltip, lsp.MarkupContent)
    for said in ("`stem.0`", "`body.2.0`", "cpu-x86 (simulated)", "ethos-u85-1024 (predicted)", "Σ of 3"):
        assert said in hint.tooltip.value


def test_an_edit_since_leaves_the_hint_without_tooltip() -> None:
    document = opened()
    hint = hints.hints(document, document.uri, ALL, SHOW)[0][0]
    document.generation += 1
    assert hints.resolved(hint, document, Markup(True)).tooltip is None
    assert hints.resolved(hint, None, Markup(True)).tooltip is None
