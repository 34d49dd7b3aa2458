"""What a fix says of itself."""

from __future__ import annotations

import pytest

from advisor.fixes.fix import Fix


@pytest.mark.parametrize(
    ("gain", "error", "certain"),
    [(100.0, 60.0, True), (100.0, 80.0, False), (-3.0, 80.0, True), (100.0, None, True), (None, None, True)],
)
def test_a_saving_is_certain_where_its_error_leaves_some_of_it(gain, error, certain):
    assert Fix("t", "unsafe", (), {}, gain_us=gain, gain_error_us=error).certain is certain
