"""How fixes read."""

from __future__ import annotations

from pathlib import Path

from advisor.costs import Costs, MemoryPeak
from advisor.fixes.edits import Edit
from advisor.fixes.fix import digest
from advisor.fixes.making import applicability, described, made
from advisor.fixes.prices import Price
from advisor.fixes.proposal import Sources
from advisor.graph import Span
from advisor.moves import RemoveBias, SetWidth, Together
from advisor.texts import Texts
from tests.graphs import GraphBuilder


def _costs(latency: float) -> Costs:
    return Costs("t", "simulated", (), latency, 0, 0, 0, 0, MemoryPeak(0, None, ()), (), {}, {})


def test_a_title_says_each_change_once_and_the_saving() -> None:
    b = GraphBuilder()
    x = b.input((1, 3, 8, 8))
    for i in range(4):
        x = b.conv(x, 60 if i < 2 else 30, 3, path=f"c{i}")
    graph = b.build(b.conv(x, 10))
    move = Together((SetWidth(0, 64), SetWidth(1, 64), SetWidth(2, 32)))
    assert described(move, graph) == "Set width 60 → 64, 30 → 32"
    assert described(SetWidth(0, 64), graph) == "Set width 60 → 64"
    edit = Edit(Span("net.py", 1, 1, 1, 2), "64")
    sources = Sources(Texts({Path("net.py"): "60\r\n"}))

    def fix(after: float) -> str:
        return made("It", (edit,), move, "unsafe", Price(_costs(100.0), _costs(after)), "", sources).title

    assert (fix(90.0), fix(110.0), fix(100.0)) == (
        "It: saves 10 us (10 %)",
        "It: costs 10 us (10 %)",
        "It: costs nothing",
    )
    plain = made("It", (edit,), move, "unsafe", None, "why", sources)
    assert (plain.title, plain.gain_us, plain.note) == ("It", None, "why")
    assert plain.base == {"net.py": digest("60\n")}


def test_only_moves_that_keep_the_function_are_safe() -> None:
    assert applicability(RemoveBias(0)) == "safe"
    assert applicability(Together((RemoveBias(0), SetWidth(0, 64)))) == "unsafe"
