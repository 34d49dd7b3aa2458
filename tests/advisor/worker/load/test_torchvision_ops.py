"""torchvision's operators in torch itself, against their definitions."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
import torch

from advisor.worker.load.torchvision_ops import deform_conv2d, nms, roi_align


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


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), [(1, 1, 1, 1), (2, 0, 2, 2)])
def test_deformable_convolution_without_offsets_is_a_convolution(
    stride: int, padding: int, dilation: int, groups: int
) -> None:
    generator = torch.Generator().manual_seed(2)
    image = torch.rand((2, 4, 9, 8), generator=generator)
    weight, bias = torch.rand((6, 4 // groups, 3, 3), generator=generator), torch.rand(6, generator=generator)
    plain = torch.nn.functional.conv2d(image, weight, bias, stride, padding, dilation, groups)
    offset = torch.zeros((2, 2 * 2 * 9, *plain.shape[2:]))
    mask = torch.full((2, 2 * 9, *plain.shape[2:]), 0.5)
    pairs = (n for n in (stride, padding, dilation) for _ in range(2))
    steps = (*pairs, groups, 2)
    torch.testing.assert_close(deform_conv2d(image, weight, offset, mask, bias, *steps, False), plain)
    halved = deform_conv2d(image, weight, offset, mask, bias, *steps, True) - bias[:, None, None]
    torch.testing.assert_close(halved, (plain - bias[:, None, None]) / 2)


def test_deformable_convolution_reads_where_its_offsets_point() -> None:
    image = torch.arange(25.0).reshape(1, 1, 5, 5)
    offset = torch.tensor([1.0, 0.5])[None, :, None, None].expand(1, 2, 5, 5)  # a row down, half a column right
    one, none = torch.ones((1, 1, 1, 1)), torch.zeros(1)
    out = deform_conv2d(image, one, offset, none, none, 1, 1, 0, 0, 1, 1, 1, 1, False)
    torch.testing.assert_close(out[0, 0, :4, :4], image[0, 0, 1:, :4] + 0.5)
    assert out[0, 0, 4].eq(0).all()


def test_torchvision_imports_after_install() -> None:
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    code = (
        "from advisor.worker.load.torchvision_ops import install; install(); install();"
        "import torch, torchvision;"
        "b = torch.tensor([[0., 0., 1., 1.], [0., 0., 1., 1.]]);"
        "assert torchvision.ops.nms(b, torch.tensor([.1, .2]), .5).tolist() == [1];"
        "x = torch.ones(1, 4, 8, 8, device='meta'); o = torch.ones(1, 18, 6, 6, device='meta');"
        "assert torchvision.ops.DeformConv2d(4, 6, 3).to('meta')(x, o).shape == (1, 6, 6, 6)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
