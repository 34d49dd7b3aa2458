"""The least that a convolution can take: its MACs at the array's full rate. Bounds what replacing layers can save."""

from __future__ import annotations

from math import prod

from advisor.rule import Look


def conv_us(look: Look, out_shape: tuple[int, ...], in_channels: int, kernel: list[int]) -> float:
    """Lower bound in us of a dense convolution that makes ``out_shape`` (batch, channels, …) on the target."""
    engine = look.target.engines.get("conv")
    if engine is None:
        return 0.0
    macs = prod(out_shape) * in_channels * prod(kernel)
    return macs / engine.macs_per_cycle / look.target.clock_hz * 1e6
