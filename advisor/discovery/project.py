"""The project around a file: where it starts, its Python files, and what they define and call.

All of it is lazy: a file is read when its text is searched, parsed when its outline is asked for. Nothing is executed.
"""

from __future__ import annotations

import ast
import itertools
import os
import re
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ..texts import Texts
from .classes import Definition
from .constants import Constants, NotConstant
from .index import Index
from .listing import skipped
from .outline import Import, Outline, dotted
from .source import Problem, text_of

MAX_FILES = 2_000
MAX_DOCUMENTS = 20
SEARCH_SECONDS = 3.0
"""Time that one search over the project may take; what it found by then is used."""

MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
INSTALLED = ("site-packages", "dist-packages")
_IMPORTED = re.compile(r"^[ \t]*(?:from|import)[ \t]+([^\W\d]\w*(?:\.\w+)*)", re.MULTILINE)
_SETTINGS_MAKERS = ("CN", "CfgNode", "ConfigDict", "EasyDict", "edict", "ConfigNode")


def root(path: Path, texts: Texts | None = None) -> Path:
    """The project folder of ``path``: the nearest one up the tree with a marker of a project, else the folder that
    holds the outermost package around it, or that its imports start from. An installed package belongs to the folder
    it is installed in."""
    folder = path if path.is_dir() else path.parent
    for around in (folder, *folder.parents):
        if around.name in INSTALLED:
            return around
        if any((around / marker).exists() for marker in MARKERS):
            return around
    while (folder / "__init__.py").exists() and folder.parent != folder:
        folder = folder.parent
    return _imported_from(path, folder, texts or Texts()) if path.suffix in (".py", ".ipynb") else folder


def _imported_from(path: Path, folder: Path, texts: Texts) -> Path:
    """The outermost folder from which ``path``'s own absolute imports find files around it (a namespace package has no
    marker: ``from ns.inner.cfg import W`` in ``ns/inner/net.py``); ``folder`` where none does."""
    text = text_of(path, texts.get(path))
    if isinstance(text, Problem):
        return folder  # whoever reads it says why not
    outermost = folder
    for module in set(_IMPORTED.findall(text)):
        parts = module.split(".")
        for around in folder.parents:
            below = folder.relative_to(around).parts
            target = around.joinpath(*parts)  # inside the folder: a folder may be called as a library is
            inside = len(parts) > len(below) and below == tuple(parts[: len(below)])
            if inside and (target.with_suffix(".py").is_file() or target.is_dir()):
                outermost = min(outermost, around, key=lambda p: len(p.parts))
    return outermost


