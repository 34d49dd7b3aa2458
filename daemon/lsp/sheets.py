"""Markdown documents that commands open: all layers of a file's models, and all their findings."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import folders
from advisor.findings import Finding
from advisor.reports import cells

from ..view import Instance, Model, View
from . import hints, hover, layers, pages, words
from .markup import Markup

if TYPE_CHECKING:
    from .documents import Opened

_log = logging.getLogger(__name__)
_MARKDOWN = Markup(True)

KEPT = 100
"""Files for an editor to open that are kept in the cache."""


def table(opened: Opened, view: View, models: Sequence[Model]) -> str:
    """The layers of ``models``, the costliest on the first target first, with totals and findings."""
    blocks: list[str] = []
    for model in models:
        blocks += [_MARKDOWN.heading(model.name), *hover.about(model, view, _MARKDOWN)]
        found = _layers(model, view)
        if found:
            blocks += [_MARKDOWN.heading("Layers", 2), layers.table(found, view, _MARKDOWN, cap=len(found))]
        if model.findings:
            blocks += [_MARKDOWN.heading("Findings", 2), *_findings(opened, view, model)]
    return _joined(opened, blocks)


def findings(opened: Opened, view: View, models: Sequence[Model]) -> str:
    """The findings of ``models``, each with its place and why it matters."""
    blocks: list[str] = []
    for model in models:
        blocks += [_MARKDOWN.heading(f"{model.name}: {cells.plural(model.findings, 'finding')}")]
        blocks += _findings(opened, view, model)
    return _joined(opened, blocks)


def trust(hint: str | None) -> str:
    """How to allow code to run; ``hint`` is the sentence about what may not, None where it may already."""
    blocks = [
        _MARKDOWN.heading("Trust"),
        _MARKDOWN.text(hint or "This is trusted: its models are run, in a process that is confined."),
        _MARKDOWN.text("Tracing a model runs its code. Nothing inside a workspace can allow that, only you can."),
    ]
    return "\n\n".join(blocks) + "\n"


def _joined(opened: Opened, blocks: Sequence[str]) -> str:
    return "\n\n".join(b for b in (_MARKDOWN.text(hints.stale(opened)), *blocks) if b) + "\n"


def _layers(model: Model, view: View) -> list[Instance]:
    """The model's layers that stand in this file, the costliest first."""
    target = view.targets[0] if view.targets else ""
    found = [i for place in layers.shown(view) for i in place.instances if i.model == model.name]
    return sorted(found, key=lambda i: -(i.latency_us.get(target) or 0.0))


def _findings(opened: Opened, view: View, model: Model) -> Iterator[str]:
    found = (f for f in view.findings if f.model == model.name)
    return hover.explained(found, lambda f: _finding(opened, f), _MARKDOWN)


def _finding(opened: Opened, finding: Finding) -> str:
    where = hover.links(opened, [finding.span], _MARKDOWN)
    code = _MARKDOWN.link(finding.code, pages.href(finding.code))
    return f"{code} {where}: {_MARKDOWN.text(words.message(finding))}"


def written(name: str, about: str, markdown: str) -> str | None:
    """The URI of a file in the cache that holds ``markdown``, one for each ``name`` and ``about``; None where it cannot
    be written."""
    key = hashlib.sha256(about.encode(errors="surrogatepass")).hexdigest()[:8]
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:80]
    file: Path = folders.cache() / "shown" / f"{safe}-{key}.md"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(markdown, encoding="utf-8")
    except OSError as e:
        _log.warning("nothing is opened: %s cannot be written: %s", file, e)
        return None
    _tidy(file.parent)
    return file.as_uri()


def _tidy(folder: Path) -> None:
    """Delete all but the newest files."""
    try:
        found = sorted(folder.glob("*.md"), key=lambda f: f.stat().st_mtime_ns, reverse=True)
        for file in found[KEPT:]:
            file.unlink(missing_ok=True)
    except OSError as e:  # another daemon tidies up too, say: the next time does
        _log.info("%s is not tidied up: %s", folder, e)
