"""Python that is written to be read: blocks of Markdown documents, and console sessions in docstrings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .outline import Outline, outline
from .source import Source, parse

_PYTHON_FENCE = re.compile(r"^(```|~~~)\s*\{?\.?(python|py|python3|pycon)?\b[^`]*$", re.IGNORECASE)


def blocks(document: Path, text: str) -> list[Outline]:
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
    for node in source.nodes:
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
