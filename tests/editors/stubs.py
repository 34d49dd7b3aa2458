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


def noting(path: Path, note: Path, runs: str = sys.executable) -> Path:
    """A program that writes its arguments to the file ``note``, a line each time, and is ``runs`` otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho $* >> "{note}"\nexec "{runs}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def environment(folder: Path, *, virtual: bool = True, advisor: bool = True) -> Path:
    """The interpreter of an environment, which notes its starts beside itself (``python.note``).

    ``virtual``: it is one that was made by ``venv``, as far as its files say. With ``advisor`` it has all that this
    process can import; without, nothing but the standard library.
    """
    python = folder / "bin" / "python"
    noting(python, python.with_suffix(".note"), sys.executable if advisor else str(_base(folder)))
    if virtual:
        (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix) / 'bin'}\n", encoding="utf-8")
    return python


def _base(folder: Path) -> Path:
    """The interpreter that this process's environment was made of, without any packages."""
    alone = folder / "bin" / "alone"
    alone.parent.mkdir(parents=True, exist_ok=True)
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    alone.write_text(f'#!/bin/sh\nexec "{base}" -S "$@"\n', encoding="utf-8")
    alone.chmod(0o755)
    return alone


def moody(path: Path) -> Path:
    """This process's interpreter; as a server it does what the file ``<path>.mood`` says.

    ``crash``: it says why, and ends. ``hang``: it says why, and answers nothing. Else it is well. The processes of all
    servers that it was are in the file ``<path>.note``.
    """
    path.write_text(
        f"""#!/bin/sh
case "$*" in *" lsp") ;; *) exec "{sys.executable}" "$@";; esac
echo $$ >> "{path}.note"
read mood < "{path}.mood"
case "$mood" in
crash) printf 'Traceback:\\nOSError: no space ' >&2; sleep 0.1; echo 'left on the device' >&2; exit 3;;
hang) echo 'waiting for a lock' >&2; exec sleep 600;;
*) exec "{sys.executable}" "$@";;
esac
""",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path
