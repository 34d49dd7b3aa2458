"""Which tensors a recording runs on: meta, fake or real ones, whatever device the user's code asks for."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from . import trees


@dataclass(frozen=True)
class Placement:
    """Where a recording's tensors live.

    ``meta`` tensors have no data; ``fake`` ones have none either but behave as CPU tensors; ``real`` ones are
    computed on the CPU.
    """

    kind: Literal["meta", "fake", "real"]

    @property
    def fast(self) -> bool:
        """Whether shapes may be computed without torch's kernels."""
        return self.kind == "meta"

    def hold(self, tensor: torch.Tensor) -> Callable[[], torch.Tensor | None]:
        """A reference that keeps a tensor without data alive, so that its id stays its own; real ones may be freed."""
        return weakref.ref(tensor) if self.kind == "real" else lambda: tensor

    def substitute(self, tensor: torch.Tensor) -> torch.Tensor:
        """What stands in for a parameter or a buffer of the model."""
        if self.kind != "meta":
            return _on_cpu(tensor)
        return tensor.detach().clone() if _is_table(tensor) else _on_meta(tensor)

    def adapt(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """A call's arguments on this placement: moves between devices are none, and on meta no CPU tensor meets a
        meta one.
        """
        if name == "to":
            return _retyped(args, kwargs)
        device = kwargs.get("device")
        if device is not None and torch.device(device).type not in ("cpu", "meta"):
            kwargs = {**kwargs, "device": "meta" if self.kind == "meta" else "cpu"}
        if self.kind == "meta" and _mixed(args, kwargs):
            return trees.replace(args, _on_meta), trees.replace(kwargs, _on_meta)
        return args, kwargs

    def adapt_leaf(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a leaf module's call: where its weights are on meta, they are too."""
        if not kwargs and len(args) == 1 and type(args[0]) is torch.Tensor and args[0].is_meta:
            return args, kwargs  # nearly every call
        if self.kind == "meta" and (module._parameters or _mixed(args, kwargs)):
            return trees.replace(args, _on_meta), trees.replace(kwargs, _on_meta)
        return args, kwargs


def _retyped(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of ``to`` without a device; ``to(other)`` keeps the other's type."""
    tensor, *rest = args
    kept = [r.dtype if isinstance(r, torch.Tensor) else r for r in rest if not _is_device(r)]
    named = {k: v for k, v in kwargs.items() if k != "device"}
    if not any(isinstance(k, torch.dtype) for k in (*kept, *named.values())):
        kept = [tensor.dtype, *kept]
    return (tensor, *kept), named


def _is_device(value: Any) -> bool:
    return value is None or isinstance(value, (str, torch.device)) or type(value) is int


def _mixed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    on_meta = on_cpu = False
    for value in (*args, *kwargs.values()):
        for tensor in (value,) if isinstance(value, torch.Tensor) else trees.tensors(value):
            if tensor.is_meta:
                on_meta = True
            elif tensor.dim() > 0:
                on_cpu = True
    return on_meta and on_cpu


def _on_meta(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor without its data."""
    if tensor.is_meta:
        return tensor
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _is_table(tensor: torch.Tensor) -> bool:
    """Whether a forward may index or count with the tensor: then its data decides shapes."""
    return not (tensor.is_meta or tensor.is_floating_point() or tensor.is_complex())


def _on_cpu(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor on the CPU; one without data gets small values: with all zeros a detector would find nothing and
    stop early.
    """
    if not tensor.is_meta:
        return tensor if isinstance(tensor, nn.Parameter) else tensor.detach().cpu().clone()
    if not tensor.is_floating_point():
        return torch.zeros(tensor.shape, dtype=tensor.dtype)
    if tensor.dim() < 2:
        return torch.ones(tensor.shape, dtype=tensor.dtype)
    generator = torch.Generator().manual_seed(tensor.numel())
    return torch.randn(tensor.shape, generator=generator, dtype=torch.float32).mul_(0.02).to(tensor.dtype)
