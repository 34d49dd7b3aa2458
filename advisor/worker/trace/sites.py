"""Where modules are created, and with which arguments: a hook on ``nn.Module.__init__``.

Nothing is stored on the modules themselves: a user's ``__setattr__``, ``__eq__`` or ``__hash__`` is never called.
"""

from __future__ import annotations

import copy
import sys
import weakref
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any

from torch import nn

from .frames import Span, is_entry, is_user_file, span
from .recording import Position, identity
from .scopes import Scope, scope

_DEPTH = 16
"""Frames kept of a creation: deep enough for a table, its builder, the stage, the block and the layer."""
_SAMPLES = 3
"""Constructor calls kept per class."""

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_VARARGS, _VARKEYWORDS = 0x04, 0x08  # inspect.CO_VARARGS, CO_VARKEYWORDS


class Observer:
    """While entered, records every ``nn.Module``'s creation.

    ``captured[cls]`` holds up to three ``(args, kwargs)`` that classes outside torch were constructed with. A deep
    copy of a module was created where its original was. With ``scoped``, what was in scope where such a class was
    called is kept too.
    """

    def __init__(self, scoped: bool = False) -> None:
        self.captured: dict[type, list[Arguments]] = {}
        self._scopes: dict[int, tuple[weakref.ref[nn.Module], Scope]] | None = {} if scoped else None
        self._chains: dict[int, tuple[weakref.ref[nn.Module], tuple[Position, ...]]] = {}
        self._init = nn.Module.__init__
        self._setstate = nn.Module.__setstate__

    def __enter__(self) -> Observer:
        original_init, original_setstate = self._init, self._setstate = nn.Module.__init__, nn.Module.__setstate__

        def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            self._created(module, sys._getframe(1))
            original_init(module, *args, **kwargs)

        def setstate(module: nn.Module, state: Any) -> None:
            original_setstate(module, state)
            self._copied(module, sys._getframe(1))

        _patch(init, setstate)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        _patch(self._init, self._setstate)

    def sites(self, module: nn.Module) -> list[Span]:
        """Spans of the module's creation, innermost (the expression ``nn.Conv2d(...)``) first; empty when it was not
        seen.
        """
        return [s for s in map(span, self._chain(module)) if s is not None]

    def scope(self, module: nn.Module) -> Scope:
        """What was in scope where the module was built; nothing where that was not seen or asked for."""
        entry = (self._scopes or {}).get(identity(module))
        return entry[1] if entry is not None and entry[0]() is module else {}

    def _chain(self, module: nn.Module) -> tuple[Position, ...]:
        entry = self._chains.get(identity(module))
        return entry[1] if entry is not None and entry[0]() is module else ()

    def _created(self, module: nn.Module, frame: FrameType | None) -> None:
        own: FrameType | None = None
        own_code = None
        while frame is not None:
            code = frame.f_code
            if _first_argument(frame, code) is not module:
                break
            own, own_code, frame = frame, code, frame.f_back
        if own is not None and own_code is not None and is_user_file(own_code.co_filename):
            samples = self.captured.setdefault(type(module), [])
            if len(samples) < _SAMPLES:
                samples.append(_arguments(own))
            if self._scopes is not None:
                self._scopes[identity(module)] = (weakref.ref(module), scope(frame))
        self._remember(module, _positions(frame))

    def _copied(self, module: nn.Module, frame: FrameType | None) -> None:
        """``copy.deepcopy`` builds without ``__init__``; its helper's first argument is the original."""
        while frame is not None and _first_argument(frame, frame.f_code) is module:
            frame = frame.f_back
        if frame is not None and frame.f_code.co_filename == copy.__file__:
            original = _first_argument(frame, frame.f_code)
            if isinstance(original, nn.Module) and (chain := self._chain(original)):
                self._remember(module, chain)

    def _remember(self, module: nn.Module, chain: tuple[Position, ...]) -> None:
        self._chains[identity(module)] = (weakref.ref(module), chain)


def _patch(init: Callable[..., None], setstate: Callable[..., None]) -> None:
    for name, method in (("__init__", init), ("__setstate__", setstate)):
        setattr(nn.Module, name, method)


def _first_argument(frame: FrameType, code: CodeType) -> Any:
    return frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None


def _positions(frame: FrameType | None) -> tuple[Position, ...]:
    chain: list[tuple[CodeType, int]] = []
    while frame is not None and len(chain) < _DEPTH:
        code = frame.f_code
        if is_user_file(code.co_filename):
            chain.append((code, frame.f_lasti))
        elif is_entry(code):
            break
        frame = frame.f_back
    return tuple(chain)


def _arguments(frame: FrameType) -> Arguments:
    """The arguments of the ``__init__`` that ``frame`` runs, without ``self``; rebound names give their new value."""
    code, local = frame.f_code, frame.f_locals
    names = code.co_varnames
    positional, keyword = code.co_argcount, code.co_kwonlyargcount
    args: tuple[Any, ...] = ()
    kwargs = {n: local[n] for n in names[1 : positional + keyword] if n in local}
    rest = positional + keyword
    if code.co_flags & _VARARGS:
        extra = local.get(names[rest], ())
        if extra:
            args = (*(kwargs.pop(n) for n in names[1:positional] if n in kwargs), *extra)
        rest += 1
    if code.co_flags & _VARKEYWORDS:
        kwargs.update(local.get(names[rest], {}))
    return args, kwargs
