"""Where a file stands in its project: what belongs to it, and by which names and folders it is imported."""

from __future__ import annotations

import os
import re
import types
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from . import buffers

_NOTEBOOK = ".ipynb"
_SITES = ("site-packages", "dist-packages")
_SOURCE_FOLDERS = ("src", "lib", "python", "pytorch")

Way = Literal["package", "namespace", "path"]

_RELATIVE = re.compile(rb"^[ \t]*from[ \t]+(\.+)", re.MULTILINE)


def _levels(file: Path) -> int:
    """How many packages the file is in at the least, by its relative imports."""
    try:
        found = _RELATIVE.findall(buffers.read(file))
    except OSError:
        return 0  # importing it says why
    return max(map(len, found), default=0)


@dataclass(frozen=True)
class Place:
    """Where a file stands.

    ``folders`` from its own up to the project root; ``dotted`` its name as its ``__init__`` files and its own relative
    imports say.
    """

    file: Path
    root: Path
    folders: tuple[Path, ...]
    package_parent: Path
    dotted: str

    @property
    def top(self) -> str:
        """Its package, or itself."""
        return self.dotted.partition(".")[0]

    @property
    def is_notebook(self) -> bool:
        return self.file.suffix == _NOTEBOOK

    @classmethod
    def of(cls, file: Path, root: Path) -> Place:
        file, root = file.resolve(), root.resolve()
        if root not in file.parents:
            root = file.parent
        folders = tuple(p for p in file.parents if p == root or root in p.parents)
        stem = f"notebook_{file.stem}" if file.suffix == _NOTEBOOK else file.stem  # no import means a notebook
        parts = [] if stem == "__init__" else [stem]
        parent, levels = file.parent, _levels(file)
        while parent != parent.parent and (
            (parent / "__init__.py").exists() or (levels > 0 and "." not in parent.name)
        ):
            parts.insert(0, parent.name)
            parent = parent.parent
            levels -= 1
        return cls(file, root, folders, parent, ".".join(parts))

    def namespace_names(self) -> list[str]:
        """Dotted names from the root and below that differ from the package's, outermost first."""
        relative = self.file.relative_to(self.root).with_suffix("").parts
        if relative[-1] == "__init__":
            relative = relative[:-1]
        names = (".".join(relative[k:]) for k in range(len(relative)))
        return [n for n in names if n != self.dotted and all(p.isidentifier() for p in n.split("."))]

    def owns(self, filename: str) -> bool:
        """Whether a source file belongs to the project rather than to a library installed inside its folder."""
        if not filename.startswith(str(self.root) + os.sep):
            return False
        inside = Path(filename).relative_to(self.root).parts
        if _is_site(self.root.parts):
            return inside[0].removesuffix(".py") == self.dotted.split(".")[0]
        return not _is_site(inside)

    def has(self, module: types.ModuleType) -> bool:
        """Whether a module, or a namespace package, was imported from the project."""
        try:
            origin = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
        except KeyError:  # a namespace package whose own parent is gone looks for its path there
            return True
        return isinstance(origin, str) and self.owns(origin)

    def hides(self, top: str, origin: str | None) -> bool:
        """Whether a folder of the project has another module ``top`` than that of the source file ``origin``."""
        for folder in self.import_folders():
            for path in (folder / f"{top}.py", folder / top / "__init__.py"):
                if path.is_file() and (origin is None or not path.samefile(origin)):
                    return True
        return False

    def import_folders(self) -> list[Path]:
        """The folders that its imports may look in."""
        sources = (p for name in _SOURCE_FOLDERS if (p := self.root / name).is_dir())
        return list(dict.fromkeys((self.package_parent, *self.folders, *sources)))

    def local_names(self) -> frozenset[str]:
        """Top-level module names that the project itself provides."""
        found: set[str] = set()
        for folder in self.import_folders():
            for listed in os.scandir(folder):
                if listed.name.endswith(".py"):
                    found.add(listed.name[:-3])
                elif _is_folder(listed):
                    found.add(listed.name)
        return frozenset(found)


def _is_folder(listed: os.DirEntry[str]) -> bool:
    try:
        return listed.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_site(parts: Iterable[str]) -> bool:
    return any(p in _SITES for p in parts)


def library_of(file: Path) -> str:
    """The installed library that a source file belongs to; empty for files of projects."""
    parts = file.parts
    site = max((i for i, part in enumerate(parts[:-1]) if part in _SITES), default=None)
    return "" if site is None else parts[site + 1].removesuffix(".py")


def path_for(place: Place, way: Way, path: list[str]) -> list[str]:
    """``sys.path`` for the project.

    ``namespace``: its root first and no other folder, for a module anywhere on the path hides a namespace package.
    Otherwise also the file's package parent (first for ``package``, as when it is run as a script) and, after the
    standard library, which they must not shadow, the folders between: their files import each other by bare name.
    """
    roots = [place.root, *(p for name in _SOURCE_FOLDERS if (p := place.root / name).is_dir())]
    first = [str(p) for p in ([place.package_parent, *roots] if way == "package" else roots)]
    between = [] if way == "namespace" else [str(p) for p in (place.package_parent, *place.folders)]
    rest = [p for p in path if p not in (*first, *between)]
    site = next((i for i, p in enumerate(rest) if p.endswith(("site-packages", "dist-packages"))), len(rest))
    return list(dict.fromkeys([*first, *rest[:site], *between, *rest[site:]]))
