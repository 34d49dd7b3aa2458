"""How quantities read."""

import pytest

from advisor.units import percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.481, "0.48 %"),
        (6.04, "6 %"),
        (34.4, "34 %"),
        (99.4, "99 %"),
        (99.79, "99.7 %"),
        (-99.99, "-99.9 %"),
        (100.0, "100 %"),
    ],
)
def test_a_percentage_is_short_and_all_only_where_it_is_all(value, text):
    assert percent(value) == text
