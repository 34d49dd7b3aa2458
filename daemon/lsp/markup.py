"""Text with structure, for clients that render Markdown and for those that do not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lsprotocol import types as lsp

Rows = Sequence[Sequence[str]]

_CODE = re.compile(r"(`[^`]*`)")
_SPECIAL = re.compile(r"[*<]|(?<![^\W_])_+|_+(?![^\W_])|\\(?=\W)|\[(?=[^\]]*\]\()")
"""What begins something in Markdown; underscores do at the edges of words."""


def escape(text: str) -> str:
    """``text`` so that Markdown shows it as it is; what stands between backticks stays code."""
    parts = _CODE.split(text)
    return "".join(part if i % 2 else _SPECIAL.sub(_escaped, part) for i, part in enumerate(parts))


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"\\{character}" for character in match[0])


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
        return self._pipes(rows, right) if self.markdown else self._columns(rows, right)

    def _pipes(self, rows: Rows, right: Sequence[int]) -> str:
        head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
        rule = ["--:" if n in right else "---" for n in range(len(head))]
        return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))

    def _columns(self, rows: Rows, right: Sequence[int]) -> str:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (
            "  ".join(
                c.rjust(w) if n in right else c.ljust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        )
        return "\n".join(line.rstrip() for line in lines)
