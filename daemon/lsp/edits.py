"""Edits of the client's files, in the form that the client understands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from advisor.config import ConfigError, find
from advisor.fixes.comments import Insertion
from advisor.graph import Span

from . import pyproject
from .texts import split

if TYPE_CHECKING:
    from .documents import Opened
    from .session import Session

Edits = Mapping[str, tuple[int | None, Sequence[lsp.TextEdit]]]
"""By uri: the version that the edits were made for, None for a file that is not open, and the edits."""


def versioned(session: Session) -> bool:
    """Whether the client takes edits of documents by version."""
    return bool(session.can("workspace.workspace_edit.document_changes"))


def creates(session: Session) -> bool:
    """Whether the client takes edits that make files."""
    kinds = session.can("workspace.workspace_edit.resource_operations") or ()
    return versioned(session) and lsp.ResourceOperationKind.Create in kinds


def workspace_edit(edits: Edits, versioned: bool, missing: Sequence[str] = ()) -> lsp.WorkspaceEdit:
    """``versioned``: the client knows documents by version, and refuses edits of one that has gone on. ``missing`` are
    files to be made first, for a client that :func:`creates` them."""
    if not versioned:
        return lsp.WorkspaceEdit(changes={uri: list(some) for uri, (_, some) in edits.items()})
    made = [lsp.CreateFile(uri, options=lsp.CreateFileOptions(ignore_if_exists=True)) for uri in missing]
    changes = [
        lsp.TextDocumentEdit(lsp.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version), list(some))
        for uri, (version, some) in edits.items()
    ]
    return lsp.WorkspaceEdit(document_changes=[*made, *changes])


def inserted(opened: Opened, insertion: Insertion) -> Edits:
    """The edit of an open document, in the cell that it belongs to."""
    line, column, text = insertion
    if opened.text.find("\r\n") >= 0:
        text = text.replace("\n", "\r\n")
    place = opened.locate(Span(str(opened.path), line, column, line, column))
    if place is None:
        return {}
    return {place.uri: (opened.versions().get(place.uri), [lsp.TextEdit(place.range, text)])}


def settings_file(session: Session, path: Path) -> Path | None:
    """The ``pyproject.toml`` that holds for ``path``, or would once it had our table: the nearest with one, else the
    nearest within the workspace folder, else one to be made in that where the client :func:`creates` files. None where
    there is none, or one is broken."""
    try:
        found = find(path)
    except ConfigError:
        return None
    if found is not None:
        return found[0]
    root = session.root_of(path)
    around = (f for f in path.parents if f.is_relative_to(root))
    nearest = next((file for f in around if (file := f / "pyproject.toml").is_file()), None)
    made = creates(session) and root in session.roots() and path.is_relative_to(root)
    return nearest or (root / "pyproject.toml" if made else None)


def ignored(session: Session, file: Path, code: str, glob: str | None = None) -> Edits | None:
    """The edit of a ``pyproject.toml`` that ignores ``code``, in the files that ``glob`` matches; None where there is
    none (:func:`.pyproject.ignoring`)."""
    try:
        text = file.read_bytes().decode() if file.exists() else ""
    except (OSError, UnicodeDecodeError):
        return None
    entry = pyproject.ignoring(text, code, glob)
    if entry is None:
        return None
    before = split(text[: entry.offset]) or ("",)
    whole = before[-1].endswith(("\r", "\n"))
    line, column = (len(before) + 1, 1) if whole else (len(before), len(before[-1]) + 1)
    codec = session.documents.codec
    at = codec.position(split(text), line, column)
    return {session.uri(file): (None, [lsp.TextEdit(lsp.Range(at, at), entry.text)])}


def glob_of(path: Path, root: Path) -> str | None:
    """The glob for ``path`` in settings of the folder ``root``, which has to be around it; brackets are escaped."""
    if not path.is_relative_to(root):
        return None
    text = path.relative_to(root).as_posix()
    return "".join(f"[{c}]" if c in "[*?" else c for c in text)
