"""Calls in a file: their arguments by parameter name, and minimal edits that set, add or take one away.

What an edit does not name stays byte for byte: comments, blanks and trailing commas of calls over several lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import libcst as cst

from ...graph import Span
from ..edits import Edit
from ..proposal import Scene, Unfixable
from .parsed import Parsed, parsed
from .signatures import TORCH, Parameter, parameters


def parsed_file(scene: Scene, file: str) -> Parsed:
    """A file of the scene, parsed. Raises :class:`Unfixable` where it cannot be."""
    return parsed(file, scene.text(file))


def call_at(scene: Scene, span: Span) -> Call | None:
    """The call at a span of the graph's (:attr:`advisor.graph.Module.created`); None where there stands another
    expression. Raises :class:`Unfixable` for a file that cannot be read or parsed."""
    file = parsed_file(scene, span.file)
    node = file.call_node(span)
    return None if node is None else Call(file, node)


@dataclass(frozen=True)
class Argument:
    """An argument of a call. ``name``: of the parameter that it is for, empty where that is not known; ``star`` is
    ``*`` or ``**`` for one that stands for several."""

    name: str
    node: cst.Arg
    star: str = ""

    @property
    def value(self) -> cst.BaseExpression:
        return self.node.value


@dataclass(frozen=True, eq=False)
class Call:
    """One call of ``file``."""

    file: Parsed
    node: cst.Call

    @cached_property
    def span(self) -> Span:
        return self.file.span(self.node)

    @cached_property
    def callee(self) -> str:
        """What is called, as written: ``nn.Conv2d``."""
        return self.file.written(self.node.func)

    @property
    def function(self) -> str:
        """The last name of what is called: ``Conv2d``."""
        return self.callee.rpartition(".")[2]

    @cached_property
    def parameters(self) -> tuple[Parameter, ...] | None:
        """What the callee takes, where the same file defines it."""
        return parameters(self.file, self.callee)

    @cached_property
    def names(self) -> Sequence[str]:
        """The names of what the callee takes, in order; none where that is not known."""
        if self.parameters is not None:
            return [p.name for p in self.parameters]
        return TORCH.get(self.function, ())

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """All arguments in the order of the text."""
        return self.given(self.names)

    def given(self, names: Sequence[str]) -> tuple[Argument, ...]:
        """All arguments in the order of the text, where the callee takes ``names``. What follows a ``*`` argument has
        no known position."""
        found: list[Argument] = []
        position: int | None = 0
        for arg in self.node.args:
            if arg.star:
                position = None if arg.star == "*" else position
                found.append(Argument("", arg, arg.star))
            elif arg.keyword is not None:
                found.append(Argument(arg.keyword.value, arg))
            else:
                known = position is not None and position < len(names)
                found.append(Argument(names[position] if known and position is not None else "", arg))
                position = None if position is None else position + 1
        return tuple(found)

    def argument(self, name: str) -> Argument | None:
        """What is passed for a parameter, by name or by position."""
        return next((a for a in self.arguments if a.name == name and not a.star), None)

    def default(self, name: str) -> cst.BaseExpression | None:
        """What a parameter is where it is not passed, as far as the same file says."""
        return next((p.default for p in self.parameters or () if p.name == name), None)

    # ---- edits

    def calling(self, text: str) -> Edit:
        """Call ``text`` instead, with the same arguments."""
        return Edit(self.file.span(self.node.func), text)

    def replaced(self, text: str) -> Edit:
        """Write ``text`` in place of the whole call."""
        return Edit(self.span, text)

    def setting(self, name: str, text: str) -> tuple[Edit, ...]:
        """Pass ``text`` for the parameter ``name``: in place of what is passed, or as a keyword after the others.
        Raises :class:`Unfixable` where none can be added."""
        found = self.argument(name)
        return self.adding(name, text) if found is None else (Edit(self.file.span(found.value), text),)

    def adding(self, name: str, text: str) -> tuple[Edit, ...]:
        """Pass ``name=text`` after all other arguments, on a line of its own where these have theirs."""
        args = self.node.args
        written = f"{name}={text}"
        if not args:
            return (Edit(_at(self.span, self.span.end_line, self.span.end_column - 1), written),)
        last = args[-1]
        if isinstance(last.value, cst.GeneratorExp) and not last.value.lpar:
            raise Unfixable(
                f"{self.callee}() in line {self.span.line} takes a generator, beside which nothing can stand"
            )
        span = self.file.span(last)
        comma = isinstance(last.comma, cst.Comma)
        if not (span.line > self._start(len(args) - 1) and self.span.end_line > span.end_line):
            return (Edit(_at(span, span.end_line, span.end_column), f", {written}"),)
        row = self.file.lines[span.end_line - 1]
        below = f"\n{self.file.indent(span.line)}{written}{',' if comma else ''}"
        if not comma and span.end_column == len(row) + 1:
            return (Edit(_at(span, span.end_line, span.end_column), f",{below}"),)
        line_end = Edit(_at(span, span.end_line, len(row) + 1), below)
        return (line_end,) if comma else (Edit(_at(span, span.end_line, span.end_column), ","), line_end)

    def without(self, name: str, default: str) -> tuple[Edit, ...]:
        """No longer pass anything for ``name``; ``default``, which comes to the same, where others by position follow.
        Nothing where it is not passed."""
        args = self.arguments
        index = next((i for i, a in enumerate(args) if a.name == name and not a.star), None)
        if index is None:
            return ()
        positional = args[index].node.keyword is None
        if positional and any(a.node.keyword is None and a.star != "**" for a in args[index + 1 :]):
            return (Edit(self.file.span(args[index].value), default),)
        return (self._removal(index),)

    def _removal(self, index: int) -> Edit:
        """Take away one argument with its comma, and with its line where it has one for itself."""
        arg = self.node.args[index]
        span = self.file.span(arg)
        end = self._after_comma(span) if isinstance(arg.comma, cst.Comma) else span[3:]
        following = self.file.span(self.node.args[index + 1]) if index + 1 < len(self.node.args) else None
        before = self.file.lines[span.line - 1][: span.column - 1]
        rest = self.file.lines[end[0] - 1][end[1] - 1 :].strip()
        if not before.strip() and (not rest or rest.startswith("#")):  # its own line, perhaps with a comment on it
            return Edit(Span(span.file, span.line, 1, end[0] + 1, 1), "")
        previous = self.file.span(self.node.args[index - 1]) if index else None
        if previous is not None and previous.end_line == span.line:
            return Edit(Span(span.file, *previous[3:], *span[3:]), "")
        if following is not None and following.line == end[0]:
            return Edit(Span(span.file, *span[1:3], *following[1:3]), "")
        return Edit(Span(span.file, *span[1:3], *end), "")

    def _start(self, index: int) -> int:
        """The line on which what stands before an argument ends."""
        if index:
            return self.file.span(self.node.args[index - 1]).end_line
        return self.file.span(self.node.func).end_line

    def _after_comma(self, span: Span) -> tuple[int, int]:
        """Where the comma after an argument ends."""
        line, column = span.end_line, span.end_column
        while True:
            row = self.file.lines[line - 1]
            code = row[column - 1 :].partition("#")[0]
            at = code.find(",")
            if at >= 0:
                return line, column + at + 1
            if line >= self.span.end_line:
                return span.end_line, span.end_column
            line, column = line + 1, 1


def _at(span: Span, line: int, column: int) -> Span:
    """The empty span at a place."""
    return Span(span.file, line, column, line, column)


def calls_within(file: Parsed, node: cst.CSTNode) -> Iterator[Call]:
    """All calls in a node, outer ones before those in their arguments where both begin at one place."""
    for found in file.each(cst.Call, node):
        yield Call(file, found)
