"""Functions of compiled libraries that open files by themselves, of which Python hears nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from types import ModuleType
from typing import Any

import torch

_OPENING = {"safetensors._safetensors_rust": "safe_open"}
"""Modules that a request may import → their function that opens the file that is its first argument."""


def openings(tell: Callable[[Any], None]) -> list[tuple[Any, str, Any]]:
    """What to replace so that ``tell`` gets the name of each file that such a function opens."""

    def exec_module(self: ExtensionFileLoader, module: ModuleType) -> None:
        execute(self, module)
        name = _OPENING.get(module.__name__)
        if name is not None and hasattr(module, name):
            setattr(module, name, _telling(getattr(module, name), tell))

    execute = ExtensionFileLoader.exec_module
    storage = torch.UntypedStorage.from_file
    changes: list[tuple[Any, str, Any]] = [
        (ExtensionFileLoader, "exec_module", exec_module),
        (torch, "from_file", _telling(torch.from_file, tell)),
        (torch.UntypedStorage, "from_file", staticmethod(_telling(storage, tell))),
    ]
    for library, name in _OPENING.items():
        if library in sys.modules and hasattr(sys.modules[library], name):
            original = getattr(sys.modules[library], name)
            new = _telling(original, tell)
            changes += [(m, name, new) for m in list(sys.modules.values()) if _holds(m, name, original)]
    return changes


def _holds(module: Any, name: str, value: Any) -> bool:
    """Whether ``value`` was imported into ``module``; a module that loads itself when it is asked is not asked."""
    return isinstance(module, ModuleType) and vars(module).get(name) is value


def _telling(original: Callable[..., Any], tell: Callable[[Any], None]) -> Callable[..., Any]:
    def opening(*args: Any, **kwargs: Any) -> Any:
        tell(args[0] if args else kwargs.get("filename"))
        return original(*args, **kwargs)

    return opening
