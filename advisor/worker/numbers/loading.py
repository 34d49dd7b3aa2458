"""Files of the project are loaded with their numbers traced, by whatever import finds them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from importlib.util import decode_source
from types import CodeType
from typing import Any

from ..load.patches import replaced
from .calls import NAME, call
from .rewriting import rewritten

_following: list[Callable[[str], bool]] = []
"""While numbers are followed, whether a file is one of those whose numbers are; the last one holds."""


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
    if not _is_followed(file):
        return compile(ast.Module(body, []), file, "exec", dont_inherit=True)
    return rewritten(body, text, file)


def _is_followed(file: str) -> bool:
    return bool(_following) and _following[-1](file)


def _get_code(original: Callable[[SourceFileLoader, str], CodeType | None]) -> Callable[..., CodeType | None]:
    def get_code(self: SourceFileLoader, fullname: str) -> Any:
        path = self.get_filename(fullname)
        if not _is_followed(path):
            return original(self, fullname)
        data = self.get_data(path)
        tree = compile(data, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        assert isinstance(tree, ast.Module)
        return code_of(tree.body, decode_source(data), path)

    return get_code
