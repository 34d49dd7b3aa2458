"""Which texts the old and the new model are read from: two files, or one file at a git revision and as it is now.

A revision is read with ``git show``; the work tree is never touched. All Python files that differ from it are seen as
they were then, so that what the file imports is of the same time.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..texts import Texts
from .errors import SourceError

_SECONDS = 60.0


@dataclass(frozen=True)
class Source:
    """A file as ``texts`` have it, and the model in it; ``name`` is empty where it is the only one. ``shown`` is how a
    person would say it."""

    path: Path
    name: str
    texts: Texts
    shown: str


def sources(old: str, new: str) -> tuple[Source, Source]:
    """The sources of ``--from REV|FILE[::NAME]`` and ``--to FILE[::NAME]``. Raises :class:`SourceError`."""
    file, _, name = new.partition("::")
    path = _file(file, "--to")
    after = Source(path, name, Texts(), new)
    other, _, old_name = old.partition("::")
    if other.endswith((".py", ".ipynb")) or Path(other).is_file():
        return Source(_file(other, "--from"), old_name, Texts(), old), after
    return Source(path, old_name or name, at_revision(path, other), f"{file} at {other}"), after


def _file(text: str, option: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise SourceError(f"{option} {text}: there is no such file")
    return path.absolute()


def at_revision(path: Path, revision: str) -> Texts:
    """The Python files of ``path``'s repository as they were at a revision. Raises :class:`SourceError`."""
    folder = path.parent
    top = Path(_git(folder, "rev-parse", "--show-toplevel", why=f"{path} is in no git repository").strip())
    commit = _git(
        folder,
        *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"),
        why=f"--from {revision}: neither a Python file nor a revision that git knows in {top}",
    ).strip()
    changed = _git(
        top, "diff", "--name-only", "--no-renames", "-z", commit, "--", "*.py", why=f"git cannot compare {commit}"
    )
    then = set(_git(top, "ls-tree", "-r", "--name-only", "-z", commit, why=f"git cannot list {commit}").split("\0"))
    relative = path.resolve().relative_to(top.resolve()).as_posix()
    if relative not in then:
        raise SourceError(f"{relative} did not exist at {revision}; give the old file with --from FILE")
    here = path.parents[len(Path(relative).parts) - 1]  # the top as the path has it, links and all
    return Texts(
        {
            here / name: _git(top, "show", f"{commit}:{name}", why=f"git cannot show {name}")
            for name in changed.split("\0")
            if name and name in then
        }
    )


def _git(folder: Path, *arguments: str, why: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise SourceError("git is not installed; give the old file with --from FILE") from None
    except subprocess.TimeoutExpired:
        raise SourceError(
            f"git took longer than {_SECONDS:.0f} s for {arguments[0]}; give the old file with --from FILE"
        ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().split("\n")[0]
        raise SourceError(f"{why}{f' ({said})' if said else ''}")
    return done.stdout.decode("utf-8-sig", errors="replace")
