"""How quantities read in messages and reports."""

from __future__ import annotations

import math


def time(us: float) -> str:
    """Microseconds for people, three significant digits: ``0.21 ms``, ``4.2 us``, ``1.3 s``; no nanoseconds' parts."""
    size = abs(us)
    if size >= 999_500:
        return f"{us / 1e6:.3g} s" if size < 999_500_000 else f"{us / 1e6:.0f} s"
    if size >= 100:
        return f"{us / 1e3:.3g} ms"
    return f"{us:.3g} us" if size >= 0.001 else "0 us"


WIDE = 0.5
"""A share of a figure: bounds further off are given as they are, for none of them is below zero."""


def margin(us: float, low: float | None, high: float | None) -> str:
    """How far bounds lie from a figure, behind it: `` ±6 %``, or where they are far off `` (7.1 ms to 56 ms)``; empty
    where there are none."""
    if low is None or high is None or not us:
        return ""
    share = max(high - us, us - low) / us
    return f" ±{percent(100 * share)}" if share <= WIDE else f" ({time(low)} to {time(high)})"


def size(count: float) -> str:
    """Bytes for people, in binary units: ``384 KiB``."""
    for unit in ("B", "KiB", "MiB"):
        if abs(count) < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} GiB"


def percent(value: float) -> str:
    """A percentage, two significant digits below ten: ``6 %``, ``0.48 %``, ``34 %``; never 100 % for less."""
    if 99.5 <= abs(value) < 100:
        return f"{math.trunc(value * 10) / 10:.1f} %"
    if abs(value) < 0.001:
        return "0 %"
    return f"{value:.2g} %" if abs(value) < 10 else f"{value:.0f} %"
