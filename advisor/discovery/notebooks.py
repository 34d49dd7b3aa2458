"""Jupyter notebooks: the code cells of one as a single Python module, in the order in which they stand.

IPython's own syntax (``%magic``, ``!command``, ``help?``) becomes a comment, so that every line of a cell keeps its
place; :func:`joined` says at which line each cell begins.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import syntax

SUFFIX = ".ipynb"

_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
_RUNS_PYTHON = frozenset({"time", "timeit", "capture", "prun", "python", "python3"})
_MAGIC = re.compile(r"^(\s*)(?=[%!?]|.*\?{1,2}\s*$|[\w\s,.\[\]*]+=\s*[%!])")
_ASSIGNED = re.compile(r"(\s*[\w\s,.\[\]*]+=)\s*[%!]")
_CACHED_CELLS = 2_000


class NotebookError(ValueError):
    """A file that is no notebook of Python code; the message says why."""


def is_notebook(path: Path) -> bool:
    """Whether a file of this name is a notebook."""
    return path.suffix == SUFFIX


def cells(data: bytes | str) -> list[str]:
    """The code cells of a notebook file, as they are written in it. Raises :class:`NotebookError`."""
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as e:
        raise NotebookError(f"this notebook is no JSON ({e}); open it in Jupyter and save it again") from e
    found = _cells(notebook)
    if found is None:
        raise NotebookError("this notebook has no cells in the format of Jupyter 4; open it in Jupyter and save it")
    language = _language(notebook)
    if language != "python":
        raise NotebookError(f"this notebook is written in {language}, not in Python; exclude it")
    return found


def _cells(notebook: Any) -> list[str] | None:
    listed = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(listed, list):
        return None
    found: list[str] = []
    for cell in listed:
        source = cell.get("source", "") if isinstance(cell, dict) else None
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            return None
        if cell.get("cell_type") == "code":
            found.append(source)
    return found


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = kernel.get("language") if isinstance(kernel, dict) else None
    return language.lower() if isinstance(language, str) else "python"


def joined(cells: Sequence[str]) -> tuple[str, list[int]]:
    """The cells as one module, and the number of lines before each: line 1 of cell ``i`` is ``offsets[i] + 1``."""
    lines: list[str] = []
    offsets: list[int] = []
    for cell in cells:
        offsets.append(len(lines))
        lines += python(cell).split("\n")
    return "\n".join(lines) + "\n", offsets


@lru_cache(_CACHED_CELLS)
def python(cell: str) -> str:
    """A cell with as many lines of Python: IPython's own lines are comments, or ``pass`` where a block needs one."""
    lines = re.split(r"\r\n?|\n", cell)
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    magic = _CELL_MAGIC.match(lines[first]) if first is not None else None
    if first is not None and magic is not None:
        if magic[1] not in _RUNS_PYTHON:  # the rest is HTML, a shell's script, a file
            return "\n".join(f"# {line}" for line in lines)
        lines[first] = f"# {lines[first]}"
    magics = [i for i, line in enumerate(lines) if _MAGIC.match(line)]
    while magics and (wrong := _error_line(lines)) is not None:
        # The parser stops at the first line it cannot read; a line in a string, or one that goes on with `%`, is none.
        taken = next((i for i in magics if i == wrong), None)
        if taken is None:
            taken = next((i for i in reversed(magics) if i <= wrong), magics[0])
        magics.remove(taken)
        lines[taken] = _silenced(lines[taken])
    return "\n".join(lines)


def _silenced(line: str) -> str:
    """A line of IPython's as Python that does nothing; what it would assign is None."""
    assigned = _ASSIGNED.match(line)
    if assigned is not None:
        return f"{assigned[1]} None  # {line[assigned.end(1) :].strip()}"
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}{'pass  ' if indent else ''}# {line.strip()}"


def _error_line(lines: list[str]) -> int | None:
    """The line (from 0) at which Python stops reading; None where it reads it all."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in users' strings are not ours to report
            syntax.module("\n".join(lines))
    except SyntaxError as e:
        return (e.lineno or 1) - 1
    except (ValueError, RecursionError, MemoryError):
        return None  # no cell of this will be read, whatever its magics are
    return None
