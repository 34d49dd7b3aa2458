"""Interpreters that are told apart by what is installed for them, and by whether they were started."""

from __future__ import annotations

import sys
import sysconfig
import venv
from pathlib import Path


def without_advisor(folder: Path) -> Path:
    """An environment without the advisor; its ``pip install`` makes the one of this process importable there.

    The real pip would ask the index for a release.
    """
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    (packages / "pip").mkdir()
    (packages / "pip" / "__init__.py").touch()
    line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (packages / "pip" / "__main__.py").write_text(
        "import sys\n"
        "assert sys.argv[1:] == ['install', 'nas-advisor'], sys.argv\n"
        f"with open({str(packages / 'advisor.pth')!r}, 'w') as file:\n"
        f"    file.write({line!r})\n",
        encoding="utf-8",
    )
    return folder / "bin" / "python"


def noting(path: Path, note: Path) -> None:
    """This process's interpreter, which makes the file ``note`` when it is started."""
    path.write_text(f'#!/bin/sh\n: > "{note}"\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
