"""Where the editors are that ``make editors`` (``setup.py``) installed."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from .packed import sources

ROOT = Path(__file__).parents[2]
EDITORS = ROOT / ".editors"
EXTENSION = ROOT / "editor-ext" / "vscode"
WORKSPACE = Path(__file__).with_name("workspace")
"""A project of one model, ``net.py``; tests work on copies of it."""
VSCODE = Path(__file__).with_name("vscode")
"""Programs for node that drive VS Code in a browser, and tests that run inside it."""


@dataclass(frozen=True)
class Lab:
    """The editors' programs, and what drives them."""

    node: Path
    code_server: Path
    """Its entry, a script for :attr:`node`."""
    tools: Path
    """What the tests that node runs are made with: playwright-core, axe-core, esbuild."""
    vsix: Path
    """The packed VS Code extension."""
    chromium: Path
    nvim_old: Path
    """Debian's Neovim: 0.7, or what there is."""
    nvim_new: Path
    """Neovim 0.10 or later."""
    emacs: Path


def find() -> Lab:
    """The editors as ``make editors`` leaves them; what is missing has a path that does not exist."""
    return Lab(
        node=EDITORS / "node" / "bin" / "node",
        code_server=EDITORS / "code-server" / "node_modules" / "code-server" / "out" / "node" / "entry.js",
        tools=VSCODE / "node_modules" / "playwright-core",
        vsix=EDITORS / "nas-advisor.vsix",
        chromium=_program("chromium"),
        nvim_old=_program("nvim"),
        nvim_new=EDITORS / "nvim" / "nvim",
        emacs=_program("emacs"),
    )


def require(*names: str) -> Lab:
    """The editors, with those of ``names`` (fields of :class:`Lab`, none for all) there.

    Otherwise the test is skipped; it fails where ``ADVISOR_EDITORS=required`` says that they have to be there, as CI
    does. It fails everywhere where the extension was packed of other sources than the present ones: these would not be
    what is tested.
    """
    lab = find()
    wanted = names or tuple(f.name for f in fields(lab))
    missing = [name for name in wanted if not getattr(lab, name).exists()]
    if missing:
        said = f"not installed: {', '.join(missing)}; run `make editors`"
        if os.environ.get("ADVISOR_EDITORS") == "required":
            pytest.fail(said, pytrace=False)
        pytest.skip(said)
    if "vsix" in wanted and not _present():
        pytest.fail("editor-ext/vscode was changed since the extension was packed; run `make editors`", pytrace=False)
    return lab


def _present() -> bool:
    """Whether the extension was packed of the sources as they are, by what ``setup.py`` noted then."""
    note = EDITORS / "done" / "extension"
    return note.exists() and json.loads(note.read_text(encoding="utf-8")) == [sources(EXTENSION)]


def _program(name: str) -> Path:
    return Path(shutil.which(name) or f"/nowhere/{name}")
