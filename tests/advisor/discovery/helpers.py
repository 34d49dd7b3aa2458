"""Writing a small project to a folder and discovering one of its files."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from advisor.discovery.project import Project
from advisor.discovery.request import Discovery, discover


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def found(folder: Path, text: str, others: dict[str, str] | None = None) -> Discovery:
    """Discovery of ``net.py`` with ``text``; ``others`` are further files of the project."""
    write(folder, {"net.py": text, **(others or {})})
    return discover(folder / "net.py", Project(folder))


def kinds(discovery: Discovery) -> dict[str, str]:
    """What each candidate is."""
    return {c.name: c.kind for c in discovery.candidates}


def candidate(discovery: Discovery, name: str) -> dict[str, Any]:
    assert discovery.request is not None
    return next(c for c in discovery.request["candidates"] if c["name"] == name)
