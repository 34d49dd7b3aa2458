"""Text with structure, for clients that render Markdown and for those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsprotocol import types as lsp

from advisor.reports.markdown import escape, table

Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Markup:
    """How to write for one client. Texts given to the methods are plain; what they return is ready to be joined."""

    markdown: bool

    @property
    def kind(self) -> lsp.MarkupKind:
        return lsp.MarkupKind.Markdown if self.markdown else lsp.MarkupKind.PlainText

    def content(self, blocks: Sequence[str]) -> lsp.MarkupContent:
        """The non-empty ``blocks`` as paragraphs."""
        return lsp.MarkupContent(kind=self.kind, value="\n\n".join(b for b in blocks if b))

    def text(self, text: str) -> str:
        return escape(text) if self.markdown else text

    def bold(self, text: str) -> str:
        return f"**{escape(text)}**" if self.markdown else text

    def code(self, text: str) -> str:
        return f"`{text}`" if self.markdown and text and "`" not in text else self.text(text)

    def link(self, text: str, uri: str | None) -> str:
        return f"[{escape(text)}]({uri})" if self.markdown and uri else self.text(text)

    def heading(self, text: str, level: int = 1) -> str:
        return f"{'#' * level} {escape(text)}" if self.markdown else text

    def table(self, rows: Rows, right: Sequence[int] = ()) -> str:
        """``rows``, the first of them the head, whose cells are ready; the columns ``right`` are aligned right."""
        return table(rows, right) if self.markdown else self._columns(rows, right)

    def _columns(self, rows: Rows, right: Sequence[int]) -> str:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (
            "  ".join(
                c.rjust(w) if n in right else c.ljust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)
