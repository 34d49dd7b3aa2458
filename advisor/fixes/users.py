"""Which of the files that are audited together an edit reaches: those that import the edited file, or name it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from ..discovery.index import Index
from ..discovery.outline import Import
from ..discovery.project import Project, root


class Users:
    """Who uses whom among ``files``, by their import statements, followed through other files of their projects. What
    is read is kept in ``index``; fixes do not change who imports whom, so each file is followed once."""

    def __init__(self, files: Sequence[Path], index: Index) -> None:
        self.files = files
        self.index = index
        self._reached: dict[Path, frozenset[Path]] = {}

    def uses(self, file: Path, edited: Collection[Path]) -> bool:
        """Whether ``file`` is one of the ``edited`` ones, whose paths have no links, imports one, or names one that is
        no Python file."""
        reached = self._reach(file)
        return any(path in reached if path.suffix == ".py" else self._names(reached, path) for path in edited)

    def _reach(self, file: Path) -> frozenset[Path]:
        """The file with all files of its project that it imports, and these import."""
        if file not in self._reached:
            project = Project(root(file), index=self.index)
            found, ahead = {file}, [file]
            while ahead:
                for path in _imported(project, ahead.pop()):
                    if path not in found:
                        found.add(path)
                        ahead.append(path)
            self._reached[file] = frozenset(path.resolve() for path in found)
        return self._reached[file]

    def _names(self, reached: Collection[Path], data: Path) -> bool:
        """Whether one of the files speaks of ``data``, a file that is no module."""
        projects = (Project(root(path), index=self.index).outline(path) for path in reached)
        return any(found is not None and data.name in found.source.text for found in projects)


def _imported(project: Project, file: Path) -> Iterator[Path]:
    outline = project.outline(file)
    if outline is None:
        return
    for node in outline.source.nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield from project.files_of(outline, _wanted(node, alias.name))


def _wanted(node: ast.Import | ast.ImportFrom, name: str) -> Import:
    if isinstance(node, ast.Import):
        return Import(name, None, 0)
    return Import(node.module or "", None if name == "*" else name, node.level)
