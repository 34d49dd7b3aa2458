"""An exception of user code as plain data."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import torch

_NOT_USERS = (str(Path(torch.__file__).parent) + os.sep, str(Path(__file__).parent) + os.sep, "<")
_LONGEST_MESSAGE = 600


def is_users(filename: str) -> bool:
    """Whether code of that file name is the user's: neither torch's, nor ours, nor made at run time."""
    return not filename.startswith(_NOT_USERS)


def user_frames(error: BaseException) -> list[tuple[FrameType, int]]:
    """Frames of user code that ``error`` went through with their lines, outermost first."""
    walk = traceback.walk_tb(error.__traceback__)
    return [(frame, line) for frame, line in walk if is_users(frame.f_code.co_filename)]


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
        message = str(error).strip()
    except Exception as broken:  # a user's exception class may fail to print itself
        message = f"(its message could not be read: {type(broken).__name__})"
    return {"type": type(error).__name__, "message": message[:_LONGEST_MESSAGE], "file": file, "line": line}


def failure(kind: str, message: str, file: str | None = None, line: int | None = None) -> dict[str, Any]:
    """The same form for a problem that is no exception."""
    return {"type": kind, "message": message[:_LONGEST_MESSAGE], "file": file, "line": line}
