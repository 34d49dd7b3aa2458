"""What a renderer sees and gives: the scene of one model, and proposals of edits with the move that they come to."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..advice.carrier import package
from ..discovery.notebooks import is_notebook
from ..discovery.source import Problem, read, text_of
from ..graph import Graph, Span
from ..moves import Move
from ..numbers import Numbers
from ..texts import Texts
from .edits import Edit


class Unfixable(Exception):
    """No fix; ``reason`` is one sentence that a person understands."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Proposal:
    """Edits that should make of the model what ``move`` makes of its graph: of all that they change, not only of what
    was asked for. ``note``: what a person should know ("48, not 60, is what the numbers in the source give")."""

    edits: tuple[Edit, ...]
    move: Move
    note: str = ""


class Statement(NamedTuple):
    """The lines of a statement, with its decorators; ``definition`` says whether it is that of a class or function."""

    lines: range
    definition: bool


@dataclass(eq=False)
class Sources:
    """The texts that edits are made of, read once each; lines end in ``\\n`` and count from 1."""

    texts: Texts = field(default_factory=Texts)
    _texts: dict[str, str] = field(default_factory=dict, init=False)
    _lines: dict[str, Sequence[str]] = field(default_factory=dict, init=False)
    _statements: dict[str, Sequence[Statement]] = field(default_factory=dict, init=False)

    def text(self, file: str) -> str:
        """The text of a file. Raises :class:`Unfixable` where it cannot be read."""
        if file not in self._texts:
            path = Path(file)
            found = text_of(path, self.texts.get(path))
            if isinstance(found, Problem):
                raise Unfixable(f"{path.name}: {found.message}")
            self._texts[file] = found
        return self._texts[file]

    def lines(self, file: str) -> Sequence[str]:
        """The lines of a file without their ends; none where it cannot be read, as :mod:`advisor.advice.literals`
        expects."""
        if file not in self._lines:
            try:
                self._lines[file] = self.text(file).split("\n")
            except Unfixable:  # what the caller looks for is not there then
                self._lines[file] = ()
        return self._lines[file]

    def statements(self, file: str) -> Sequence[Statement]:
        """The statements of a file that stand in no other; none where it is no Python that can be read."""
        if file not in self._statements:
            source = read(Path(file), "\n".join(self.lines(file)))
            nodes = [] if isinstance(source, Problem) else source.tree.body
            self._statements[file] = [_statement(node) for node in nodes]
        return self._statements[file]


def _statement(node: ast.stmt) -> Statement:
    definition = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    first = min((one.lineno for one in node.decorator_list), default=node.lineno) if definition else node.lineno
    return Statement(range(first, (node.end_lineno or node.lineno) + 1), definition)


@dataclass(frozen=True, eq=False)
class Scene:
    """One model as it is: ``graph`` and ``numbers`` (empty where nothing was recorded) of the model called ``name``,
    which is defined at ``model`` in ``file``, the audited one, and was built by ``construct``.

    ``scoped`` gives the same graph with what was in scope where modules were built, None where that cannot be had.
    """

    graph: Graph
    numbers: Numbers
    file: str
    model: Span
    name: str = ""
    sources: Sources = field(default_factory=Sources)
    construct: str = ""
    scoped: Callable[[], Graph | None] = lambda: None

    def text(self, file: str) -> str:
        """:meth:`Sources.text`"""
        return self.sources.text(file)

    def lines(self, file: str) -> Sequence[str]:
        """:meth:`Sources.lines`"""
        return self.sources.lines(file)

    def editable(self, file: str) -> bool:
        """Whether the person who audits :attr:`file` can edit this one too: a project's file is no installed one, and
        of an installed package its own files only. Notebooks are edited where they are open."""
        if file == self.file:
            return True
        return not is_notebook(Path(file)) and package(file) == package(self.file)


Renderer = Callable[[Scene, Sequence[Move]], Iterator[Proposal]]
"""Proposals for moves of one kind and of one finding, the best first; all that it yields is verified before anybody
sees it. Raises :class:`Unfixable` where there is none."""
