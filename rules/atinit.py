"""What the statistics of a network at its initialisation say of how it would train, layer by layer.

The thresholds lie far outside of what networks that train show there: docs/verify-proxies.md has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from advisor.facts import Facts, LayerFact

SPREAD = 1e-3
"""The share of a layer's output that differs between inputs, below which it says the same of all."""
FIRST_SPREAD = 0.05
"""Where the first layer's output differs by less than this, the inputs were alike."""
FADED = 1e-6
"""A layer's signal or gradient, in parts of the network's typical one, that has vanished."""
GROWN = 1e6
"""One that has exploded."""
COLLAPSED = 0.125
"""The part of both neighbours' effective channels (exp of the entropy) that a collapsed block has left."""
FEWEST = 4.0
"""Effective channels of the neighbours, for a collapse to mean something."""


def findings(facts: Facts) -> Iterator[tuple[str, str]]:
    """The path of the layer where something is wrong, and what it is; the first layer of each kind of fault."""
    layers = list(facts.layers)
    yield from _dead(layers)
    yield from _constant(layers)
    yield from _gradients(layers)
    yield from _signals(layers)
    yield from _collapsed(facts)


def _dead(layers: list[LayerFact]) -> Iterator[tuple[str, str]]:
    """The last layer of each run of layers that got no gradient."""
    alive = [layer.gradient > 0 for layer in layers]
    if not any(alive):
        return
    for i, layer in enumerate(layers):
        if not alive[i] and (i + 1 == len(layers) or alive[i + 1]):
            before = next((n for n in range(i + 1) if alive[i - n]), i + 1)
            rest = f", nor in the {before - 1} before it" if before > 1 else ""
            yield (
                layer.path,
                f"at initialisation no gradient arrives in this layer{rest}: what follows it is dead or cut",
            )


def _constant(layers: list[LayerFact]) -> Iterator[tuple[str, str]]:
    """Where the network has lost what its inputs differ in. A layer alone says nothing: what is learned for all inputs
    (a class token's query, a table of positions) is the same for all, and the layers after it differ."""
    if not layers or layers[0].spread < FIRST_SPREAD or layers[-1].spread >= SPREAD:
        return
    for i, layer in enumerate(layers):
        if layer.gradient > 0 and layer.signal > 0 and layer.spread < SPREAD:
            yield (
                layer.path,
                f"at initialisation this layer, the {_ordinal(i + 1)}, gives nearly the same for every input: "
                f"{layer.spread:.1g} of its output differs, {layers[0].spread:.2f} of the first layer's; "
                "normalise, add residual connections, or initialise for the activation",
            )
            return


def _gradients(layers: list[LayerFact]) -> Iterator[tuple[str, str]]:
    """Where gradients leave the usual range by the network's depth; nearest to the output first, as they come."""
    alive = [layer for layer in layers if layer.gradient > 0]
    if len(alive) < 3:
        return
    typical = _median([layer.gradient for layer in alive])
    last = alive[-1].gradient
    for layer in reversed(alive):
        ratio = layer.gradient / last
        back = "at initialisation gradients {} on their way back: " + f"{ratio:.0e}"
        if ratio < FADED and layer.gradient < typical:
            yield (
                layer.path,
                back.format("vanish") + " of the last layer's is left here",
            )
            return
        if ratio > GROWN and layer.gradient > typical:
            yield (
                layer.path,
                back.format("explode") + " times the last layer's arrives here",
            )
            return


def _signals(layers: list[LayerFact]) -> Iterator[tuple[str, str]]:
    alive = [layer for layer in layers if layer.signal > 0]
    if len(alive) < 3:
        return
    first = alive[0].signal
    for layer in alive:
        ratio = layer.signal / first
        if ratio < FADED:
            yield (
                layer.path,
                f"at initialisation the signal vanishes with depth: {ratio:.0e} of the first layer's is left here",
            )
            return
        if ratio > GROWN:
            yield (
                layer.path,
                f"at initialisation the signal explodes with depth: {ratio:.0e} times the first layer's here",
            )
            return


def _collapsed(facts: Facts) -> Iterator[tuple[str, str]]:
    effective = [(path, math.exp(entropy)) for path, entropy in facts.blocks]
    for before, (path, here), after in zip(effective, effective[1:], effective[2:], strict=False):
        around = min(before[1], after[1])
        if around >= FEWEST and here < COLLAPSED * around:
            yield (
                path,
                f"at initialisation the features collapse here: {here:.1f} effective channels, "
                f"with {before[1]:.0f} before and {after[1]:.0f} after (expressivity of AZ-NAS)",
            )


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
