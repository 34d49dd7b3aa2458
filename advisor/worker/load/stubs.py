"""Stand-ins for third-party modules that are not installed here.

A model file often imports more than its networks need: data sets, loggers, registries, training frameworks. While
:class:`Stubs` is active, a module that nothing else can find is made up. Its attributes serve as base class, decorator,
annotation, subscript or configuration value; layers that many projects borrow are provided for real
(:mod:`.standins`). A made-up function never pretends to compute: called with a tensor it raises :class:`NotInstalled`.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import re
import sys
import types
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NoReturn

import torch

from . import standins
from .buffers import read


class NotInstalled(ImportError):
    """The network's computation needs a module that is not installed."""


class Stub:
    """Something of a missing module, whatever it is."""

    def __init__(self, name: str = "a missing module") -> None:
        self.__dict__["_stub_name"] = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and isinstance(args[0], (type, types.FunctionType)):
            return args[0]  # used as a decorator
        if any(isinstance(a, torch.Tensor) for a in (*args, *kwargs.values())):
            raise NotInstalled(f"the computation needs {self._stub_name}, which is not installed")
        return Stub(f"{self._stub_name}()")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        if _EXCEPTION.search(name):
            return exception(name)
        return Stub(f"{self.__dict__.get('_stub_name', '')}.{name}")

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        """As a base class: a network, unless another base of the class is one."""
        if any(isinstance(b, type) and issubclass(b, torch.nn.Module) for b in bases):
            return (type("Mixin", (_Mixin,), {}),)
        first = next(b for b in bases if isinstance(b, Stub))
        return (type(self._stub_name, (MissingBase,), {}),) if first is self else ()

    def __instancecheck__(self, _instance: Any) -> bool:
        return False

    def __subclasscheck__(self, _subclass: Any) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def __contains__(self, _item: Any) -> bool:
        return False

    def __getitem__(self, _item: Any) -> Stub:
        return Stub(f"{self._stub_name}[…]")

    def __setitem__(self, _item: Any, _value: Any) -> None:
        return None

    def __enter__(self) -> Stub:
        return self

    def __exit__(self, *_exc: Any) -> bool:
        return False

    def __or__(self, other: Any) -> Any:
        return other  # in an annotation: what is left of the union

    __ror__ = __or__

    def _version_older(self, _other: Any) -> bool:
        return False

    def _version_newer(self, _other: Any) -> bool:
        return True

    __lt__ = __le__ = _version_older
    __gt__ = __ge__ = _version_newer

    def _number(self, _other: Any) -> NoReturn:
        raise NotInstalled(f"the value of {self._stub_name} is unknown, since it is not installed")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _number


class MissingBase(standins.AnyModule):
    """A base class that is not installed: what derives from it lacks whatever the base would compute."""


class _Mixin:
    """A missing base class beside a known one; takes the class keywords that it would have taken."""

    def __init_subclass__(cls, **_kwargs: Any) -> None:
        super().__init_subclass__()


_EXCEPTION = re.compile(r"(Error|Exception|Warning|Timeout)$")


def exception(name: str) -> type[Exception]:
    """An exception class of a missing module: an ``except`` clause takes nothing else."""
    return type(name, (Exception,), {})


class StubModule(types.ModuleType):
    """A module that has every attribute."""

    __path__: MutableSequence[str] = []  # noqa: RUF012
    __version__ = "99.0.0"
    __all__: list[str]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        value = standins.PROVIDED.get(name)
        if value is None:
            value = exception(name) if _EXCEPTION.search(name) else Stub(f"{self.__name__}.{name}")
        setattr(self, name, value)
        return value


class Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder: makes up what no other found, for imports that the project's own files make.

    ``owns(filename)`` tells those files: a library's optional imports have to fail as it expects. So do the project's
    own that stand in a ``try`` with a handler for them, unless ``even_guarded``. ``local`` are the top-level names that
    the project provides itself. ``names`` are the modules and attributes made up so far.
    """

    def __init__(self, owns: Callable[[str], bool], local: frozenset[str], even_guarded: bool = False) -> None:
        self.owns = owns
        self.local = local
        self.even_guarded = even_guarded
        self.names: list[str] = []
        self.starred: list[str] = []
        """What ``from missing import *`` is taken to have brought: names that nothing else defines."""

    def may_replace(self, module: str) -> bool:
        top = module.split(".")[0]
        if top == "torch":
            return module.count(".") > 0 and not module.startswith("torch._C")  # what another version had
        return top not in sys.stdlib_module_names and top not in self.local

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if isinstance(parent, StubModule):
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        if not self.may_replace(fullname) or not self._is_asked_by_project():
            return None
        self.names.append(fullname)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def _is_asked_by_project(self) -> bool:
        frame: types.FrameType | None = sys._getframe(2)
        while frame is not None and (
            "importlib" in frame.f_code.co_filename or frame.f_globals.get("__name__") == __name__
        ):
            frame = frame.f_back
        if frame is None or not self.owns(frame.f_code.co_filename):
            return False
        return self.even_guarded or not is_guarded(frame.f_code.co_filename, frame.f_lineno)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> StubModule:
        module = StubModule(spec.name)
        module.__all__ = self.starred
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        return None

    def star(self, name: str) -> bool:
        """From now on let a star import bring ``name``; False when that was done before."""
        if name in self.starred or not self.names:
            return False
        self.starred.append(name)
        return True

    def provide(self, module: str, attribute: str) -> bool:
        """Make up an attribute that an installed module lacks (another version had it)."""
        installed = sys.modules.get(module)
        if installed is None or not (self.may_replace(module) or module == "torch"):
            return False
        if hasattr(installed, attribute):
            return False
        setattr(installed, attribute, standins.PROVIDED.get(attribute) or Stub(f"{module}.{attribute}"))
        self.names.append(f"{module}.{attribute}")
        return True


@lru_cache(maxsize=64)
def _guards(filename: str) -> tuple[tuple[int, int], ...]:
    """Line ranges of a file's ``try`` bodies that have a handler for a failing import."""
    try:
        tree = ast.parse(read(filename))
    except (OSError, SyntaxError, ValueError):
        return ()
    tries = (n for n in ast.walk(tree) if isinstance(n, ast.Try) and any(map(_catches_import, n.handlers)))
    return tuple((t.body[0].lineno, t.body[-1].end_lineno or t.body[-1].lineno) for t in tries)


def _catches_import(handler: ast.ExceptHandler) -> bool:
    names = {n.id for n in ast.walk(handler.type) if isinstance(n, ast.Name)} if handler.type else {"Exception"}
    raises = any(isinstance(statement, ast.Raise) for statement in handler.body)
    return bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}) and not raises


def is_guarded(filename: str, line: int) -> bool:
    """Whether the file expects that an import on ``line`` may fail."""
    return any(first <= line <= last for first, last in _guards(filename))


@contextmanager
def active(stubs: Stubs | None) -> Iterator[None]:
    """``stubs``, if any, as the last finder inside the block."""
    if stubs is None:
        yield
        return
    sys.meta_path.append(stubs)
    try:
        yield
    finally:
        sys.meta_path.remove(stubs)
