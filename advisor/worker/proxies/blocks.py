"""A network's primary blocks: the modules whose outputs are the feature maps that pass from one stage to the next.

AZ-NAS looks at the blocks of the search space it is used in. A network of no known space is taken apart from the top:
a module that only hands its input from child to child is its children; one that does more (adds its input, gates,
concatenates) is a block, and so is every other module of its class. Layers that stand alone in such a chain are
grouped: a convolution or linear layer with the normalisation and activation after it is one block. An identity in a
list of blocks is a block too: a place of the search space that was left empty, which hands its features on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ..trace import trees
from .rig import WEIGHTED, Inputs, Unscorable, batch_statistics, call, hooked

Block = tuple[str, ...]
"""Paths of modules that run one after another."""


@dataclass(eq=False)
class _Call:
    """One execution of a module, with the tensors that went in and out first."""

    path: str
    module: nn.Module
    given: torch.Tensor | None
    made: torch.Tensor | None = None
    inner: list[_Call] = field(default_factory=list)

    @property
    def weighted(self) -> bool:
        return isinstance(self.module, WEIGHTED)

    @property
    def chain(self) -> bool:
        """Whether it does nothing but hand its input through its children."""
        if not self.inner:
            return False
        ends = [self.given, *(c.made for c in self.inner)]
        return self.made is ends[-1] and all(c.given is before for c, before in zip(self.inner, ends, strict=False))


def blocks(model: nn.Module, inputs: Inputs) -> list[Block]:
    """The blocks of ``model`` in the order of their execution. Raises :class:`Unscorable` where it has none."""
    root = _executed(model, inputs)
    whole = {type(c.module) for c in _all(root) if c is not root and c.inner and not _is_list(c) and not c.chain}
    found = list(dict.fromkeys(_blocks(root.inner, whole)))
    if not found:
        raise Unscorable("it has no convolution or linear layer in a module of its own")
    dims = {c.path: c.made.dim() for c in _all(root) if c.made is not None}
    maps = [tuple(path for path in block if dims.get(path, 0) > 2) for block in found]
    return [block for block in maps if block] or found  # behind the last feature map is the head


def _executed(model: nn.Module, inputs: Inputs) -> _Call:
    paths = {module: path for path, module in model.named_modules()}
    root = _Call("", model, None)
    stack = [root]

    def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
        if module is not model:
            stack.append(_Call(paths[module], module, next(trees.tensors(args), None)))

    def leave(module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        if module is model:
            return
        done = stack.pop()
        done.made = next(trees.tensors(output), None)
        stack[-1].inner.append(done)

    handles = [m.register_forward_pre_hook(enter) for m in paths]
    handles += [m.register_forward_hook(leave) for m in paths]
    with hooked(handles), batch_statistics(model), torch.no_grad():
        call(model, inputs)
    return root


def _all(start: _Call) -> Iterator[_Call]:
    yield start
    for inner in start.inner:
        yield from _all(inner)


def _is_list(call: _Call) -> bool:
    return isinstance(call.module, (nn.Sequential, nn.ModuleList, nn.ModuleDict))


def _blocks(calls: list[_Call], whole: set[type], slots: bool = False) -> Iterator[Block]:
    """The blocks of a chain of calls; ``slots``: an identity among them is one that was left empty."""
    group: list[str] = []
    for c in calls:
        if not c.inner and not c.weighted and not (slots and isinstance(c.module, nn.Identity)):
            if group:
                group.append(c.path)
            continue
        if group:
            yield tuple(group)
        group = []
        if c.weighted:
            group = [c.path]
        elif not c.inner:
            yield (c.path,)
        elif _opens(c, whole):
            yield from _blocks(c.inner, whole, _is_list(c) and not any(x.weighted for x in c.inner))
        elif any(x.weighted for x in _all(c)):
            yield (c.path,)
    if group:
        yield tuple(group)


def _opens(call: _Call, whole: set[type]) -> bool:
    """Whether a module is the sum of its children rather than a block."""
    if not call.chain or (type(call.module) in whole and not _is_list(call)):
        return False
    layers = [c for c in call.inner if c.weighted]
    nested = [c for c in call.inner if c.inner and any(x.weighted for x in _all(c))]
    if not layers:
        return bool(nested)
    if not nested:  # layers only: a plain network's list of them, or what a block is made of
        return len(layers) > 1 and _is_list(call)
    return not all(c.chain and all(not x.inner for x in c.inner) for c in nested)
