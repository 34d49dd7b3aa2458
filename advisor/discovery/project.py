"""The project around a file: where it starts, its Python files, and an index of what they define and call.

The index is lazy: a file is read when its text is searched, parsed when its outline is asked for, both once while it
does not change. Nothing is executed.
"""

from __future__ import annotations

import ast
import fnmatch
import itertools
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from .candidates import Definition
from .constants import Constants, NotConstant
from .outline import Import, Outline, dotted, outline
from .source import MAX_BYTES, Source, contents, parse, read

MAX_FILES = 2_000
SEARCH_SECONDS = 3.0
"""Time that one search over the project may take; what it found by then is used."""

MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
INSTALLED = ("site-packages", "dist-packages")
SKIPPED = frozenset(
    {
        *("node_modules", "__pycache__", "build", "dist", "site-packages", "venv", "env"),
        *("wandb", "checkpoints", "eggs"),
    }
)
_USED = re.compile(r"[^\W\d]\w*(?=\s*[(.=]|\s+as\b)")
_IMPORTED = re.compile(r"^[ \t]*(?:from|import)[ \t]+([^\W\d]\w*(?:\.\w+)*)", re.MULTILINE)
_SETTINGS_MAKERS = ("CN", "CfgNode", "ConfigDict", "EasyDict", "edict", "ConfigNode")
_PYTHON_FENCE = re.compile(r"^(```|~~~)\s*\{?\.?(python|py|python3|pycon)?\b[^`]*$", re.IGNORECASE)


def root(path: Path) -> Path:
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
    return _imported_from(path, folder) if path.suffix == ".py" else folder


def _imported_from(path: Path, folder: Path) -> Path:
    """The outermost folder from which ``path``'s own absolute imports find files around it (a namespace package has no
    marker: ``from ns.inner.cfg import W`` in ``ns/inner/net.py``); ``folder`` where none does."""
    try:
        text = contents(path).decode("utf-8", errors="replace")
    except OSError:
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


def python_files(path: Path, exclude: Iterable[str] = ()) -> Iterator[Path]:
    """``path`` itself if it is no folder that can be searched, else the Python files below it in sorted order.

    Hidden folders, virtual environments, caches and build results are skipped, as is whatever matches ``exclude``
    (shell patterns, against the path relative to ``path`` and each of its components).
    """
    if not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
        yield path
        return
    patterns = tuple(exclude)
    for folder, names, files in os.walk(path):
        here = Path(folder)
        names[:] = sorted(n for n in names if not _skipped(here / n) and not _excluded(here / n, path, patterns))
        for name in sorted(files):
            if name.endswith(".py") and not _excluded(here / name, path, patterns):
                yield here / name


