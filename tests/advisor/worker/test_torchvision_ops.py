"""torchvision's operators in torch itself, against their definitions."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
import torch

from advisor.worker.torchvision_ops import nms, roi_align


def overlap(a: list[float], b: list[float]) -> float:
    """Intersection over union of two boxes."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_nms_keeps_the_best_of_each_overlapping_set(threshold: float) -> None:
    generator = torch.Generator().manual_seed(1)
    corner = torch.rand((40, 2), generator=generator)
    boxes = torch.cat([corner, corner + 0.1 + torch.rand((40, 2), generator=generator)], 1)
    scores = torch.rand(40, generator=generator)
    kept: list[int] = []
    for i in sorted(range(40), key=lambda i: -float(scores[i])):
        if all(overlap(boxes[i].tolist(), boxes[k].tolist()) <= threshold for k in kept):
            kept.append(i)
    assert nms(boxes, scores, threshold).tolist() == kept


def test_roi_align_of_a_ramp_is_the_middle_of_each_bin() -> None:
    ramp = torch.arange(16.0).expand(1, 1, 16, 16)
    out = roi_align(ramp, torch.tensor([[0.0, 2.0, 4.0, 10.0, 12.0]]), 1.0, 2, 4, 2, aligned=True)
    assert out.shape == (1, 1, 2, 4)
    # bins of width 2 from x = 2, sampled where pixel centres lie at half coordinates
    torch.testing.assert_close(out[0, 0], torch.tensor([2.5, 4.5, 6.5, 8.5]).expand(2, 4))


def test_roi_align_scales_and_leaves_the_image() -> None:
    ones = torch.ones((2, 3, 8, 8))
    rois = torch.tensor([[1.0, 0.0, 0.0, 16.0, 16.0], [0.0, 100.0, 100.0, 120.0, 120.0]])
    out = roi_align(ones, rois, 0.5, 2, 2, 0, aligned=False)
    torch.testing.assert_close(out[0], torch.ones((3, 2, 2)))
    torch.testing.assert_close(out[1], torch.zeros((3, 2, 2)))


def test_torchvision_imports_after_install() -> None:
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    code = (
        "from advisor.worker.torchvision_ops import install; install(); install();"
        "import torch, torchvision;"
        "b = torch.tensor([[0., 0., 1., 1.], [0., 0., 1., 1.]]);"
        "assert torchvision.ops.nms(b, torch.tensor([.1, .2]), .5).tolist() == [1]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
