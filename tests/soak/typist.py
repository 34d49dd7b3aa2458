"""An editor that types, and judges at once what a person would see: nothing of an old text goes for news."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsprotocol import types

from tests.daemon.e2e.editor import Editor, stale

from .persons import Step, parses

_KEPT = 400  # texts by version, for reports that come late


class Typist(Editor):
    """``faults`` are sentences about what was shown and should not have been, ``late`` counts what was pushed for a
    text that was not the newest any more, ``glances`` how often hints were looked at right behind an edit."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.pushes = 0
        self.late = 0
        self.glances = 0
        self._versions: dict[str, deque[tuple[int, str]]] = {}
        self._newest: dict[str, int] = {}

    # ---- what it is told

    def _published(self, params: types.PublishDiagnosticsParams) -> None:
        self.published = [p for p in self.published if p.uri != params.uri]
        super()._published(params)
        if params.version is None:
            return  # the document is closed
        self.pushes += 1
        texts = dict(self._versions.get(params.uri, ()))
        name, version = Path(params.uri).name, params.version
        newest = max(texts, default=0)
        self.late += version < newest
        if version < self._newest.get(params.uri, 0):
            self.faults.append(f"{name}: version {version} was pushed after {self._newest[params.uri]}")
        self._newest[params.uri] = max(version, self._newest.get(params.uri, 0))
        if version not in texts:
            self.faults.append(f"{name}: version {version} was pushed, the editor was at {newest}")
        else:
            self.faults += self._impossible(f"{name}, version {version}", texts[version], params.diagnostics)

    def _impossible(self, what: str, text: str, shown: Sequence[types.Diagnostic]) -> list[str]:
        """What cannot be true of a text, whatever the models in it are."""
        lines = [self.units(line) for line in text.split("\n")]
        found = []
        for d in shown:
            ends = (d.range.start, d.range.end)
            if any(p.line >= len(lines) or p.character > lines[p.line] for p in ends):
                found.append(f"{what}: {d.code} stands at {d.range}, outside of the text")
            if d.code == "TRC901" and d.message.startswith("syntax error") and not stale(d) and parses(text):
                found.append(f"{what}: {d.message!r} is said of a text that has none")
        return found

    # ---- what it does

    def type(self, path: Path, step: Step) -> None:
        """Do a step in a document."""
        if step.reopened:
            self.close(path)
            self.open(path, step.text)
        elif step.whole:
            self._sent(path, step.text)
            document = types.VersionedTextDocumentIdentifier(self.versions[path], path.as_uri())
            change = types.TextDocumentContentChangeWholeDocument(step.text)
            self.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        else:
            old, new = self.texts[path], step.text
            head = _common(old, new)
            tail = _common(old[head:][::-1], new[head:][::-1])
            where = types.Range(self.position(old, head), self.position(old, len(old) - tail))
            self._change(path, where, new[head : len(new) - tail], new)

    def open(self, path: Path, text: str | None = None) -> None:
        super().open(path, text)
        self._newest[path.as_uri()] = self.versions[path]
        self._note(path)

    def _change(self, path: Path, where: types.Range, new: str, after: str) -> None:
        # Before it is sent: an answer may be there by the time that it has been.
        self._note(path, self.versions[path] + 1, after)
        super()._change(path, where, new, after)

    def _sent(self, path: Path, text: str) -> None:
        self.texts[path] = text
        self.versions[path] += 1
        self._note(path)

    def _note(self, path: Path, version: int | None = None, text: str | None = None) -> None:
        kept = self._versions.setdefault(path.as_uri(), deque(maxlen=_KEPT))
        kept.append((version or self.versions[path], self.texts[path] if text is None else text))

    async def glance(self, path: Path) -> None:
        """Look at a document's hints right behind an edit of it, when nothing can have been traced."""
        self.glances += 1
        unmarked = [hint.label for hint in await self.inlay(path) if "~" not in str(hint.label)]
        if unmarked:
            self.faults.append(f"{path.name}: right behind an edit, hints go for new: {unmarked}")

    def shown(self, path: Path) -> list[types.Diagnostic]:
        """What was pushed last for a document; all that counts, once it is known that nothing is on its way."""
        last = self.last(path)
        return list(last.diagnostics) if last is not None else []

    async def lenses_of(self, path: Path) -> list[types.CodeLens]:
        """A document's lenses."""
        params = types.CodeLensParams(types.TextDocumentIdentifier(path.as_uri()))
        return list(await self.text_document_code_lens_async(params) or [])

    async def diagnostics_of(self, path: Path) -> list[types.Diagnostic]:
        """A document's diagnostics as they are now."""
        able: Any = self.capabilities and self.capabilities.text_document
        if able and able.diagnostic:
            return list((await self.pull(path)).items)
        return self.shown(path)


def _common(a: str, b: str) -> int:
    """The length of the beginning that both have."""
    for n, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return n
    return min(len(a), len(b))
