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
    return conditions([TABLE[i] for i in wanted], others, near=TABLE[0], looped=looped)[0]


def test_one_stage_several_stages_and_one_block() -> None:
    assert best([1, 2]) == "c == 24"
    assert best([1, 2, 3, 4]) in ("t == 6", "c >= 24")
    assert best([4]) == "c == 32 and i == 1"


def test_what_is_unfit_is_told_by_what_decides_it() -> None:
    """Two of one width are out of it by chance: another model of the same code may have unfit ones of another."""
    wanted, others, unfit = TABLE[1:4], TABLE[4:], TABLE[:1]
    assert conditions(wanted, [*others, *unfit], near=TABLE[0])[0] in ("width != 32", "width <= 24")
    told = conditions(wanted, others, unfit, near=TABLE[0], deciding=["t"])[0]
    assert told in ("t == 6 and width <= 24", "t == 6 and width != 32")


def test_three_comparisons_where_two_tell_the_others() -> None:
    scopes = [{"t": t, "c": c, "i": i} for t, c, i in ((6, 8, 0), (6, 16, 0), (6, 8, 1), (6, 24, 0), (1, 24, 1))]
    assert conditions(scopes[:2], scopes[2:4], scopes[4:], deciding=["t"])[0] == "c <= 16 and i == 0"
    told = conditions(scopes[:2], scopes[2:4], [{"t": 1, "c": 24, "i": 1}, {"t": 1, "c": 32, "i": 0}], deciding=["t"])
    assert "t == 6 and c <= 16 and i == 0" in told


def test_an_equality_is_no_chance() -> None:
    assert conditions(TABLE[1:3], TABLE[3:], TABLE[:1], looped="tci", deciding=["t"])[0] == "c == 24"


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
    unfit = data.draw(st.integers(count, len(scopes)))
    wanted, others = scopes[:count], scopes[count:]
    for text in conditions(wanted, scopes[count:unfit], scopes[unfit:], deciding=["a"]):
        assert all(eval(text, {}, scope) for scope in wanted), text
        assert not any(eval(text, {}, scope) for scope in others), text
