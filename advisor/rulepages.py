"""The page of a code, in Markdown: one text for ``advisor explain``, ``docs/rules/`` and SARIF's help.

``python -m advisor.rulepages docs/rules`` writes them all; a test fails when they drift.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

from .rule import Case, Evidence, Page, Rule

SECTIONS = ("What it does", "Why is this bad?", "Example", "Use instead", "Fix safety")

FAMILIES = {
    "CHN": "Channels",
    "IBN": "Inverted bottlenecks",
    "DWC": "Depthwise convolutions",
    "LAT": "Latency",
    "MEM": "Memory",
    "OPS": "Operators",
    "TRC": "Tracing",
    "SUP": "Suppressions",
}


def body(page: Page) -> str:
    """The docstring of ``page``, dedented."""
    return inspect.cleandoc(type(page).__doc__ or "").strip()


def page(page: Page) -> str:
    """The whole page as Markdown."""
    parts = [f"# {page.name} ({page.code})", page.summary, body(page)]
    if isinstance(page, Rule):
        parts += [f"`advisor fix` on a model that it finds:\n```diff\n{diff(c)}\n```" for c in page.invalid if c.fixed]
    if isinstance(page, Rule) and page.evidence:
        parts.append("## Evidence\n\n" + evidence_table(page.evidence))
    return "\n\n".join(parts) + "\n"


def diff(case: Case) -> str:
    """What the fix of a case changes, as a unified diff without file names."""
    lines = difflib.unified_diff(case.source.splitlines(), (case.fixed or "").splitlines(), lineterm="", n=1)
    return "\n".join(line for line in list(lines)[2:] if not line.startswith("@@"))


def evidence_table(evidence: Iterable[Evidence]) -> str:
    rows = ["| target | dtype | shapes | effect | sample | source |", "|---|---|---|---|---|---|"]
    for e in evidence:
        cells = (e.target, e.dtype, e.shapes, e.effect, e.sample, e.source)
        rows.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(rows)


def index(pages: Iterable[Page]) -> str:
    """The table of all codes, family by family, as Markdown with links to the pages beside it."""
    lines = [
        "# Rules",
        "",
        "Generated from the rules' own docstrings (`python -m advisor.rulepages docs/rules`); `advisor explain CODE`",
        "prints the same pages.",
    ]
    family = ""
    for p in sorted(pages, key=lambda p: p.code):
        if p.code[:3] != family:
            family = p.code[:3]
            lines += [
                "",
                f"## {FAMILIES.get(family, family)} ({family})",
                "",
                "| code | name | reports |",
                "|---|---|---|",
            ]
        lines.append(f"| [{p.code}]({p.code}.md) | {p.name} | {p.summary} |")
    return "\n".join(lines) + "\n"


def files(pages: Iterable[Page]) -> dict[str, str]:
    """File name → content of the generated folder."""
    pages = list(pages)
    return {"README.md": index(pages), **{f"{p.code}.md": page(p) for p in pages}}


def main(argv: list[str]) -> int:
    from .packs import pages

    if len(argv) != 1:
        print("usage: python -m advisor.rulepages FOLDER", file=sys.stderr)
        return 2
    folder = Path(argv[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files(pages()).items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
