"""Which tensor of a call reached the layer that failed, where the model passed it on untouched.

A model of several inputs gives each to a layer of its own. That the very object that an argument (or an entry of a
dictionary or list) holds arrived at a layer says which of them to change, where the error's text names none.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from .specs import Guess, Spec

Path = tuple[Any, ...]
"""Where a tensor stands in a call: the argument's index or name, then keys and indices within it."""

_LENGTH = 16
_MOST_LEAVES = 4
"""Tensors of a call up to which each is edited alone; more of them are a pyramid, whose maps go together."""
_VARIADIC = 0x04  # inspect.CO_VARARGS


def leaves(guess: Guess) -> list[tuple[Path, Spec]]:
    """Every tensor of the call with its place, in order."""
    found: list[tuple[Path, Spec]] = []

    def walk(value: Any, path: Path) -> None:
        if isinstance(value, Spec):
            found.append((path, value))
        elif isinstance(value, (list, dict)):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                walk(item, (*path, key))

    for key, value in (*enumerate(guess.args), *guess.kwargs.items()):
        walk(value, (key,))
    return found


def placed(guess: Guess, path: Path, spec: Spec) -> Guess:
    """``guess`` with ``spec`` at ``path``."""

    def put(value: Any, rest: Path) -> Any:
        if not rest:
            return spec
        if isinstance(value, dict):
            return {k: put(v, rest[1:]) if k == rest[0] else v for k, v in value.items()}
        return [put(v, rest[1:]) if i == rest[0] else v for i, v in enumerate(value)]

    key = path[0]
    if isinstance(key, int):
        return guess.with_arg(key, put(guess.args[key], path[1:]))
    return replace(guess, kwargs={**guess.kwargs, key: put(guess.kwargs[key], path[1:])})


def alone(guess: Guess, better: list[Guess]) -> list[Guess]:
    """For every edit that changes several tensors at once, the edits of one of them, the last first: the first argument
    is most likely right, for the guess began with it. ``better`` itself comes first."""
    out = list(better)
    before = leaves(guess)
    if not 1 < len(before) <= _MOST_LEAVES:
        return out
    for edit in better:
        after = dict(leaves(edit))
        changed = [(p, after[p]) for p, spec in before if p in after and after[p] != spec]
        if len(changed) > 1:
            out += [placed(guess, path, spec) for path, spec in reversed(changed)]
    return out


def at_leaf(guess: Guess, error: BaseException, layer: nn.Module, given: torch.Tensor) -> list[Guess]:
    """What the one tensor of the call that reached ``layer`` as it is should be; none where no or the only one did."""
    known = dict(leaves(guess))
    path = next((p for p, value in _values(error) if value is given), None)
    if path is None or path not in known or len(known) < 2:
        return []
    return [placed(guess, path, spec) for spec in _taken(layer, known[path]) if spec != known[path]]


def _taken(layer: nn.Module, spec: Spec) -> list[Spec]:
    """What ``layer`` takes, as near as may be to ``spec``, which it refused."""
    if isinstance(layer, nn.Embedding):
        return [Spec((spec.shape[0], _LENGTH), "int64")]
    if isinstance(layer, _ConvNd):
        rank = len(layer.kernel_size)
        sizes = spec.shape[2:] if len(spec.shape) == rank + 2 else ((128,), (56, 56), (8, 56, 56))[rank - 1]
        return [spec._replace(shape=(spec.shape[0], layer.in_channels, *sizes))]
    width = {nn.Linear: "in_features", nn.RNNBase: "input_size", nn.RNNCellBase: "input_size"}
    wanted = next((getattr(layer, name) for kind, name in width.items() if isinstance(layer, kind)), None)
    if isinstance(layer, nn.LayerNorm):
        wanted = layer.normalized_shape[-1]
    if wanted is None:
        return []
    vector, sequence = Spec((spec.shape[0], wanted)), Spec((spec.shape[0], _LENGTH, wanted))
    if isinstance(layer, nn.RNNBase):
        return [sequence]
    if len(spec.shape) in (2, 3):
        return [spec._replace(shape=(*spec.shape[:-1], wanted)), vector, sequence]
    return [vector, sequence]


def _values(error: BaseException) -> Iterator[tuple[Path, Any]]:
    """What the outermost forward on the traceback was called with, by place; what it has bound anew is what it is."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        code, local = frame.f_code, frame.f_locals
        if code.co_name != "forward" or not isinstance(local.get("self"), nn.Module):
            continue
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        positional = [local.get(n) for n in names[1 : code.co_argcount]]
        if code.co_flags & _VARIADIC:
            positional += local.get(code.co_varnames[len(names)], ())
        for key, value in (*enumerate(positional), *((n, local.get(n)) for n in names[1:])):
            yield from _within(value, (key,))
        return


def _within(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, (list, tuple, dict)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _within(item, (*path, key))
    else:
        yield path, value
