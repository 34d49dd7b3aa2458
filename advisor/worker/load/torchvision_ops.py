"""torchvision beside a torch that its compiled operators were not built for.

PyPI's torchvision is a CUDA build; next to a CPU torch its library does not load, its import fails on undeclared
operators and its detectors cannot run. :func:`install` declares what is missing and computes ``nms``,
``roi_align`` and ``deform_conv2d`` in torch itself.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import torch
from torch.nn import functional as F

_BOXES = "Tensor dets, Tensor scores, float iou_threshold"
_REGIONS = "Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width"
_SCHEMAS = (
    f"nms({_BOXES}) -> Tensor",
    f"qnms({_BOXES}) -> Tensor",
    f"roi_align({_REGIONS}, int sampling_ratio, bool aligned) -> Tensor",
    f"roi_pool({_REGIONS}) -> (Tensor, Tensor)",
    f"ps_roi_align({_REGIONS}, int sampling_ratio) -> (Tensor, Tensor)",
    f"ps_roi_pool({_REGIONS}) -> (Tensor, Tensor)",
    "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, "
    "SymInt stride_h, SymInt stride_w, SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, "
    "SymInt groups, SymInt offset_groups, bool use_mask) -> Tensor",
    "_cuda_version() -> int",
)
"""torchvision's operators, with the arguments that its Python wrappers pass."""

_installed: list[torch.library.Library] = []


def install() -> bool:
    """Make ``import torchvision`` work; whether anything had to be done. Before torchvision is imported, any number
    of times.
    """
    if _installed or "torchvision" in sys.modules or _library_loads():
        return False
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    library.impl("nms", nms, "CPU")
    library.impl("roi_align", roi_align, "CPU")
    library.impl("deform_conv2d", deform_conv2d, "CPU")
    library.impl("deform_conv2d", _deform_conv2d_shape, "Meta")
    library.impl("_cuda_version", lambda: -1, "CompositeExplicitAutograd")  # built without CUDA
    _installed.append(library)  # a library that is collected takes its operators with it
    sys.meta_path.insert(0, _ExtensionFinder())
    return True


def _library_loads() -> bool:
    """Whether torchvision is absent, or its compiled operators load here."""
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return True
    for library in Path(found.origin).parent.glob("_C*.so"):
        try:
            torch.ops.load_library(library)
        except OSError:
            return False
        return True
    return False


class _ExtensionFinder(importlib.abc.MetaPathFinder):
    """Has ``torchvision.extension`` tell ``torchvision.ops`` that its operators are there.

    The modules imported before that one, which register gradients for the compiled library, hear that they are not.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "torchvision.extension":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _ExtensionLoader(spec.loader)
        return spec


class _ExtensionLoader(importlib.abc.Loader):
    def __init__(self, inner: importlib.abc.Loader) -> None:
        self._inner = inner

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._inner.exec_module(module)
        vars(module)["_has_ops"] = lambda: "torchvision.ops" in sys.modules


def nms(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Indices of the boxes kept by greedy non-maximum suppression, best first; ``dets`` (N, 4) as x1, y1, x2, y2."""
    order = scores.argsort(descending=True, stable=True)
    boxes = dets[order]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    alive = torch.ones(len(boxes), dtype=torch.bool)
    for i in range(len(boxes)):
        if not alive[i]:
            continue
        rest = boxes[i + 1 :]
        low, high = torch.maximum(boxes[i, :2], rest[:, :2]), torch.minimum(boxes[i, 2:], rest[:, 2:])
        overlap = (high - low).clamp(min=0).prod(1)
        alive[i + 1 :] &= overlap <= iou_threshold * (area[i] + area[i + 1 :] - overlap)
    return order[alive]


