"""Findings as the protocol's diagnostics: pulled by clients that can, pushed to the others.

A finding whose document has been edited since keeps its place and severity until it is confirmed or gone;
``data.stale`` says so, and its message too once that may take long: the text cannot be imported now, or its analysis
was stopped. One that stands in another file is shown where the way from there comes into this one, else at its model's
name, with the place as related information: the other file's own diagnostics are of its own models.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from lsprotocol import types

from advisor.findings import Finding
from advisor.graph import Span

from . import words
from .analysis import Analysis
from .documents import Opened
from .pages import href
from .protocol import CONVERTER
from .session import Session

SOURCE = "advisor"
UNNECESSARY = frozenset({"SUP002", "OPS503"})
"""Codes of findings about something that does nothing: editors show it faded."""
BEFORE = " (before the last edit)"
_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "information": types.DiagnosticSeverity.Information,
}
_READING = 1.0
"""Seconds that a pull waits for the source to be read, when the analysts have other things to do."""


@dataclass(frozen=True)
class Abilities:
    """What a client understands of a diagnostic."""

    related: bool = False
    tags: bool = False
    links: bool = False
    data: bool = False

    @classmethod
    def of(cls, session: Session) -> Abilities:
        """Clients say it of pushed diagnostics, newer ones also of pulled ones."""

        def can(ability: str) -> bool:
            return any(
                bool(session.can(f"text_document.{way}.{ability}")) for way in ("publish_diagnostics", "diagnostic")
            )

        return cls(can("related_information"), can("tag_support"), can("code_description_support"), can("data_support"))


def pulls(session: Session) -> bool:
    """Whether the client asks for diagnostics itself."""
    return session.can("text_document.diagnostic") is not None


def diagnostic(finding: Finding, opened: Opened, able: Abilities) -> tuple[str, types.Diagnostic]:
    """The diagnostic of a finding and the uri of the document (or cell) that shows it."""
    related = [(r.span, r.message) for r in finding.related]
    span = finding.span
    if not opened.owns(span):
        related.insert(0, (span, "the finding is about this place"))
        span = next((r.span for r in finding.related if opened.owns(r.span)), None) or _model(finding, opened)
    place = opened.locate(span) or types.Location(opened.uris()[0], types.Range(_TOP, _TOP))
    link = href(finding.code) if able.links else None
    data = {
        "code": finding.code,
        "fingerprint": finding.fingerprint(),
        "model": finding.model,
        "target": finding.target,
    }
    if not opened.holds(finding):
        data["stale"] = True
    message = words.message(finding)
    if "stale" in data and opened.behind:
        message += BEFORE
    return place.uri, types.Diagnostic(
        range=place.range,
        message=message,
        severity=_SEVERITIES.get(finding.severity, types.DiagnosticSeverity.Warning),
        code=finding.code,
        code_description=types.CodeDescription(link) if link else None,
        source=SOURCE,
        tags=[types.DiagnosticTag.Unnecessary] if able.tags and finding.code in UNNECESSARY else None,
        related_information=_related(related, opened) if able.related else None,
        data=data if able.data else None,
    )


_TOP = types.Position(0, 0)


def _model(finding: Finding, opened: Opened) -> Span:
    """The name of the finding's model, where it stands in this document."""
    models = opened.view.models if opened.view is not None else ()
    named = (m.span for m in models if m.name == finding.model and opened.owns(m.span))
    return next(named, Span(str(opened.path), 1, 1, 1, 1))


def _related(places: Sequence[tuple[Span, str]], opened: Opened) -> list[types.DiagnosticRelatedInformation] | None:
    found = [
        types.DiagnosticRelatedInformation(location=location, message=message)
        for span, message in places
        if (location := opened.locate(span)) is not None
    ]
    return found or None


def items(opened: Opened, able: Abilities) -> dict[str, list[types.Diagnostic]]:
    """The diagnostics of a document by the uri that shows them; every uri of the document is there."""
    found: dict[str, list[types.Diagnostic]] = {uri: [] for uri in opened.uris()}
    findings = list(opened.view.findings) if opened.view is not None else []
    for finding in ([opened.trouble] if opened.trouble is not None else []) + findings:
        uri, shown = diagnostic(finding, opened, able)
        found.setdefault(uri, []).append(shown)
    return found


def result_id(shown: Sequence[types.Diagnostic]) -> str:
    """Names diagnostics by their content: a version may come again with another text."""
    plain = json.dumps([CONVERTER.unstructure(d) for d in shown], sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:24]


class Diagnostics:
    """What a client has been told of its open documents, and what it has to be told."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._given: dict[str, str] = {}
        self._waiting: dict[str, int] = {}

    def changed(self, opened: Opened, traced: bool) -> None:
        """Something new is known of a document."""
        if pulls(self._session):
            waited_for = any(self._waiting.get(uri) for uri in opened.uris())
            shown = items(opened, Abilities.of(self._session))
            news = any(self._given.get(uri) not in (None, result_id(some)) for uri, some in shown.items())
            self._session.refresh(diagnostics=news and not waited_for, hints=traced)
            return
        self.push(opened)
        if traced:
            self._session.refresh(diagnostics=False)

    def push(self, opened: Opened) -> None:
        versions = opened.versions()
        for uri, shown in items(opened, Abilities.of(self._session)).items():
            self._session.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(uri, shown, versions.get(uri))
            )

    def closed(self, uris: Sequence[str]) -> None:
        """Documents are closed: nothing is shown of them any more."""
        for uri in uris:
            self._given.pop(uri, None)
            if not pulls(self._session):
                self._session.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    async def pull(
        self, analysis: Analysis, params: types.DocumentDiagnosticParams
    ) -> types.RelatedFullDocumentDiagnosticReport | types.RelatedUnchangedDocumentDiagnosticReport:
        """What is known: of the present text where the source was read, traced or last known for the rest. A client
        that cannot be asked to pull again waits for the trace."""
        uri = params.text_document.uri
        opened = self._session.documents.of(uri)
        if opened is None:
            return types.RelatedFullDocumentDiagnosticReport(items=[])
        self._waiting[uri] = self._waiting.get(uri, 0) + 1
        try:
            if not self._session.can("workspace.diagnostics.refresh_support"):
                await analysis.reached(opened, traced=True)
            else:
                await asyncio.wait_for(analysis.reached(opened, traced=False), _READING)
        except asyncio.TimeoutError:
            pass  # the analysts are busy: what was known is shown, and the client is asked to pull again later
        finally:
            self._waiting[uri] -= 1
            if not self._waiting[uri]:
                del self._waiting[uri]
        shown = items(opened, Abilities.of(self._session)).get(uri, [])
        name = result_id(shown)
        self._given[uri] = name
        if params.previous_result_id == name:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=name)
        return types.RelatedFullDocumentDiagnosticReport(items=shown, result_id=name)