def _skipped(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.name in SKIPPED or (folder / "pyvenv.cfg").exists()


def _excluded(path: Path, top: Path, patterns: tuple[str, ...]) -> bool:
    relative = path.relative_to(top)
    return any(
        fnmatch.fnmatch(relative.as_posix(), p) or any(fnmatch.fnmatch(part, p) for part in relative.parts)
        for p in (pattern.rstrip("/") for pattern in patterns)
    )


class Project:
    """The files under ``root``. One instance serves one audit: it sees changed files, but none that appear later."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: dict[Path, list[Path]] = {}
        self._used: dict[Path, tuple[tuple[int, int], frozenset[str]]] = {}
        self._outlines: dict[Path, tuple[tuple[int, int], Outline | None]] = {}
        self._examples: list[Outline] | None = None
        self._settings: dict[str, Any] | None = None

    def files(self, near: Path) -> list[Path]:
        """At most :data:`MAX_FILES` Python files of the project; among installed packages, those of ``near``'s own."""
        top = self.root
        if self.root.name in INSTALLED and near != self.root and near.is_relative_to(self.root):
            top = self.root / near.relative_to(self.root).parts[0]
        elif self.root.name in INSTALLED:
            return []
        if top not in self._files:
            self._files[top] = list(itertools.islice(python_files(top), MAX_FILES))
        return self._files[top]

    def outline(self, path: Path) -> Outline | None:
        """The outline of a project file, None when it does not parse."""
        stamp = _stamp(path)
        known = self._outlines.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        source = read(path) if stamp != (0, 0) else None
        found = outline(source) if isinstance(source, Source) else None
        self._outlines[path] = (stamp, found)
        return found

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
                if candidate is not None and candidate != path and candidate.is_file():
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
            if path != near and not wanted.isdisjoint(self._words(path)):
                using.append(path)
            if time.monotonic() > deadline:
                break
        out: list[Outline] = []
        for path in sorted(using, key=lambda p: _distance(p, near)):
            found = self.outline(path) if len(out) < limit else None
            if found is not None:
                out.append(found)
        return out

    def examples(self) -> list[Outline]:
        """Outlines of the Python blocks in the project's Markdown files, those near the root first."""
        if self._examples is None:
            documents = [*sorted(self.root.glob("*.md")), *sorted(self.root.glob("*/*.md"))][:20]
            self._examples = [o for d in documents for o in _blocks(d, _read_text(d, _stamp(d)))]
        return self._examples

    def settings(self) -> dict[str, Any]:
        """Constants assigned in the project's configuration trees (``_C.MODEL.WIDTH = 96``), by path below the root."""
        if self._settings is None:
            known: dict[str, Any] = {}
            for found in self.mentioning(_SETTINGS_MAKERS, self.root, limit=8):
                if _is_configuration(found):
                    known = {**_assigned_settings(found), **known}
            self._settings = known
        return self._settings

    def _words(self, path: Path) -> frozenset[str]:
        """The identifiers before a bracket, a dot, an equals sign or ``as`` in a project file."""
        stamp = _stamp(path)
        known = self._used.get(path)
        if known is None or known[0] != stamp:
            known = self._used[path] = (stamp, frozenset(_USED.findall(_read_text(path, stamp))))
        return known[1]


def _read_text(path: Path, stamp: tuple[int, int]) -> str:
    if stamp == (0, 0) or stamp[1] > MAX_BYTES:
        return ""
    try:
        return contents(path).decode(errors="replace")
    except OSError:  # no user of it is the person's concern: the file itself is a finding if it is audited
        return ""


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


def _blocks(document: Path, text: str) -> list[Outline]:
    """Each fenced block of ``text`` that is Python, parsed with the document's line numbers."""
    out: list[Outline] = []
    lines = text.split("\n")
    start: int | None = None
    python = False
    for i, line in enumerate(lines):
        if not line.lstrip().startswith(("```", "~~~")):
            continue
        if start is None:
            match = _PYTHON_FENCE.match(line.strip())
            start, python = i + 1, match is not None and (match.group(2) is not None or len(line.strip()) == 3)
            continue
        source = parse(document, "\n" * start + _without_prompts(lines[start:i])) if python else None
        if isinstance(source, Source) and any(isinstance(n, ast.Call) for n in ast.walk(source.tree)):
            out.append(outline(source))
        start = None
    return out


def _without_prompts(lines: list[str]) -> str:
    """A block with its common indentation and, where it is a console session, its prompts and output removed."""
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    margin = min(indents, default=0)
    lines = [line[margin:] for line in lines]
    if any(line.startswith(">>> ") for line in lines):
        lines = [line[4:] if line.startswith((">>> ", "... ")) else "" for line in lines]
    return "\n".join(lines)


def docstring_examples(source: Source) -> list[Outline]:
    """Console sessions (``>>> net = Net()``) in the docstrings of a file, parsed with the file's line numbers."""
    out: list[Outline] = []
    if ">>>" not in source.text:
        return out
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Module) or not node.body:
            continue
        first = node.body[0]
        if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
            continue
        lines = source.lines[first.lineno - 1 : first.end_lineno]
        session = [_prompted(line) for line in lines]
        if any(session):
            found = parse(source.path, "\n" * (first.lineno - 1) + "\n".join(session))
            if isinstance(found, Source):
                out.append(outline(found))
    return out


def _prompted(line: str) -> str:
    text = line.strip()
    return text[4:] if text.startswith((">>> ", "... ")) else ""


def _prefixes(user: Outline, name: str) -> list[str]:
    """What stands before ``name`` where it is called through a module: ``models`` of ``models.Net(…)``."""
    callees = (site.callee for site in user.calls_by_name.get(name, ()))
    return list(dict.fromkeys(c.partition(".")[0] for c in callees if "." in c))


def _submodule(imported: Import) -> str:
    """The module that an imported name stands for: ``from a import b`` → ``a.b``."""
    return ".".join(p for p in (imported.module, imported.name) if p)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _distance(path: Path, near: Path) -> tuple[int, str]:
    """How many folders lie between two files; tests and scripts that build the file's models are usually close."""
    common = len(Path(os.path.commonpath([path, near])).parts)
    return (len(path.parts) + len(near.parts) - 2 * common, str(path))
