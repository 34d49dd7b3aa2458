"""A handful of timm families, as published: connected graphs whose MACs are the flop counter's.

The whole zoo is checked by ``verify_timm.py``.
"""

from __future__ import annotations

import pytest
import torch

from tests.corpus.verify_timm import compare_shapes, verify

timm = pytest.importorskip("timm")

FAMILIES = {
    "mobilenetv3_small_050": "depthwise, squeeze and excite",
    "efficientnet_b0": "fused activations",
    "vit_tiny_patch16_224": "attention",
    "swin_tiny_patch4_window7_224": "windows, rolls, masks",
    "coat_lite_tiny": "einsum, factorised attention",
    "nfnet_l0": "computed weights",
    "mixer_s32_224": "transposes",
}


@pytest.mark.parametrize("name", FAMILIES)
def test_family(name: str) -> None:
    row = verify((name, lambda: timm.create_model(name), ()), run=False)
    assert (row.status, row.rung, row.unobserved) == ("ok", "fx-meta", 0)
    assert row.connected
    assert row.macs_equal


def test_shapes_are_those_of_a_real_forward() -> None:
    from advisor import live

    def make() -> torch.nn.Module:
        return timm.create_model("mobilenetv3_small_050")

    graph, _ = live.trace(make(), (1, 3, 64, 64))
    assert compare_shapes(make, graph, (1, 3, 64, 64), 0).startswith("equal")
