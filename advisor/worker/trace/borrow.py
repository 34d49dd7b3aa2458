"""A user's model, borrowed for one forward: with other tensors in its parameters' place, and put back exactly as it
was.

While a model is borrowed no other thread may run it: its parameters are not its own.
"""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from .recording import identity

Substitute = Callable[[torch.Tensor], torch.Tensor]

_CONTAINERS = frozenset((dict, OrderedDict, list, set))
_PLAIN = frozenset((torch.Tensor, nn.Parameter))


@contextmanager
def borrowed(model: nn.Module, substitute: Substitute) -> Iterator[None]:
    """Inside, the model is in eval mode and every parameter and buffer is ``substitute``'s answer for it (tied ones
    stay tied).

    On leaving, attributes, their lists and dicts, registered tensors, hooks and classes are what they were before,
    whatever the forward assigned.
    """
    modules = [m for m in model.modules() if not isinstance(m, torch.jit.ScriptModule)]
    before = [_Snapshot(m) for m in modules]
    replaced: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def stand_in(tensor: torch.Tensor) -> torch.Tensor:
        key = identity(tensor)
        known = replaced.get(key)
        if known is None:
            known = replaced[key] = (tensor, _like_kind(tensor, substitute))  # the key's tensor is kept alive
        return known[1]

    try:
        for module in modules:
            module.__dict__["training"] = False
            for table in (module._parameters, module._buffers):
                for name, tensor in table.items():
                    if tensor is not None:
                        table[name] = stand_in(tensor)  # pyright: ignore[reportArgumentType]
            flat = module.__dict__.get("_flat_weights")  # recurrent layers keep a second list of their parameters
            if flat:
                module.__dict__["_flat_weights"] = [stand_in(w) for w in flat]
        yield
    finally:
        for snapshot in before:
            snapshot.restore()


def _like_kind(tensor: torch.Tensor, substitute: Substitute) -> torch.Tensor:
    """A parameter's stand-in is a parameter, a lazy one's a lazy one on the meta device."""
    if type(tensor) in _PLAIN:  # whatever modes are active: looking at it is no call of the user's
        with torch._C.DisableTorchFunction():
            new = substitute(tensor)
        return new if new is tensor or type(tensor) is torch.Tensor else nn.Parameter(new, requires_grad=False)
    if nn.parameter.is_lazy(tensor):
        lazy: Any = type(tensor)
        return lazy(requires_grad=False, device=torch.device("meta"))
    new = substitute(tensor)
    if isinstance(tensor, nn.Parameter) and not isinstance(new, nn.Parameter):
        return nn.Parameter(new, requires_grad=False)
    return new


class _Snapshot:
    """A module's attributes and what its own lists, dicts and sets hold; not the modules and tensors in them."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._class = type(module)
        self._attributes = dict(module.__dict__)
        self._contents = [(v, _copy(v)) for v in self._attributes.values() if type(v) in _CONTAINERS]

    def restore(self) -> None:
        module = self._module
        if type(module) is not self._class:  # a lazy module has become an ordinary one
            module.__class__ = self._class
        attributes, before = module.__dict__, self._attributes
        if list(attributes) != list(before) or not all(map(operator.is_, attributes.values(), before.values())):
            attributes.clear()
            attributes.update(before)
        for value, content in self._contents:
            if not value and not content:
                continue
            value.clear()
            if isinstance(value, list):
                value.extend(content)
            else:
                value.update(content)


def _copy(value: Any) -> Any:
    """The content of a list, dict or set; empty ones, most of a module's hook tables, share one."""
    if not value:
        return ()
    return list(value) if isinstance(value, list) else dict(value) if isinstance(value, dict) else set(value)
