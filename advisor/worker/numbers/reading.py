"""From live layers to the plain form of ``advisor/numbers.py``: which step each of their numbers is."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ..trace.recording import identity
from .parameters import sizes
from .traced import TRACED, Literal, plain

_LARGEST = 1 << 63
"""Whole numbers from here on cannot be written down; what depends on them is not followed."""

Read = dict[str, Any]
"""By attribute its number, or a tuple of numbers, some of them traced."""


class Reader:
    """Remembers the traced numbers of modules. ``owns`` says of a file whether its literals may be changed: those of
    others are constants."""

    def __init__(self, owns: Callable[[str], bool]) -> None:
        self._owns = owns
        self._taken: dict[int, tuple[weakref.ref[nn.Module], Read]] = {}

    def take(self, model: nn.Module) -> None:
        """Remember the traced numbers of all modules of ``model`` and leave them the plain ones, for its forward."""
        for module in model.modules():
            found = _traced(module)
            if found:
                self._keep(module, {**self._known(module), **found})
                module.__dict__.update({name: _plain(value) for name, value in found.items()})

    def table(self, modules: Mapping[str, nn.Module]) -> dict[str, Any] | None:
        """The plain form for ``modules`` by their paths; None where nothing of them is known."""
        table = _Table(self._owns)
        for path, module in modules.items():
            if _is_layer(type(module)) or module._parameters:
                table.add(path, {**_of_parameters(module), **self._known(module), **_traced(module)})
        return table.plain() if table.layers else None

    def _keep(self, module: nn.Module, read: Read) -> None:
        key = identity(module)
        taken = self._taken

        def forget(dead: weakref.ref[nn.Module]) -> None:
            if key in taken and taken[key][0] is dead:
                del taken[key]

        taken[key] = (weakref.ref(module, forget), read)

    def _known(self, module: nn.Module) -> Read:
        entry = self._taken.get(identity(module))
        return entry[1] if entry is not None and entry[0]() is module else {}


def _traced(module: nn.Module) -> Read:
    found: Read = {}
    for name, value in module.__dict__.items():
        kind = type(value)
        if (kind in TRACED or (kind is tuple and any(type(item) in TRACED for item in value))) and name[0] != "_":
            found[name] = value
    return found


def _of_parameters(module: nn.Module) -> Read:
    """The sizes of the parameters that a module made itself."""
    found = ((name, sizes(tensor)) for name, tensor in module._parameters.items())
    return {name: written for name, written in found if written is not None}


def _plain(value: Any) -> Any:
    return tuple(map(plain, value)) if type(value) is tuple else plain(value)


_layers: dict[type, bool] = {}


def _is_layer(kind: type) -> bool:
    """Whether it is a layer of torch, or derives from one."""
    known = _layers.get(kind)
    if known is None:
        own = kind.__mro__[: kind.__mro__.index(nn.Module)]
        known = _layers[kind] = any(c.__module__.startswith("torch.nn.") for c in own)
    return known


class _Unwritable(Exception):
    """A number that has no plain form."""


class _Table:
    """The plain form in the making."""

    def __init__(self, owns: Callable[[str], bool]) -> None:
        self._owns = owns
        self._files: dict[str, int] = {}
        self._owned: dict[str, bool] = {}
        self._literals: dict[tuple[Any, ...], int] = {}
        self._steps: list[list[Any]] = []
        self._constants: dict[tuple[type, Any], int] = {}
        self._known: dict[int, tuple[Any, int]] = {}
        self._of_literals: dict[int, int] = {}
        self.layers: dict[str, dict[str, Any]] = {}

    def add(self, path: str, read: Read) -> None:
        """Enter a module's numbers."""
        found: dict[str, Any] = {}
        for name, value in read.items():
            try:
                if type(value) is tuple:
                    steps = [self._step(item) if type(item) in TRACED else None for item in value]
                    if any(s is not None and self._steps[s][0] != "constant" for s in steps):
                        found[name] = steps
                else:
                    step = self._step(value)
                    if self._steps[step][0] != "constant":
                        found[name] = step
            except _Unwritable:
                continue
        if found:
            self.layers[path] = found

    def plain(self) -> dict[str, Any]:
        literals = [[*key[:5], value, kind] for key in self._literals for value, kind in [key[5:]]]
        return {"literals": literals, "steps": self._steps, "layers": self.layers, "files": list(self._files)}

    def _step(self, value: Any) -> int:
        """The index of a number's step; those that it depends on come before it."""
        waiting = [value]
        while waiting:
            last = waiting[-1]
            if self._index(last) is None:
                missing = [a for a in last.step[1:] if self._index(a) is None]
                waiting += missing
                if missing:
                    continue
                self._known[identity(last)] = (last, self._operation(last))
            waiting.pop()
        index = self._index(value)
        assert index is not None
        return index

    def _index(self, value: Any) -> int | None:
        """The step of a number, None where it is to be worked out first."""
        if type(value) not in TRACED:
            return self._constant(value)
        known = self._known.get(identity(value))
        if known is not None:
            return known[1]
        if value.step[0] != "literal":
            return None
        index = self._literal(value, value.step[1])
        self._known[identity(value)] = (value, index)
        return index

    def _operation(self, value: Any) -> int:
        fn, *args = value.step
        steps = [self._index(a) for a in args]
        if all(s is not None and self._steps[s][0] == "constant" for s in steps):
            return self._constant(plain(value))
        self._steps.append([fn, _writable(value), *steps])
        return len(self._steps) - 1

    def _constant(self, value: Any) -> int:
        key = (type(value), _writable(value))
        if key not in self._constants:
            self._constants[key] = len(self._steps)
            self._steps.append(["constant", key[1]])
        return self._constants[key]

    def _literal(self, value: Any, literal: Literal) -> int:
        owned = self._owned.get(literal.file)
        if owned is None:
            owned = self._owned[literal.file] = self._owns(literal.file)
        if not owned:
            return self._constant(plain(value))
        file, *place = literal.span()
        key = (self._files.setdefault(file, len(self._files)), *place, _writable(value), literal.kind)
        index = self._literals.setdefault(key, len(self._literals))
        if index not in self._of_literals:
            self._of_literals[index] = len(self._steps)
            self._steps.append(["literal", _writable(value), index])
        return self._of_literals[index]


def _writable(value: Any) -> Any:
    """The plain number. Raises :class:`_Unwritable` for one that has no plain form."""
    value = plain(value)
    if math.isfinite(value) if type(value) is float else abs(value) < _LARGEST:
        return int(value) if type(value) is bool else value
    raise _Unwritable
