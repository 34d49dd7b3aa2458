"""One model layer by layer in a client's terms, as :mod:`.modelview` describes it: an analyst's :mod:`..layered` with
places in the present text, and with the findings as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from advisor.findings import Finding
from advisor.fixes.fix import Fix
from advisor.graph import Span

from ..layered import Layer, Layered, Layers
from ..view import Model, Totals
from . import fixing, moved, pages, words
from .diagnostics import Abilities, diagnostic
from .status import FAILED, state

if TYPE_CHECKING:
    from .documents import Opened
    from .session import Session

SEEKING = "a fix is still being looked for"

Json = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """What an answer shows: a model as it is in ``lines``, the text of the document then. ``fix`` is that of the
    finding that is previewed, None where it has none."""

    layered: Layered
    lines: tuple[str, ...]
    about: Finding | None = None
    fix: Fix | None = None


def findings(opened: Opened, model: str) -> list[Finding]:
    return [f for f in (opened.view.findings if opened.view is not None else ()) if f.model == model]


def of(session: Session, opened: Opened, model: Model, shown: Shown) -> Json:
    """The answer with layers, its places where the present text has them."""
    layered = shown.layered
    steps = moved.changes(shown.lines, opened.lines)
    path = str(opened.path)
    sites = [moved.shifted(site, steps) if site.file == path else site for site in layered.sites]
    located = enumerate(None if site is None else _source(opened, site) for site in sites)
    sources = {number: source for number, source in located if source is not None}
    places = {number: place for place, number in enumerate(sources)}
    about = {f.fingerprint(): f for f in findings(opened, model.name)}
    layers = [
        {**_layer(number, layer, layered.shown), "source": None if layer.site is None else places.get(layer.site)}
        for number, layer in enumerate(layered.now.layers)
    ]
    limit, what = layered.limit or (None, "")
    return {
        **_head(session, opened, model),
        "stale": opened.stale or bool(steps),
        "note": _why(opened, model) if model.status != "ok" else "",
        "target": layered.shown[0] if layered.shown else None,
        "compare": layered.shown[1] if len(layered.shown) > 1 else None,
        "targets": layered.used,
        **_sums(layered.now),
        "layers": layers,
        "sources": list(sources.values()),
        "memoryLimit": limit,
        "memoryWhat": what,
        "findings": [_finding(session, opened, f, layered.findings.get(id, [])) for id, f in about.items()],
        "preview": _preview(shown),
    }


def without(session: Session, opened: Opened, model: Model | None) -> Json:
    """The answer where there are no layers, and why."""
    view, trusted = opened.view, session.trusts(opened.path)
    targets = list(view.targets) if view is not None else []
    note = _why(opened, model) if trusted else session.trust.hint(opened.path)
    about = [] if model is None else findings(opened, model.name)
    return {
        **_head(session, opened, model),
        "note": note,
        "target": targets[0] if targets else None,
        "compare": None,
        "targets": targets,
        "totals": {},
        "peakAt": None,
        "layers": [],
        "sources": [],
        "memoryLimit": None,
        "memoryWhat": "",
        "findings": [_finding(session, opened, f, []) for f in about],
        "preview": None,
    }


def _head(session: Session, opened: Opened, model: Model | None) -> Json:
    view = opened.view
    return {
        "uri": opened.uri,
        "model": None if model is None else model.name,
        "models": [{"name": m.name, "status": m.status} for m in (view.models if view is not None else ())],
        "state": state(session, opened),
        "stale": opened.stale,
    }


def _why(opened: Opened, model: Model | None) -> str:
    """Why not all layers of a model are there, in a sentence; empty for one that was traced whole."""
    if opened.trouble is not None:
        return opened.trouble.message
    found = opened.view.findings if opened.view is not None else []
    unimported = next((f.message for f in found if f.code == FAILED), None)
    if model is None:
        return unimported or f"no model is known in {opened.path.name}"
    if model.status == "ok" and model.rung != "static":
        return ""
    own = (f.message for f in found if f.model == model.name and f.code.startswith("TRC"))
    return next(own, unimported or f"{model.name} was not traced to its end")


def _preview(shown: Shown) -> Json | None:
    layered = shown.layered
    if layered.then is None or shown.about is None:
        return None
    return {
        "fix": shown.about.fingerprint(),
        "title": layered.change if shown.fix is None else fixing.titled(shown.fix),
        "verified": shown.fix is not None,
        **_sums(layered.then),
        "layers": [
            _layer(number, layer, layered.shown) if kept is None else kept
            for number, (layer, kept) in enumerate(zip(layered.then.layers, layered.kept, strict=True))
        ],
        "changed": layered.changed,
    }


def _sums(layers: Layers) -> Json:
    return {"totals": {name: _totals(total) for name, total in layers.totals.items()}, "peakAt": layers.peak}


def _layer(number: int, layer: Layer, targets: Sequence[str]) -> Json:
    return {
        "id": number,
        "path": layer.path,
        "label": layer.label,
        "inputs": ", ".join(map(words.shape, layer.inputs)),
        "output": words.shape(layer.output),
        "params": layer.params,
        "macs": layer.macs,
        "liveBytes": layer.live_bytes,
        "latencyUs": dict(zip(targets, layer.latency_us, strict=True)),
    }


def _totals(total: Totals) -> Json:
    known = words.costed(total)
    return {
        "label": total.label,
        "latencyUs": total.latency_us if known else None,
        "lowUs": total.low_us,
        "highUs": total.high_us,
        "peakBytes": total.peak_bytes if known else None,
        "weightsBytes": total.weights_bytes,
        "params": total.params,
        "macs": total.macs if known else None,
        "uncounted": total.uncounted,
        "text": words.brief(total),
    }


def _finding(session: Session, opened: Opened, finding: Finding, layers: Sequence[int]) -> Json:
    """The finding as its diagnostic and the action that fixes it have it."""
    uri, shown = diagnostic(finding, opened, Abilities())
    fixes = fixing.known(opened)
    fix = None if fixes is None else fixes.of(finding)
    return {
        "id": finding.fingerprint(),
        "code": finding.code,
        "href": pages.href(finding.code),
        "severity": finding.severity,
        "message": shown.message,
        "target": finding.target,
        "source": {"uri": uri, "range": _range(shown.range)},
        "layers": list(layers),
        "fix": None if fix is None else _fix(fixing.title_of(opened, finding, fix), fix),
        "unfixed": _unfixed(session, opened, finding),
        "movable": finding.move is not None,
    }


def _fix(title: str, fix: Fix) -> Json:
    return {
        "title": title,
        "applicability": fix.applicability,
        "gainUs": fix.gain_us,
        "gainPercent": fix.gain_percent,
    }


def _unfixed(session: Session, opened: Opened, finding: Finding) -> str:
    """Why a finding that proposes a change has no fix; empty where it has one, or proposes none."""
    if finding.move is None or not session.trusts(opened.path) or opened.behind:
        return ""
    fixes = fixing.known(opened)
    if fixes is None:
        return SEEKING
    if fixes.of(finding) is not None:
        return ""
    return fixes.unfixed.get(finding.fingerprint(), "" if fixes.done else SEEKING)


def _source(opened: Opened, span: Span) -> Json | None:
    where = opened.locate(span)
    return None if where is None else {"uri": where.uri, "range": _range(where.range)}


def _range(found: lsp.Range) -> Json:
    start, end = found.start, found.end
    return {
        "start": {"line": start.line, "character": start.character},
        "end": {"line": end.line, "character": end.character},
    }
