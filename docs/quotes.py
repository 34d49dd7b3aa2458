"""Fills the quotes of the pages that have some: ``python docs/quotes.py``.

Between ``<!-- rows: PAGE, HEADING -->`` and ``<!-- end -->`` stand the tables of that page under the headings that
begin so (all of them without one, with what they stand under). ``| WORD`` behind it keeps those with it in their head.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

DOCS = Path(__file__).parent
PAGES = ("estimator.md", "fixes.md")
_QUOTE = re.compile(
    r"(?P<mark><!-- rows: (?P<page>[\w.-]+)(?:, (?P<heading>[^|>]*?))?(?: \| (?P<word>[^>]*?))? -->\n)"
    r".*?(?=<!-- end -->)",
    re.DOTALL,
)


def filled(text: str) -> str:
    """The page's text with every quote as its page has it now. Raises ValueError where there is no such table."""
    return _QUOTE.sub(_quoted, text)


def _quoted(found: re.Match[str]) -> str:
    lines = (DOCS / found["page"]).read_text(encoding="utf-8").splitlines()
    tables = [(over, t) for over, t in _tables(lines, found["heading"] or "") if (found["word"] or "") in t[0]]
    if not tables:
        raise ValueError(f"{found['page']} has no table for {found['mark'].strip()}")
    several = len({over for over, _ in tables}) > 1
    parts = ["\n".join([*([f"*{over}*", ""] if several else []), *table]) for over, table in tables]
    return found["mark"] + "\n\n".join(parts) + "\n"


def _tables(lines: list[str], heading: str) -> Iterator[tuple[str, list[str]]]:
    """The tables, each with the heading that it stands under."""
    over, table = "", list[str]()
    for line in [*lines, ""]:
        if line.startswith("#"):
            over = line.lstrip("# ")
        if line.startswith("|") and over.startswith(heading):
            table.append(line)
        elif table:
            yield over, table
            table = []


if __name__ == "__main__":
    for page in (DOCS / name for name in PAGES):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
