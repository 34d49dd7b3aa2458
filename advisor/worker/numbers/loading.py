"""Files of the project are loaded with their numbers traced, by whatever import finds them."""

from __future__ import annotations

import ast
import builtins
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import decode_source
from pathlib import Path
from types import CodeType
from typing import Any

from ..load.patches import replaced
from .calls import NAME, call
from .rewriting import rewritten

_following: list[Callable[[str], bool]] = []
"""While numbers are followed, whether a file is one of those whose numbers are; the last one holds."""


_codes: dict[str, tuple[Any, CodeType]] = {}
"""By file its code, and what it was made from: the ladder of imports and libraries of the zygote ask for it again."""


@contextmanager
def following(owns: Callable[[str], bool]) -> Iterator[None]:
    """Inside the block, modules whose file ``owns`` accepts are loaded with traced numbers. Code that was loaded so
    goes on working after it."""
    setattr(builtins, NAME, call)
    _following.append(owns)
    try:
        with replaced([(SourceFileLoader, "get_code", _get_code(SourceFileLoader.get_code))]):
            yield
    finally:
        _following.pop()


@contextmanager
def unfollowed() -> Iterator[None]:
    """Inside the block, modules are loaded as they are."""
    _following.append(lambda _: False)
    try:
        yield
    finally:
        _following.pop()


def code_of(body: list[ast.stmt], text: str, file: str) -> CodeType:
    """The code of statements that were parsed from ``text``; traced where ``file`` is followed."""
    if not follows(file):
        return compile(ast.Module(body, []), file, "exec", dont_inherit=True)
    return rewritten(body, text, file)


def follows(file: str | Path) -> bool:
    """Whether the numbers of a source file are followed now."""
    return bool(_following) and _following[-1](str(file))


def _stamp(loader: SourceFileLoader, path: str) -> Any:
    """What changes when a file does; None for one that is not saved."""
    try:
        return sorted(loader.path_stats(path).items())
    except OSError:
        return None


def _get_code(original: Callable[[SourceFileLoader, str], CodeType | None]) -> Callable[..., CodeType | None]:
    def get_code(self: SourceFileLoader, fullname: str) -> Any:
        path = self.get_filename(fullname)
        if not follows(path):
            return original(self, fullname)
        stamp = _stamp(self, path)
        known = _codes.get(path)
        if known is not None and stamp is not None and known[0] == stamp:
            sys.audit("open", path, "r", os.O_RDONLY)  # for the hook in ``reads.py``
            return known[1]
        data = self.get_data(path)
        tree = compile(data, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        code = code_of(tree.body, decode_source(data), path)
        if stamp is not None:
            _codes[path] = (stamp, code)
        return code

    return get_code
