"""One order of several networks by several proxies, and what a proxy is worth for ordering them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

COMBINED = ("expressivity", "naswot", "trainability", "flops")
"""What the rank combination adds up, for networks of one task: see docs/verify-proxies.md for what it is worth."""


def combined(networks: Sequence[Mapping[str, float | None]], names: Sequence[str] = COMBINED) -> list[float]:
    """The rank combination of AZ-NAS (arXiv 2403.19232, eq. 10) for each of ``networks``, given by their scores:
    the sum over ``names`` of log(rank / n), where the best of n networks has rank n; 0 is best in everything.

    Ties share the mean of their ranks; a score that is missing ranks last. It orders the networks it was given, for one
    task, and says nothing beside them.
    """
    totals = [0.0] * len(networks)
    for name in names:
        values = [-math.inf if (v := network.get(name)) is None else v for network in networks]
        for i, rank in enumerate(ranks(values)):
            totals[i] += math.log(rank / len(networks))
    return totals


def ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value, 1 for the smallest; equal ones share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    out = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for i in order[start : end + 1]:
            out[i] = (start + end) / 2 + 1
        start = end + 1
    return out
