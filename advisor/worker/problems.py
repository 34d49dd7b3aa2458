"""An exception of user code as plain data."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from types import FrameType
from typing import Any

from .numbers.traced import is_traced
from .oneline import one_line
from .trace.frames import is_user_file

_NEAR = 4
"""Innermost frames of an error in which a traced number may have been what it is about."""
_NOT_OF_NUMBERS = (ArithmeticError, AttributeError, ImportError, LookupError, NameError, OSError, SyntaxError)
_NOT_OF_TYPES = re.compile(
    r"(required positional|unexpected keyword|multiple values for) |takes .* positional argument"
    r"|\b(shapes?|sizes?|dimensions?|channels|dim|NoneType)\b"
)
"""Messages about calls, about shapes that do not fit, and about what is not there."""


def user_frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Frames of user code that ``error`` went through with their lines, outermost first."""
    walk = traceback.walk_tb(error.__traceback__)
    return [(frame, line) for frame, line in walk if is_user_file(frame.f_code.co_filename)]


def describe(error: BaseException) -> dict[str, Any]:
    """``{"type", "message", "file", "line"}``: the innermost user frame, or None for both when there is none; with
    ``traced`` where it may have to do with numbers being followed (``advisor/retrying.py``)."""
    file, line = None, None
    if isinstance(error, SyntaxError) and error.filename:
        file, line = error.filename, error.lineno
    else:
        frames = user_frames(error)
        if frames:
            file, line = frames[-1][0].f_code.co_filename, frames[-1][1]
    try:
        message = one_line(str(error))
    except BaseException as broken:  # a user's exception class may fail to print itself
        message = f"(its message could not be read: {type(broken).__name__})"
    said = {"type": one_line(type(error).__name__), "message": message, "file": file, "line": line}
    return {**said, "traced": True} if _may_be_of_numbers(error, message) else said


def _may_be_of_numbers(error: BaseException, message: str) -> bool:
    """Whether it may come of numbers that are followed: of their type, that is, for their values are right."""
    kinds = (*_NOT_OF_NUMBERS, RecursionError, NotImplementedError)
    if not isinstance(error, Exception) or isinstance(error, kinds) or _NOT_OF_TYPES.search(message):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][-_NEAR:]
    return any(_holds_traced(frame.f_locals) for frame in frames)


def _holds_traced(local: Mapping[str, Any]) -> bool:
    for value in (*local.values(), *getattr(local.get("self"), "__dict__", {}).values()):
        kind = type(value)
        items = value if kind in (list, tuple) else value.values() if kind is dict else ()
        if is_traced(value) or any(map(is_traced, items)):
            return True
    return False


def failure(kind: str, message: str, file: str | None = None, line: int | None = None) -> dict[str, Any]:
    """The same form for a problem that is no exception."""
    return {"type": kind, "message": one_line(message), "file": file, "line": line}
