"""Models written for GPUs, several even, built and run where there is none.

Inside :func:`no_accelerator` a request for CUDA (or MPS, XPU, HIP) means "wherever this tensor is anyway": moves are
no-ops, factory functions fall back to the default device, and the bookkeeping calls of ``torch.cuda`` do nothing. Moves
of meta tensors to the CPU are no-ops too, as there is nothing to move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed
from torch import nn
from torch.overrides import TorchFunctionMode

from .patches import replaced

_MOVES = frozenset(("cuda", "cpu", "xpu", "npu", "to"))
_ABSENT = ("cuda", "mps", "xpu", "hip", "npu")


def _is_absent(device: Any) -> bool:
    if isinstance(device, torch.device):
        return device.type in _ABSENT
    return isinstance(device, str) and device.split(":")[0] in _ABSENT


def _is_device(value: Any) -> bool:
    """Whether an argument of ``Tensor.to`` names a device."""
    if isinstance(value, torch.device):
        return True
    return isinstance(value, str) and value.split(":")[0] in (*_ABSENT, "cpu", "meta")


def _tensor_to(original: Callable[..., Any], tensor: torch.Tensor, args: Any, kwargs: dict[str, Any]) -> Any:
    """``tensor.to(…)`` without the devices that cannot be reached from where it is."""
    drop = _is_device if tensor.is_meta else _is_absent
    args = [a for a in args if not drop(a)]
    if args and isinstance(args[0], int) and not isinstance(args[0], bool):
        args = args[1:]  # a bare ordinal is a CUDA device
    if args and isinstance(args[0], torch.Tensor) and args[0].device != tensor.device:
        args = [args[0].dtype, *args[1:]]
    kwargs = {k: v for k, v in kwargs.items() if not (k == "device" and (v is None or isinstance(v, int) or drop(v)))}
    if not args and not set(kwargs) & {"dtype", "other", "memory_format"}:
        return tensor
    return original(tensor, *args, **kwargs)


class _NoAccelerator(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _MOVES and args and isinstance(args[0], torch.Tensor):
            if name == "to":
                return _tensor_to(func, args[0], args[1:], kwargs)
            return args[0] if name != "cpu" or args[0].is_meta else func(*args, **kwargs)
        if "device" in kwargs and _is_absent(kwargs["device"]):
            kwargs = {k: v for k, v in kwargs.items() if k != "device"}
        return func(*args, **kwargs)


def _returning(value: Any) -> Callable[..., Any]:
    """A new function each time: torch._dynamo refuses one function under two of torch's names."""

    def call(*_args: Any, **_kwargs: Any) -> Any:
        return value

    return call


def _itself(self: nn.Module, *_args: Any, **_kwargs: Any) -> nn.Module:
    return self


def _module_to(original: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """``Module.to`` parses its arguments in C before any tensor sees them, so devices are dropped first."""

    def to(self: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
        args = tuple(a for a in args if not (_is_device(a) or (isinstance(a, int) and not isinstance(a, bool))))
        kwargs.pop("device", None)
        return original(self, *args, **kwargs) if args or kwargs else self

    return to


@contextmanager
def no_accelerator() -> Iterator[None]:
    """Inside the block, code that wants an accelerator runs without one."""
    bookkeeping = ("set_device", "synchronize", "empty_cache", "manual_seed", "manual_seed_all", "init", "ipc_collect")
    changes: list[tuple[Any, str, Any]] = [(torch.cuda, name, _returning(None)) for name in bookkeeping]
    changes += [
        (torch.cuda, name, _returning(0)) for name in ("current_device", "memory_allocated", "max_memory_allocated")
    ]
    changes += [
        (torch.cuda, "FloatTensor", torch.FloatTensor),
        (torch.cuda, "LongTensor", torch.LongTensor),
        (torch.distributed, "get_rank", _returning(0)),
        (torch.distributed, "get_world_size", _returning(1)),
        (nn.Module, "cuda", _itself),
        (nn.Module, "to", _module_to(nn.Module.to)),
    ]
    with replaced(changes), _NoAccelerator():
        yield
