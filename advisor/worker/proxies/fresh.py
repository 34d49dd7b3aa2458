"""Weights as at the start of a training, for a network to be looked at.

Scores are about an architecture, so trained weights are drawn anew, and what training recipes hold shut at first is
opened: a gate or normalisation scale that starts at (nearly) zero becomes 1, a layer whose weights are all zero is
drawn like others. A branch behind them is alive after the first steps, and a proxy would call it dead.
"""

from __future__ import annotations

import copy
import ctypes
import hashlib
import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from .rig import NORMS, WEIGHTED

_SHUT = 0.01
"""Scales up to here are shut: LayerScale begins at 1e-6 to 1e-4, ReZero and zero-initialised BatchNorms at 0."""
_RESETS = ("reset_parameters", "_reset_parameters")


@contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Inside, torch draws from ``seed``; outside its state is as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def renewed(model: nn.Module, seed: int) -> nn.Module:
    """A copy of ``model`` on the CPU in single precision, with new weights.

    Layers draw theirs by ``reset_parameters``, the innermost first, then by the model's own ``_init_weights(module)``
    where it has one. Parameters of modules that offer neither keep their values; where they have none (on the meta
    device) matrices are normal with 0.02, the rest as their names say. Raises what a copy of the model raises.
    """
    model = copy.deepcopy(model)
    known: dict[torch.Tensor, torch.Tensor] = {}
    with drawing(seed), torch.no_grad():
        for module in model.modules():
            for table in (module._parameters, module._buffers):
                for name, tensor in table.items():
                    if tensor is None:
                        continue
                    if tensor not in known:  # tied ones stay tied
                        known[tensor] = _settled(name, tensor)
                    table[name] = known[tensor]  # pyright: ignore[reportArgumentType]
        for module in reversed(list(model.modules())):
            for name in _RESETS:
                _try(getattr(module, name, None), 0, module)
        own = getattr(model, "_init_weights", None)
        for module in model.modules():
            _try(own, 1, module)
    return opened(model.float(), seed)


def _settled(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor on the CPU, with values."""
    if not tensor.is_meta:
        new = tensor.detach().cpu().clone()
    elif not tensor.is_floating_point():
        new = torch.zeros(tensor.shape, dtype=tensor.dtype)
    elif tensor.dim() > 1:
        new = torch.empty(tensor.shape, dtype=tensor.dtype).normal_(0, 0.02)
    else:
        new = torch.full(tensor.shape, float("bias" not in name and "mean" not in name), dtype=tensor.dtype)
    return nn.Parameter(new, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else new


def _try(function: object, arguments: int, module: nn.Module) -> None:
    """Call an initialisation that takes so many arguments. What it raises is its own affair: the weights stay drawn as
    the layers' constructors draw them."""
    if not callable(function):
        return
    try:
        required = [
            p
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        if len(required) == arguments:
            function(*(module,) * arguments)
    except Exception:  # user code, which may want what is not here
        return


def digest(model: nn.Module) -> str:
    """Names the parameters and buffers of a model on the CPU, by what they are called and what is in them."""
    found = hashlib.blake2b(digest_size=16)
    tensors = (*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False))
    for name, tensor in tensors:
        held = (tensor if tensor.layout is torch.strided else tensor.to_dense()).detach().contiguous()
        found.update(f"{name} {held.dtype} {tuple(held.shape)};".encode())
        if held.numel():
            found.update((ctypes.c_char * (held.numel() * held.element_size())).from_address(held.data_ptr()))
    return found.hexdigest()


def opened(model: nn.Module, seed: int) -> nn.Module:
    """``model``, changed in place: what starts shut is open."""
    with drawing(seed), torch.no_grad():
        for module in model.modules():
            layer = isinstance(module, WEIGHTED)
            for name, parameter in module.named_parameters(recurse=False):
                if "bias" in name or not parameter.is_floating_point() or not parameter.numel():
                    continue
                if layer:
                    if not parameter.any():
                        bound = 1 / math.sqrt(max(1, parameter[0].numel()))
                        parameter.uniform_(-bound, bound)
                elif _scales(module, parameter) and float(parameter.abs().max()) <= _SHUT:
                    parameter.fill_(1.0)
    return model


def _scales(module: nn.Module, parameter: torch.Tensor) -> bool:
    """Whether a parameter is one number for each channel, or a single one, all alike: what something is multiplied by.
    A table of tokens or positions is not."""
    if isinstance(module, (*NORMS, nn.LayerNorm, nn.GroupNorm)):
        return True
    many = sum(size > 1 for size in parameter.shape)
    return many <= 1 and bool((parameter == parameter.flatten()[0]).all())


def regrown(before: nn.Module, after: nn.Module, names: list[str], seed: int) -> None:
    """Fill the parameters and buffers of ``after`` that a move resized: as those of ``before`` are distributed, scaled
    for as many inputs as a unit has now. Constant ones stay constant."""
    old = {
        **dict(before.named_parameters(remove_duplicate=False)),
        **dict(before.named_buffers(remove_duplicate=False)),
    }
    new = {**dict(after.named_parameters(remove_duplicate=False)), **dict(after.named_buffers(remove_duplicate=False))}
    with drawing(seed), torch.no_grad():
        for name in names:
            was, now = old.get(name), new.get(name)
            if was is None or now is None or not was.is_floating_point() or not was.numel() or not now.numel():
                continue
            spread = float(was.std()) if was.numel() > 1 else 0.0
            if spread == 0:
                now.fill_(float(was.flatten()[0]))
            else:
                units = math.sqrt((was.numel() / was.shape[0]) / (now.numel() / now.shape[0])) if was.dim() > 1 else 1.0
                now.normal_(float(was.mean()), spread * units)
