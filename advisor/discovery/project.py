"""The project around a file: where it starts, its Python files, and an index of what they define and call.

The index is lazy: a file is read when its text is searched, parsed when its outline is asked for, both once while it
does not change. Nothing is executed.
"""

from __future__ import annotations

import ast
import fnmatch
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from .candidates import Definition
from .outline import Import, Outline, outline
from .source import MAX_BYTES, Source, parse, read

MAX_FILES = 2_000
SEARCH_SECONDS = 3.0
"""Time that one search over the project may take; what it found by then is used."""

MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
SKIPPED = frozenset(
    {
        *("node_modules", "__pycache__", "build", "dist", "site-packages", "venv", "env"),
        *("wandb", "checkpoints", "eggs"),
    }
)
_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:python|py|Python|python3)?[ \t]*\n(.*?)^[ \t]*```", re.S | re.M)


def root(path: Path) -> Path:
    """The project folder of ``path``: the nearest one up the tree with a marker of a project, else the folder that
    holds the outermost package around it."""
    folder = path if path.is_dir() else path.parent
    for around in (folder, *folder.parents):
        if any((around / marker).exists() for marker in MARKERS):
            return around
    while (folder / "__init__.py").exists() and folder.parent != folder:
        folder = folder.parent
    return folder


def python_files(path: Path, exclude: Iterable[str] = ()) -> Iterator[Path]:
    """``path`` itself if it is a file, else the Python files below it in sorted order.

    Hidden folders, virtual environments, caches and build results are skipped, as is whatever matches ``exclude``
    (shell patterns, against the path relative to ``path`` and each of its components).
    """
    if path.is_file():
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
    """The files under ``root``. One instance serves a whole audit (or an editor session)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: list[Path] | None = None
        self._texts: dict[Path, tuple[tuple[int, int], str]] = {}
        self._outlines: dict[Path, tuple[tuple[int, int], Outline | None]] = {}
        self._examples: list[Outline] | None = None

    @property
    def files(self) -> list[Path]:
        """At most :data:`MAX_FILES` Python files of the project."""
        if self._files is None:
            found: list[Path] = []
            for path in python_files(self.root):
                found.append(path)
                if len(found) >= MAX_FILES:
                    break
            self._files = found
        return self._files

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
        return self._lookup(user.source.path, wanted, 0)

    def _lookup(self, path: Path, wanted: Import, depth: int) -> Definition | None:
        if wanted.name is None or depth > 5:
            return None
        for target in self._module_files(path, wanted):
            found = self.outline(target)
            if found is None:
                continue
            if wanted.name in found.classes:
                return found, found.classes[wanted.name]
            if wanted.name in found.imports:
                again = found.imports[wanted.name]
                return self._lookup(target, again, depth + 1) if again.name else None
            for star in found.stars:
                definition = self._lookup(target, Import(star.module, wanted.name, star.level), depth + 1)
                if definition is not None:
                    return definition
        return None

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
        """Whether ``name`` in the file ``user`` plausibly comes from the file ``target``: imported from it, from a
        package around it, or by ``*`` from either."""
        stems = {target.stem, *(p.name for p in target.parents if p.is_relative_to(self.root))}
        if target.stem == "__init__":
            stems.discard("__init__")
        found = user.imports.get(name)
        candidates = [found] if found is not None else user.stars
        for imported in candidates:
            last = imported.module.rpartition(".")[2]
            if last in stems or (imported.name or "") in stems or (imported.level and not imported.module):
                return True
        return False

    # ---- searching

    def mentioning(self, names: Collection[str], near: Path, limit: int = 12) -> list[Outline]:
        """Outlines of other project files whose text mentions one of ``names`` before a bracket, nearest first."""
        if not names:
            return []
        pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\s*[(.]")
        deadline = time.monotonic() + SEARCH_SECONDS
        out: list[Outline] = []
        for path in sorted(self.files, key=lambda p: _distance(p, near)):
            if len(out) >= limit or time.monotonic() > deadline:
                break
            if path != near and pattern.search(self._text(path)):
                found = self.outline(path)
                if found is not None:
                    out.append(found)
        return out

    def examples(self) -> list[Outline]:
        """Outlines of the Python blocks in the project's Markdown files, those near the root first."""
        if self._examples is None:
            documents = [*sorted(self.root.glob("*.md")), *sorted(self.root.glob("*/*.md"))][:20]
            self._examples = [o for d in documents for o in _blocks(d, self._text(d))]
        return self._examples

    def _text(self, path: Path) -> str:
        stamp = _stamp(path)
        known = self._texts.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        text = ""
        if stamp != (0, 0) and stamp[1] <= MAX_BYTES:
            text = path.read_text(encoding="utf-8", errors="replace")
        self._texts[path] = (stamp, text)
        return text


def _blocks(document: Path, text: str) -> list[Outline]:
    """Each fenced block of ``text`` that is Python, parsed with the document's line numbers."""
    out: list[Outline] = []
    for match in _FENCE.finditer(text):
        block = _without_prompts(match.group(1))
        source = parse(document, "\n" * text.count("\n", 0, match.start(1)) + block)
        if isinstance(source, Source) and any(isinstance(n, ast.Call) for n in ast.walk(source.tree)):
            out.append(outline(source))
    return out


def _without_prompts(block: str) -> str:
    """A block with its common indentation and, where it is a console session, its prompts and output removed."""
    lines = block.split("\n")
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
