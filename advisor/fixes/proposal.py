"""What a renderer sees and gives: the scene of one model, and proposals of edits with the move that they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ..advice.carrier import INSTALLED
from ..discovery.notebooks import is_notebook
from ..discovery.source import Problem, text_of
from ..graph import Graph, Span
from ..moves import Move
from ..numbers import Numbers
from ..texts import Texts
from .edits import Edit

if TYPE_CHECKING:
    from libcst.metadata import MetadataWrapper


class Unfixable(Exception):
    """No fix; ``reason`` is one sentence that a person understands."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Proposal:
    """Edits that should make of the model what ``move`` makes of its graph: of all that they change, not only of what
    was asked for. ``note``: what a person should know ("nearest to 60 that the arithmetic reaches")."""

    edits: tuple[Edit, ...]
    move: Move
    note: str = ""


@dataclass(eq=False)
class Sources:
    """The texts that edits are made of, read and parsed once each; lines end in ``\\n`` and count from 1."""

    texts: Texts = field(default_factory=Texts)
    _texts: dict[str, str] = field(default_factory=dict, init=False)
    _lines: dict[str, Sequence[str]] = field(default_factory=dict, init=False)
    _modules: dict[str, MetadataWrapper] = field(default_factory=dict, init=False)

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

    def module(self, file: str) -> MetadataWrapper:
        """A Python file's concrete syntax tree with its metadata. Raises :class:`Unfixable`."""
        import libcst
        from libcst.metadata import MetadataWrapper

        if file not in self._modules:
            try:
                parsed = libcst.parse_module(self.text(file))
            except (libcst.ParserSyntaxError, RecursionError) as e:
                raise Unfixable(f"{Path(file).name} cannot be parsed: {str(e).splitlines()[0]}") from e
            self._modules[file] = MetadataWrapper(parsed, unsafe_skip_copy=True)
        return self._modules[file]


@dataclass(frozen=True, eq=False)
class Scene:
    """One model as it is: ``graph`` and ``numbers`` (empty where nothing was recorded) of the model called ``name``,
    which is defined at ``model`` in ``file``, the audited one."""

    graph: Graph
    numbers: Numbers
    file: str
    model: Span
    name: str = ""
    sources: Sources = field(default_factory=Sources)

    def text(self, file: str) -> str:
        """:meth:`Sources.text`"""
        return self.sources.text(file)

    def lines(self, file: str) -> Sequence[str]:
        """:meth:`Sources.lines`"""
        return self.sources.lines(file)

    def module(self, file: str) -> MetadataWrapper:
        """:meth:`Sources.module`"""
        return self.sources.module(file)

    def editable(self, file: str) -> bool:
        """Whether the person who audits :attr:`file` can edit this one too: a project's file is no installed one, and
        of an installed package its own files only. Notebooks are edited where they are open."""
        if file == self.file:
            return True
        return not is_notebook(Path(file)) and _package(file) == _package(self.file)


Renderer = Callable[[Scene, Sequence[Move]], Iterator[Proposal]]
"""Proposals for moves of one kind and of one finding, the best first; all that it yields is verified before anybody
sees it. Raises :class:`Unfixable` where there is none."""


def _package(file: str) -> str:
    """The installed package that a file belongs to; empty where it is no installed one."""
    parts = PurePath(file).parts
    at = max((i for i, part in enumerate(parts) if part in INSTALLED), default=None)
    return "" if at is None else "/".join(parts[: at + 2])
