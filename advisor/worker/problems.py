"""An exception of user code as plain data."""

from __future__ import annotations

import traceback
from types import FrameType
from typing import Any

from .oneline import one_line
from .trace.frames import is_user_file


def user_frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Frames of user code that ``error`` went through with their lines, outermost first."""
    walk = traceback.walk_tb(error.__traceback__)
    return [(frame, line) for frame, line in walk if is_user_file(frame.f_code.co_filename)]


def describe(error: BaseException) -> dict[str, Any]:
    """``{"type", "message", "file", "line"}``: the innermost user frame, or None for both when there is none."""
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
    return {"type": one_line(type(error).__name__), "message": message, "file": file, "line": line}


def failure(kind: str, message: str, file: str | None = None, line: int | None = None) -> dict[str, Any]:
    """The same form for a problem that is no exception."""
    return {"type": kind, "message": one_line(message), "file": file, "line": line}