class Project:
    """The files under ``root`` as one request sees them: what its ``texts`` hold, each file as it is when it is first
    asked about. What they come to is kept in ``index`` for the requests that follow."""

    def __init__(self, root: Path, texts: Texts | None = None, index: Index | None = None) -> None:
        self.root = root
        self.texts = texts or Texts()
        self._index = index or Index()
        self._files: dict[Path, list[Path]] = {}
        self._outlines: dict[Path, Outline | None] = {}
        self._settings: dict[str, Any] | None = None

    def files(self, near: Path) -> list[Path]:
        """At most :data:`MAX_FILES` Python files of the project; among installed packages, those of ``near``'s own."""
        top = self._top(near)
        if top is None:
            return []
        if top not in self._files:
            found = list(itertools.islice(self._index.listing(top).walk(), MAX_FILES))
            self._files[top] = [*found, *self._unwritten(top, set(found))]
        return self._files[top]

    def _top(self, near: Path) -> Path | None:
        """The folder that is searched for ``near``; None where a search would go through all installed packages."""
        if self.root.name not in INSTALLED:
            return self.root
        if near == self.root or not near.is_relative_to(self.root):
            return None
        return self.root / near.relative_to(self.root).parts[0]

    def _unwritten(self, top: Path, known: Collection[Path]) -> list[Path]:
        """Python files below ``top`` that only buffers hold so far."""
        return sorted(
            path
            for path in self.texts.buffers
            if path not in known
            and path.suffix == ".py"
            and path.is_relative_to(top)
            and not any(map(skipped, path.relative_to(top).parts[:-1]))
            and not path.exists()
        )

    def outline(self, path: Path) -> Outline | None:
        """The outline of a project file, None when it does not parse."""
        if path not in self._outlines:
            self._outlines[path] = self._index.outline(path, self.texts)
        return self._outlines[path]

    def dotted(self, path: Path) -> str:
        """The import name of a project file ("" when it has none, as for names that are no identifiers)."""
        try:
            parts = list(path.relative_to(self.root).with_suffix("").parts)
        except ValueError:
            return ""
        if parts[:1] == ["src"]:
            parts = parts[1:]
        if parts[-1:] == ["__init__"]:
            parts = parts[:-1]
        return ".".join(parts) if all(p.isidentifier() for p in parts) else ""

    def relative(self, path: Path) -> str:
        """``path`` as shown to people: relative to the root where it lies inside."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    # ---- following imports

    def lookup(self, user: Outline, wanted: Import) -> Definition | None:
        """The class that ``wanted`` names for the file ``user``, through re-exports; None outside the project."""
        home = self._home(user.source.path, wanted, 0)
        found = self.outline(home) if home is not None else None
        if found is None or wanted.name is None or wanted.name not in found.classes:
            return None
        return found, found.classes[wanted.name]

    def files_of(self, user: Outline, wanted: Import) -> Iterator[Path]:
        """The project files that an import of the file ``user`` executes, nearest first; none for a library's."""
        yield from self._module_files(user.source.path, wanted)
        if wanted.name is not None:
            yield from self._module_files(user.source.path, Import(_submodule(wanted), None, wanted.level))

    def _module_files(self, path: Path, wanted: Import) -> Iterator[Path]:
        parts = [p for p in wanted.module.split(".") if p]
        if wanted.level:
            base = path.parent
            for _ in range(wanted.level - 1):
                base = base.parent
            bases = [base]
        else:
            above = [p for p in path.parents if p.is_relative_to(self.root)]
            bases = [*above, self.root / "src"]
        for base in bases:
            module = base.joinpath(*parts)
            for candidate in (module.with_suffix(".py") if parts else None, module / "__init__.py"):
                if candidate is not None and candidate != path and self.texts.stamp(candidate):
                    yield candidate

    def imports_from(self, user: Outline, name: str, target: Path) -> bool:
        """Whether ``name`` in the file ``user`` comes from the file ``target``: by following its imports, and where
        that leads nowhere, when it is imported from a module or package of the target's name."""
        prefixes = [p for p in (name, *_prefixes(user, name)) if p in user.imports]
        if not prefixes and not user.stars:
            return False
        stems = {*target.with_suffix("").parts[len(self.root.parts) :], self.root.name} - {"__init__"}
        for prefix in prefixes or [name]:
            found = user.imports.get(prefix)
            for imported in [found] if found is not None else [s._replace(name=name) for s in user.stars]:
                wanted = imported if prefix == name else Import(_submodule(imported), name, imported.level)
                home = self._home(user.source.path, wanted, 0)
                if home is not None:
                    return home == target
                last = imported.module.rpartition(".")[2]
                if last in stems or (imported.name or "") in stems or (imported.level and not imported.module):
                    return True
        return False

    def _home(self, path: Path, wanted: Import, depth: int) -> Path | None:
        """The project file that defines the class or function ``wanted``, through re-exports."""
        if wanted.name is None or depth > 5:
            return None
        for target in self._module_files(path, wanted):
            found = self.outline(target)
            if found is None:
                continue
            if wanted.name in found.classes or wanted.name in found.functions:
                return target
            again = found.imports.get(wanted.name)
            onward = [again] if again is not None else [s._replace(name=wanted.name) for s in found.stars]
            for step in onward:
                home = self._home(target, step, depth + 1)
                if home is not None:
                    return home
        return None

    # ---- searching

    def mentioning(self, names: Collection[str], near: Path, limit: int = 12) -> list[Outline]:
        """Outlines of other project files that use one of ``names`` (see :meth:`_words`), nearest first."""
        wanted = set(names)
        if not wanted:
            return []
        deadline = time.monotonic() + SEARCH_SECONDS
        using = []
        for path in self.files(near):
            if not wanted.isdisjoint(self._index.words(path, self.texts)) and path != near:
                using.append(path)
            if time.monotonic() > deadline:
                break
        out: list[Outline] = []
        for path in sorted(using, key=lambda p: _distance(p, near)):
            found = self.outline(path) if len(out) < limit else None
            if found is not None:
                out.append(found)
        return out

    def examples(self, near: Path) -> list[Outline]:
        """Outlines of the Python blocks in the project's Markdown files, those near the root first; among installed
        packages, of ``near``'s own."""
        top = self._top(near)
        documents = self._index.listing(top).documents()[:MAX_DOCUMENTS] if top is not None else []
        return [block for document in documents for block in self._index.blocks(document, self.texts)]

    def settings(self) -> dict[str, Any]:
        """Constants assigned in the project's configuration trees (``_C.MODEL.WIDTH = 96``), by path below the root."""
        if self._settings is None:
            known: dict[str, Any] = {}
            for found in self.mentioning(_SETTINGS_MAKERS, self.root, limit=8):
                if _is_configuration(found):
                    known = {**_assigned_settings(found), **known}
            self._settings = known
        return self._settings


def _is_configuration(found: Outline) -> bool:
    return any(found.calls_by_name.get(maker) for maker in _SETTINGS_MAKERS)


def _assigned_settings(found: Outline) -> dict[str, Any]:
    """``MODEL.WIDTH`` → 96 for each ``_C.MODEL.WIDTH = 96`` at module level."""
    constants = Constants(found)
    out: dict[str, Any] = {}
    for statement in found.source.tree.body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        path = (dotted(target) or "").partition(".")[2] if target is not None else ""
        if path and isinstance(statement, ast.Assign):
            try:
                out[path] = constants.value(statement.value, found.module)
            except NotConstant:
                continue  # a branch of the tree, or a value of the machine
    return out


def _prefixes(user: Outline, name: str) -> list[str]:
    """What stands before ``name`` where it is called through a module: ``models`` of ``models.Net(…)``."""
    callees = (site.callee for site in user.calls_by_name.get(name, ()))
    return list(dict.fromkeys(c.partition(".")[0] for c in callees if "." in c))


def _submodule(imported: Import) -> str:
    """The module that an imported name stands for: ``from a import b`` → ``a.b``."""
    return ".".join(p for p in (imported.module, imported.name) if p)


def _distance(path: Path, near: Path) -> tuple[int, str]:
    """How many folders lie between two files; tests and scripts that build the file's models are usually close."""
    common = len(Path(os.path.commonpath([path, near])).parts)
    return (len(path.parts) + len(near.parts) - 2 * common, str(path))