def roi_align(
    input: torch.Tensor,
    rois: torch.Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> torch.Tensor:
    """Regions (K, 5: image, x1, y1, x2, y2) of ``input`` (N, C, H, W) averaged over bilinear samples: (K, C, height,
    width).
    """
    out = input.new_empty((len(rois), input.shape[1], pooled_height, pooled_width))
    offset = 0.5 if aligned else 0.0
    for k, (image, *box) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (v * spatial_scale - offset for v in box)
        ys = _samples(y1, y2, pooled_height, sampling_ratio, aligned)
        xs = _samples(x1, x2, pooled_width, sampling_ratio, aligned)
        sampled = _bilinear(input[int(image)], ys.flatten(), xs.flatten())
        shaped = sampled.reshape(-1, pooled_height, ys.shape[1], pooled_width, xs.shape[1])
        out[k] = shaped.mean((2, 4))
    return out


def _samples(low: float, high: float, bins: int, ratio: int, aligned: bool) -> torch.Tensor:
    """Sample positions along one side: (bins, samples a bin)."""
    size = high - low if aligned else max(high - low, 1.0)
    count = ratio if ratio > 0 else max(1, -int(-size // bins))
    steps = (torch.arange(count) + 0.5) / count
    return low + (torch.arange(bins)[:, None] + steps) * (size / bins)


def _bilinear(image: torch.Tensor, ys: torch.Tensor, xs: torch.Tensor) -> torch.Tensor:
    """Values of ``image`` (C, H, W) at the grid ys × xs: (C, Y, X); zero beyond one pixel outside."""
    y_low, y_weight, y_inside = _corner(ys, image.shape[1])
    x_low, x_weight, x_inside = _corner(xs, image.shape[2])
    y_high, x_high = (y_low + 1).clamp(max=image.shape[1] - 1), (x_low + 1).clamp(max=image.shape[2] - 1)
    rows = image[:, y_low] * (1 - y_weight)[:, None] + image[:, y_high] * y_weight[:, None]
    values = rows[:, :, x_low] * (1 - x_weight) + rows[:, :, x_high] * x_weight
    return values * (y_inside[:, None] & x_inside)


def _corner(position: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The pixel below each position, the weight of the one above, and whether the position counts at all."""
    inside = (position >= -1) & (position <= size)
    clamped = position.clamp(0, size - 1)
    low = clamped.floor().long()
    return low, clamped - low, inside


def deform_conv2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    offset: torch.Tensor,
    mask: torch.Tensor,
    bias: torch.Tensor,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> torch.Tensor:
    """Deformable convolution (Dai et al. 2017; with ``mask`` Zhu et al. 2018): each tap reads ``input`` (N, C, H, W)
    where it would stand plus ``offset`` (N, groups · taps · 2 as y, x, height, width); zero outside. ``weight`` is
    (O, C / groups, kernel height, kernel width); returns (N, O, height, width).
    """
    images, channels, high, wide = input.shape
    kernel_h, kernel_w = weight.shape[2:]
    taps, (out_h, out_w) = kernel_h * kernel_w, offset.shape[2:]
    moved = offset.reshape(images, offset_groups, taps, 2, out_h, out_w)
    tap_y = torch.arange(kernel_h).repeat_interleave(kernel_w)[:, None, None] * dilation_h
    tap_x = torch.arange(kernel_w).repeat(kernel_h)[:, None, None] * dilation_w
    y = moved[:, :, :, 0] + tap_y + (torch.arange(out_h) * stride_h - pad_h)[:, None]
    x = moved[:, :, :, 1] + tap_x + (torch.arange(out_w) * stride_w - pad_w)
    grid = torch.stack([(2 * x + 1) / wide - 1, (2 * y + 1) / high - 1], -1)
    sampled = F.grid_sample(
        input.reshape(images * offset_groups, channels // offset_groups, high, wide),
        grid.reshape(images * offset_groups, taps * out_h, out_w, 2),
        align_corners=False,
    ).reshape(images, offset_groups, channels // offset_groups, taps, out_h, out_w)
    if use_mask:
        sampled = sampled * mask.reshape(images, offset_groups, 1, taps, out_h, out_w)
    columns = sampled.reshape(images, groups, channels // groups * taps, out_h * out_w)
    out = weight.reshape(groups, weight.shape[0] // groups, -1) @ columns
    return out.reshape(images, weight.shape[0], out_h, out_w) + bias[:, None, None]


def _deform_conv2d_shape(
    input: torch.Tensor, weight: torch.Tensor, offset: torch.Tensor, *_others: object
) -> torch.Tensor:
    return input.new_empty((input.shape[0], weight.shape[0], *offset.shape[2:]))
