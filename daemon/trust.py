"""Trust: whether the code of a workspace may run.

It may if the client says so (the option ``trusted`` at its start, the notification ``advisor/trust`` later), which
speaks for the folders of its workspace, or for any file where it has none; or if the user's own settings list the
folder::

    # config.toml in the folder that advisor.folders.settings() names
    trusted = ["/home/me/projects"]

A client that says no is heard before that file. Nothing inside a workspace can grant trust: the file does not count if
it lies in one of the workspace's folders, belongs to somebody else, or can be written by others.

Where a file really is decides: a workspace that is opened through a link is the folder which the link leads to, and a
link in a trusted folder that leads out of it leads to what is not trusted. What trusted code imports runs with it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from advisor import folders
from advisor.toml import TomlError, read_toml


def settings_file() -> Path:
    """The user's own file."""
    return folders.settings() / "config.toml"


class Trust:
    """What one client may run. ``tell`` hears, once each, why the user's file was not followed."""

    def __init__(self, roots: Callable[[], Sequence[Path]], tell: Callable[[str], None]) -> None:
        self.told: bool | None = None
        self._roots = roots
        self._tell = tell
        self._said: set[str] = set()
        self._hinted: set[str] = set()
        self._known: tuple[tuple[int, int, str] | None, tuple[Path, ...]] = (None, ())

    def of(self, path: Path) -> bool:
        """Whether a file, or what is in a folder, may run."""
        if self.told is False:
            return False
        real = path.resolve()
        if self.told and (not self._roots() or self._root_of(real) is not None):
            return True
        return any(real.is_relative_to(folder) for folder in self._folders())

    def hint(self, path: Path) -> str:
        """How to allow it for a file or folder that may not run, in a sentence."""
        real = path.resolve()
        root = self._root_of(real)
        if root is not None:
            what, how = f"The workspace {root} is not trusted", "trust it in the editor, or add it"
        else:
            folder = real if real.is_dir() else real.parent
            what = f"{folder} is not trusted"
            how = "trust it in the editor, or add it"
            if self._roots():
                what, how = f"{folder} is in none of the workspace's folders and is not trusted", "add it"
        return (
            f"{what}, so nothing of it is run and models are read from their source only: "
            f"{how} to trusted = [...] in {settings_file()}."
        )

    def unsaid(self, path: Path) -> str | None:
        """The hint for what may not run, None for what may and where the same was given before."""
        if self.of(path) or (hint := self.hint(path)) in self._hinted:
            return None
        self._hinted.add(hint)
        return hint

    def take_back(self) -> None:
        """The client says no, whatever it said: hints are given anew."""
        self.told = False
        self._hinted.clear()

    def _root_of(self, real: Path) -> Path | None:
        """The innermost of the workspace's folders around a resolved path, as the client calls it."""
        around = [root for root in self._roots() if real.is_relative_to(root.resolve())]
        return max(around, key=lambda root: len(root.resolve().parts), default=None)

    def _folders(self) -> tuple[Path, ...]:
        file = settings_file()
        try:
            about = file.stat()
        except OSError:
            return ()  # no settings of the user's own: nothing is trusted by them
        key = (about.st_mtime_ns, about.st_size, "\n".join(map(str, self._roots())))
        if self._known[0] != key:
            self._known = (key, self._read(file, about))
        return self._known[1]

    def _read(self, file: Path, about: os.stat_result) -> tuple[Path, ...]:
        if why := _refused(file, about, self._roots()):
            self._say(f"{file}: {why}; trust was not read from it")
            return ()
        try:
            listed = _listed(read_toml(file))
        except (TomlError, OSError, ValueError) as e:
            self._say(f"{file}: {e}; trust was not read from it")
            return ()
        return listed

    def _say(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self._tell(message)


def _refused(file: Path, about: os.stat_result, roots: Sequence[Path]) -> str | None:
    """Why a settings file does not count, None when it does."""
    real = file.resolve()
    for root in roots:
        if real.is_relative_to(root.resolve()) or file.is_relative_to(root):
            return f"lies inside the workspace {root}, which cannot grant trust to itself"
    if hasattr(os, "getuid"):
        if about.st_uid != os.getuid():
            return "belongs to another user"
        if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "can be written by others: run chmod go-w on it"
    return None


def _listed(table: Mapping[str, Any]) -> tuple[Path, ...]:
    value = table.get("trusted", [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ValueError(f'trusted: expected a list of folders such as ["/home/me/projects"], got {value!r}')
    paths = [Path(v).expanduser() for v in value]
    if relative := next((p for p in paths if not p.is_absolute()), None):
        raise ValueError(f"trusted: expected absolute folders, got {str(relative)!r}")
    return tuple(p.resolve() for p in paths)
