"""Which Python runs the user's code for a given file, and why that one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FOLDERS = (".venv", "venv")
_ACTIVE = ("VIRTUAL_ENV", "CONDA_PREFIX")
"""Variables that name the folder of the active environment; the first wins."""
_PROGRAMS = ("python", "python3")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter and the reason for choosing it, for people."""

    path: Path
    why: str


def choose(file: Path, environment: Mapping[str, str], explicit: Path | None = None) -> Interpreter:
    """The interpreter for ``file``: the one asked for; else of the active environment; else of the nearest virtual
    environment in the file's folder or above; else the one that runs the advisor.

    ``environment`` is usually ``os.environ``. Nothing is executed. An explicit choice is returned even if it does not
    exist: starting it says so. The path is never resolved: a virtual environment's ``python`` is a link whose place
    decides which packages it sees.
    """
    if explicit is not None:
        return Interpreter(explicit, "asked for")
    for variable in _ACTIVE:
        if (prefix := environment.get(variable)) and (found := _python_in(Path(prefix))):
            return Interpreter(found, f"the active environment ({variable})")
    for candidate in _up_the_tree(file.absolute()):
        if found := _python_in(candidate):
            return Interpreter(found, f"{candidate.name} in {candidate.parent}")
    return Interpreter(Path(sys.executable), "the advisor's own; no virtual environment is active or near the file")


def activated(environment: Mapping[str, str], python: Path) -> dict[str, str]:
    """``environment`` as activating the one that the interpreter ``python`` is of leaves it, be it virtual or conda's:
    :func:`choose` then takes that one where nothing else is asked for, as in a terminal with it."""
    prefix = python.parent.parent
    variable = "CONDA_PREFIX" if (prefix / "conda-meta").is_dir() else "VIRTUAL_ENV"
    rest = {name: value for name, value in environment.items() if name not in (*_ACTIVE, "PYTHONHOME")}
    path = os.pathsep.join(filter(None, (str(python.parent), rest.get("PATH"))))
    return {**rest, variable: str(prefix), "PATH": path}


def _up_the_tree(file: Path) -> Iterator[Path]:
    folders = [file, *file.parents] if file.is_dir() else list(file.parents)
    for folder in folders:
        for name in _FOLDERS:
            yield folder / name


def _python_in(prefix: Path) -> Path | None:
    programs = (prefix / "bin" / name for name in _PROGRAMS)
    return next((python for python in programs if python.is_file()), None)
