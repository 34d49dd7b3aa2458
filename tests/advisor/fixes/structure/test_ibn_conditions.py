"""Conditions that tell blocks apart: true of all that are wanted, false of the others, and as a person would write."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from advisor.fixes.structure.ibn_conditions import conditions

TABLE = [
    {"t": 1, "c": 16, "i": 0, "width": 32, "drop": 0.0},
    {"t": 6, "c": 24, "i": 0, "width": 16, "drop": 0.1},
    {"t": 6, "c": 24, "i": 1, "width": 24, "drop": 0.2},
    {"t": 6, "c": 32, "i": 0, "width": 24, "drop": 0.3},
    {"t": 6, "c": 32, "i": 1, "width": 32, "drop": 0.4},
]


def best(wanted: list[int], looped: str = "tci") -> str:
    others = [scope for i, scope in enumerate(TABLE) if i not in wanted]
    return conditions([TABLE[i] for i in wanted], others, TABLE[0], looped)[0]


def test_one_stage_several_stages_and_one_block() -> None:
    assert best([1, 2]) == "c == 24"
    assert best([1, 2, 3, 4]) in ("t == 6", "c >= 24")
    assert best([4]) == "c == 32 and i == 1"


def test_words_flags_and_none() -> None:
    others = [{"kind": "ds", "se": None, "last": False}]
    wanted = [{"kind": "ir", "se": 0.25, "last": True}]
    assert set(conditions(wanted, others)) >= {'kind == "ir"', "se is not None", "last"}


def test_nothing_where_nothing_tells() -> None:
    assert conditions([TABLE[0]], [TABLE[0]]) == []
    assert conditions([{"a": 1}], [{"b": 2}]) == []


def test_fractions_are_not_compared_for_equality() -> None:
    assert all("== 0" not in text for text in conditions([TABLE[2]], [TABLE[1], TABLE[3]]))


_VALUES = st.one_of(st.integers(-4, 40), st.booleans(), st.none(), st.sampled_from(["a", "b", 'quo"te']))
_SCOPES = st.lists(st.fixed_dictionaries({"a": _VALUES, "b": _VALUES, "c": st.integers(0, 9)}), min_size=2, max_size=8)


@given(_SCOPES, st.data())
def test_whatever_is_written_holds_for_exactly_those(scopes: list[dict[str, Any]], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(scopes) - 1))
    wanted, others = scopes[:count], scopes[count:]
    for text in conditions(wanted, others):
        assert all(eval(text, {}, scope) for scope in wanted), text
        assert not any(eval(text, {}, scope) for scope in others), text
