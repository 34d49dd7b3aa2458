"""What counts as a difference."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .fresh import Shown, differences

RIGHT = Shown(
    findings=[("CHN101", (3, 0, 3, 9), "60 channels", 2, (), [])],
    hints=[(3, 20, "→ 60×8×8 · 1.2 us")],
    lenses=[((1, 6, 1, 9), "cpu-x86: 1.2 us")],
)
OLD = [(3, 20, "→ ~60×8×8 · ~1.2 us")]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(RIGHT, findings=[]),
        replace(RIGHT, findings=RIGHT.findings * 2),
        replace(RIGHT, findings=[("CHN101", (4, 0, 4, 9), "60 channels", 2, (), [])]),
        replace(RIGHT, hints=[]),
        replace(RIGHT, hints=OLD),
        replace(RIGHT, lenses=[((1, 6, 1, 9), "cpu-x86: 1.3 us")]),
        replace(RIGHT, old=1),
    ],
)
def test_what_differs(wrong: Shown) -> None:
    assert differences(wrong, RIGHT)
    assert not differences(RIGHT, RIGHT)


def test_what_stays_of_a_text_that_cannot_be_imported() -> None:
    broken = Shown([("TRC901", (0, 0, 0, 1), "syntax error", 1, (), [])], [], [], broken=True)
    assert not differences(replace(broken, hints=OLD, old=2), broken)
    assert differences(replace(broken, hints=RIGHT.hints), broken) == [
        "hint of an earlier text, not marked: (3, 20, '→ 60×8×8 · 1.2 us')"
    ]
    assert differences(replace(RIGHT, hints=OLD), broken), "its own findings are missing"
