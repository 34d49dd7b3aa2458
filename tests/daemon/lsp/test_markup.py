"""Markup: the same content for both kinds of clients."""

from __future__ import annotations

from advisor.daemon.lsp.markup import Markup, escape

ROWS = [["layer", "MACs"], ["a|b", "10 k"], ["features.0", "1 M"]]


def test_tables() -> None:
    assert Markup(True).table(ROWS, right=[1]).splitlines() == [
        "| layer | MACs |",
        "| --- | --: |",
        "| a\\|b | 10 k |",
        "| features.0 | 1 M |",
    ]
    assert Markup(False).table(ROWS, right=[1]).splitlines() == [
        "layer       MACs",
        "a|b         10 k",
        "features.0   1 M",
    ]


def test_text_shows_as_it_is() -> None:
    assert escape("__init__ of a * b <x> snake_case") == r"\_\_init\_\_ of a \* b \<x> snake_case"
    assert escape("write `# advisor: args=(*a,)` [here](x)") == r"write `# advisor: args=(*a,)` [here\](x)"
    assert Markup(False).text("a * b") == "a * b"


def test_links_and_code() -> None:
    assert Markup(True).link("line 3", "file:///a#L3") == "[line 3](file:///a#L3)"
    assert Markup(True).link("line 3", None) == "line 3"
    assert Markup(False).link("line 3", "file:///a#L3") == "line 3"
    assert Markup(True).code("a`b") == r"a\`b"
    assert Markup(True).code("conv*") == "`conv*`"


def test_blocks_are_paragraphs() -> None:
    content = Markup(True).content(["a", "", "b"])
    assert (content.kind.value, content.value) == ("markdown", "a\n\nb")
    assert Markup(False).content(["a"]).kind.value == "plaintext"
