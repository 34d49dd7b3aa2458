"""How quantities read."""

import pytest

from advisor.units import percent, time


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2e-5, "0 %"),
        (0.0031, "0.0031 %"),
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


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (1e-13, "0 us"),
        (0.0416, "0.0416 us"),
        (94.7, "94.7 us"),
        (-212.0, "-0.212 ms"),
        (999_400.0, "999 ms"),
        (999_900.0, "1 s"),
        (1.3e6, "1.3 s"),
        (1.234e9, "1234 s"),
    ],
)
def test_a_time_has_three_digits_and_no_exponent(us, text):
    assert time(us) == text
