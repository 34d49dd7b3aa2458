"""Linear forms: whatever is unified, divided or cut, the widths stay what they were."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.channels.forms import Form, Forms, constant, joined, times


def test_a_sum_and_a_whole() -> None:
    f = Forms()
    a, b, whole = f.new(8), f.new(24), f.new(32)
    f.unify(whole, joined([a, b]), "test")
    assert f.resolve(whole) == (*a, *b)
    f.unify(f.new(24), b, "test")
    assert f.width(f.resolve(whole)) == 32


def test_parts_of_a_division_tie() -> None:
    f = Forms()
    a, b = f.new(16), f.new(16)
    part = f.divide(joined([a, b]), 2, "test")
    assert f.resolve(a) == f.resolve(b) == part


def test_coefficients_meet_at_their_common_multiple() -> None:
    f = Forms()
    a, b = f.new(24), f.new(36)
    f.unify(times(a, 3), times(b, 2), "test")
    (va, ca), (vb, cb) = f.resolve(a)[0], f.resolve(b)[0]
    assert va == vb and (ca, cb) == (2, 3)


def test_a_constant_pins() -> None:
    f = Forms()
    a = f.new(16)
    f.unify(a, constant(16), "because")
    assert set(f.pinned.values()) == {"because"}


def test_a_cut_inside_a_variable_makes_two() -> None:
    f = Forms()
    a = f.new(24)
    left, right = f.cut(a, [8, 16], "test")
    assert f.resolve(a) == (*left, *right)
    assert [f.width(left), f.width(right)] == [8, 16]


def _totals(form: Form) -> Counter[int]:
    """How often each variable occurs: forms of equal totals are equally wide for all sizes."""
    out: Counter[int] = Counter()
    for v, c in form:
        out[v] += c
    return out


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_widths_survive_any_sequence(data: st.DataObject) -> None:
    """Resolving a form never changes its width, and unified forms stay equal whatever the sizes, or are pinned."""
    f = Forms()
    forms: list[Form] = [f.new(data.draw(st.sampled_from([4, 6, 8, 12, 16, 24]))) for _ in range(4)]
    widths = [f.width(x) for x in forms]
    for _ in range(data.draw(st.integers(1, 6))):
        i, j = data.draw(st.integers(0, len(forms) - 1)), data.draw(st.integers(0, len(forms) - 1))
        step = data.draw(st.sampled_from(["join", "times", "divide", "cut", "unify"]))
        made: list[Form] = []
        if step == "join":
            made = [joined([f.resolve(forms[i]), f.resolve(forms[j])])]
        elif step == "times":
            made = [times(forms[i], data.draw(st.integers(2, 4)))]
        elif step == "divide":
            made = [f.divide(forms[i], data.draw(st.sampled_from([k for k in (1, 2, 3, 4) if widths[i] % k == 0])), "")]
        elif step == "cut" and widths[i] > 1:
            at = data.draw(st.integers(1, widths[i] - 1))
            made = f.cut(forms[i], [at, widths[i] - at], "")
        elif step == "unify" and widths[i] == widths[j]:
            f.unify(forms[i], forms[j], "")
            a, b = f.resolve(forms[i]), f.resolve(forms[j])
            assert _totals(a) == _totals(b) or all(v in f.pinned for v, _ in (*a, *b) if v != 0)
        forms += made
        widths += [f.width(x) for x in made]
        assert [f.width(f.resolve(x)) for x in forms] == widths
