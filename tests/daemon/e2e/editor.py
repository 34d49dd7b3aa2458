"""An editor, on pytest-lsp: it keeps the texts, asks again when it is asked to, and waits for what comes."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
from lsprotocol import types
from pygls import uris
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient
from pytest_lsp.client import DEFAULT_CLIENT_FEATURES, register_lsp_features

SECONDS = 60.0
"""Nothing that is waited for takes so long, on a machine with other things to do."""

_SHARED: dict[str, Any] = {
    "window": {"workDoneProgress": True, "showDocument": {"support": True}, "showMessage": {"messageActionItem": {}}},
    "textDocument": {
        "publishDiagnostics": {
            "relatedInformation": True,
            "tagSupport": {"valueSet": [1, 2]},
            "versionSupport": True,
            "codeDescriptionSupport": True,
            "dataSupport": True,
        },
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "inlayHint": {"resolveSupport": {"properties": ["tooltip"]}},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "source.fixAll"]}}},
    },
}
_LAZY = {**_SHARED["textDocument"]["codeAction"], "dataSupport": True, "resolveSupport": {"properties": ["edit"]}}
_WORKSPACE: dict[str, Any] = {"applyEdit": True, "configuration": True, "workspaceFolders": True}
PUSHED: dict[str, Any] = {**_SHARED, "workspace": {**_WORKSPACE, "workspaceEdit": {"documentChanges": True}}}
"""Capabilities of an editor that takes diagnostics as they come."""
PULLING: dict[str, Any] = {
    **_SHARED,
    "textDocument": {**_SHARED["textDocument"], "diagnostic": {}, "codeAction": _LAZY},
    "workspace": {
        **_WORKSPACE,
        "workspaceEdit": {"documentChanges": True},
        "diagnostics": {"refreshSupport": True},
        "inlayHint": {"refreshSupport": True},
        "codeLens": {"refreshSupport": True},
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "didChangeConfiguration": {"dynamicRegistration": True},
    },
}
"""Capabilities of one that asks for everything and is told when to ask again."""


def _converter() -> Any:
    """pygls's, except that lsprotocol takes an action with a command for a command."""
    converter = default_converter()

    def action(given: Any, _: Any) -> types.Command | types.CodeAction:
        return converter.structure(given, types.Command if isinstance(given.get("command"), str) else types.CodeAction)

    converter.register_structure_hook(types.Command | types.CodeAction, action)
    return converter


_CONVERTER = _converter()


def capabilities(plain: Mapping[str, Any], *encodings: str) -> types.ClientCapabilities:
    general = {"general": {"positionEncodings": list(encodings)}} if encodings else {}
    return _CONVERTER.structure({**plain, **general}, types.ClientCapabilities)


@attrs.define
class _Plain:
    """A response that stays as it was sent: pygls would make tuples of its objects, whose keys must be names."""

    id: Any
    jsonrpc: str
    result: Any


class Editor(LanguageClient):
    """Paths stand for documents; places are found by their text. ``published`` are all pushed diagnostics so far,
    ``refreshed`` counts how often it was asked to ask again, ``asked`` are the questions to the person and ``answer``
    what the person says to them."""

    def __init__(self) -> None:
        super().__init__(converter_factory=_converter)
        own = {
            types.PROGRESS: self._progress,
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS: self._published,
            types.WORKSPACE_APPLY_EDIT: self._apply,
            types.CLIENT_REGISTER_CAPABILITY: self._register,
            types.WINDOW_SHOW_MESSAGE_REQUEST: self._question,
        }
        for method in (
            types.WORKSPACE_DIAGNOSTIC_REFRESH,
            types.WORKSPACE_INLAY_HINT_REFRESH,
            types.WORKSPACE_CODE_LENS_REFRESH,
        ):
            own[method] = self._refresh(method)
        # partial: pygls sets attributes on what it registers, and a bound method has none
        register_lsp_features(self, {**DEFAULT_CLIENT_FEATURES, **{name: partial(f) for name, f in own.items()}})
        self.encoding = "utf-16"
        self.roots: list[Path] = []
        self.texts: dict[Path, str] = {}
        self.versions: dict[Path, int] = {}
        self.published: list[types.PublishDiagnosticsParams] = []
        self.refreshed: Counter[str] = Counter()
        self.registered: list[types.Registration] = []
        self.values: dict[types.ProgressToken, list[dict[str, Any]]] = {}
        self.asked: list[types.ShowMessageRequestParams] = []
        self.answer: str | None = None
        self._number = 0

    # ---- what the server asks for

    def _progress(self, params: types.ProgressParams) -> None:
        self.values.setdefault(params.token, []).append(params.value)

    def _published(self, params: types.PublishDiagnosticsParams) -> None:
        self.published.append(params)

    def _register(self, params: types.RegistrationParams) -> None:
        self.registered += params.registrations

    def _question(self, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        self.asked.append(params)
        return types.MessageActionItem(self.answer) if self.answer else None

    def _refresh(self, method: str) -> Callable[[Any], None]:
        def refresh(_: Any) -> None:
            self.refreshed[method] += 1

        return refresh

    def _apply(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        self.apply(params.edit)
        return types.ApplyWorkspaceEditResult(True)

    # ---- its life

    async def begin(
        self, roots: Sequence[Path], able: types.ClientCapabilities, trusted: bool | None, settings: Any = None
    ) -> types.InitializeResult:
        """Initialize; ``settings`` are what it answers for the section ``advisor``."""
        self.roots = list(roots)
        self.set_configuration(settings, section="advisor")
        result = await self.initialize_session(
            types.InitializeParams(
                capabilities=able,
                workspace_folders=[_folder(root) for root in roots],
                root_uri=uri_of(roots[0]) if roots else None,
                initialization_options=None if trusted is None else {"trusted": trusted},
            )
        )
        encoding = result.capabilities.position_encoding
        self.encoding = str(getattr(encoding, "value", encoding) or "utf-16")
        return result

    def enter(self, *roots: Path) -> None:
        """Close everything and go to other workspace folders."""
        for path in list(self.texts):
            self.close(path)
        event = types.WorkspaceFoldersChangeEvent([_folder(r) for r in roots], [_folder(r) for r in self.roots])
        self.roots = list(roots)
        self.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))

    def configure(self, settings: Any) -> None:
        """Change the section ``advisor`` of the settings, and say so."""
        self.set_configuration(settings, section="advisor")
        self.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=None))

    def trust(self, trusted: Any) -> None:
        self.protocol.notify("advisor/trust", {"trusted": trusted})

    def changed_on_disk(self, *paths: Path) -> None:
        """Tell of files that changed, as the editor that watches them does."""
        changes = [types.FileEvent(uri_of(path), types.FileChangeType.Changed) for path in paths]
        self.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(changes))

    # ---- its documents

    def open(self, path: Path, text: str | None = None) -> None:
        """Open a file; ``text`` is what the editor shows instead of what is on disk."""
        self.texts[path] = path.read_text() if text is None else text
        self.versions[path] = self.versions.get(path, 0) + 1
        item = types.TextDocumentItem(uri_of(path), "python", self.versions[path], self.texts[path])
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def edit(self, path: Path, old: str, new: str) -> None:
        """Replace the only ``old`` of a text."""
        text = self.texts[path]
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the text"
        at = text.index(old)
        self._change(path, self.range(path, old), new, text[:at] + new + text[at + len(old) :])

    def _change(self, path: Path, where: types.Range, new: str, after: str) -> None:
        self.change(path, after, types.TextDocumentContentChangePartial(range=where, text=new))

    def change(self, path: Path, after: str, *changes: types.TextDocumentContentChangeEvent) -> None:
        """Make changes, which lead to the text ``after``."""
        self.texts[path] = after
        self.versions[path] += 1
        document = types.VersionedTextDocumentIdentifier(self.versions[path], uri_of(path))
        self.text_document_did_change(types.DidChangeTextDocumentParams(document, list(changes)))

    def save(self, path: Path) -> None:
        path.write_text(self.texts[path])
        self.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri_of(path))))

    def close(self, path: Path) -> None:
        del self.texts[path]
        identifier = types.TextDocumentIdentifier(uri_of(path))
        self.text_document_did_close(types.DidCloseTextDocumentParams(identifier))

    def apply(self, edit: types.WorkspaceEdit) -> None:
        """Apply edits: of open documents, which have to be of the present version, and of files on disk."""
        for change in edit.document_changes or ():
            assert isinstance(change, types.TextDocumentEdit)
            path = Path(uris.to_fs_path(change.text_document.uri) or "")
            edits = [one for one in change.edits if isinstance(one, types.TextEdit | types.AnnotatedTextEdit)]
            assert len(edits) == len(change.edits)
            self._replace(path, edits, change.text_document.version)

    def _replace(
        self, path: Path, edits: Sequence[types.TextEdit | types.AnnotatedTextEdit], version: int | None
    ) -> None:
        """All edits are of the same text, so the last one comes first."""
        text = self.texts[path] if path in self.texts else path.read_text()
        ordered = sorted(edits, key=lambda e: (e.range.start.line, e.range.start.character), reverse=True)
        after = text
        for edit in ordered:
            start, end = (self.offset(text, at) for at in (edit.range.start, edit.range.end))
            after = after[:start] + edit.new_text + after[end:]
        if path in self.texts:
            assert version == self.versions[path]
            changes = [types.TextDocumentContentChangePartial(range=e.range, text=e.new_text) for e in ordered]
            self.change(path, after, *changes)
        else:
            path.write_text(after)
            self.changed_on_disk(path)

    # ---- places

    def units(self, text: str) -> int:
        """How long a text is in the negotiated encoding."""
        width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[self.encoding]
        name = self.encoding if width == 1 else f"{self.encoding}-le"
        return len(text.encode(name)) // width

    def position(self, text: str, offset: int) -> types.Position:
        before = text[:offset]
        return types.Position(before.count("\n"), self.units(before.rpartition("\n")[2]))

    def offset(self, text: str, position: types.Position) -> int:
        lines = text.splitlines(keepends=True)
        line = lines[position.line] if position.line < len(lines) else ""
        column = next((n for n in range(len(line) + 1) if self.units(line[:n]) == position.character), None)
        assert column is not None, f"{position} is no place between characters"
        return sum(map(len, lines[: position.line])) + column

    def range(self, path: Path, needle: str) -> types.Range:
        """Where the first ``needle`` of a document stands."""
        text = self.texts[path]
        at = text.index(needle)
        return types.Range(self.position(text, at), self.position(text, at + len(needle)))

    def marked(self, path: Path, where: types.Range) -> str:
        """The text of a range."""
        text = self.texts[path]
        return text[self.offset(text, where.start) : self.offset(text, where.end)]

    # ---- what it shows

    async def until(self, ask: Callable[[], Any], good: Callable[[Any], Any] = bool) -> Any:
        """Ask until the answer is good; gives it."""
        end = time.monotonic() + SECONDS
        while True:
            answer = ask()
            answer = await answer if inspect.isawaitable(answer) else answer
            if good(answer):
                return answer
            assert time.monotonic() < end, f"waited in vain; at last: {answer!r}"
            await asyncio.sleep(0.02)

    def last(self, path: Path) -> types.PublishDiagnosticsParams | None:
        """What was pushed last for a document."""
        return next((p for p in reversed(self.published) if p.uri == uri_of(path)), None)

    async def pull(self, path: Path, previous: str | None = None) -> Any:
        identifier = types.TextDocumentIdentifier(uri_of(path))
        return await self.text_document_diagnostic_async(
            types.DocumentDiagnosticParams(identifier, previous_result_id=previous)
        )

    async def findings(self, path: Path, *codes: str) -> list[types.Diagnostic]:
        """A document's diagnostics once they are of its present text, by line: exactly these codes, none of them stale.

        One that takes them as they come waits; one that pulls asks once, and again only when it is asked to.
        """

        def good(found: Iterable[types.Diagnostic]) -> bool:
            return Counter(d.code for d in found) == Counter(codes) and not any(stale(d) for d in found)

        if self.capabilities and self.capabilities.text_document and self.capabilities.text_document.diagnostic:
            while True:
                asked = self.refreshed[types.WORKSPACE_DIAGNOSTIC_REFRESH]
                found = (await self.pull(path)).items
                if good(found):
                    break
                await self.asked_again(asked, found)
        else:

            def shown() -> Sequence[types.Diagnostic] | None:
                last = self.last(path)
                return None if last is None or last.version != self.versions[path] else last.diagnostics

            found = await self.until(shown, lambda items: items is not None and good(items))
        return sorted(found, key=lambda d: (d.range.start.line, d.range.start.character))

    async def asked_again(self, before: int, known: Any = None) -> None:
        """Wait until it is asked once more to pull; it was ``before`` times until now."""
        refreshed = self.refreshed
        await self.until(
            lambda: (refreshed[types.WORKSPACE_DIAGNOSTIC_REFRESH], known), lambda answer: answer[0] > before
        )

    async def inlay(self, path: Path) -> list[types.InlayHint]:
        identifier = types.TextDocumentIdentifier(uri_of(path))
        whole = types.Range(types.Position(0, 0), types.Position(self.texts[path].count("\n") + 1, 0))
        return list(await self.text_document_inlay_hint_async(types.InlayHintParams(identifier, whole)) or [])

    async def hints(self, path: Path) -> dict[int, str]:
        """The hints' labels by line, from 1."""
        return {hint.position.line + 1: str(hint.label) for hint in await self.inlay(path)}

    async def hover(self, path: Path, needle: str) -> str:
        """The hover's text at the first ``needle``; empty when there is none."""
        at = self.range(path, needle).start
        params = types.HoverParams(types.TextDocumentIdentifier(uri_of(path)), at)
        found = await self.text_document_hover_async(params)
        return found.contents.value if found is not None and isinstance(found.contents, types.MarkupContent) else ""

    async def lenses(self, path: Path) -> dict[str, types.Command]:
        """The lenses' commands by title."""
        params = types.CodeLensParams(types.TextDocumentIdentifier(uri_of(path)))
        found = await self.text_document_code_lens_async(params) or []
        return {lens.command.title: lens.command for lens in found if lens.command is not None}

    async def actions(self, path: Path, about: types.Diagnostic) -> dict[str, types.CodeAction]:
        """The code actions for a diagnostic by title."""
        context = types.CodeActionContext([about])
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri_of(path)), about.range, context)
        found = await self.text_document_code_action_async(params) or []
        return {action.title: action for action in found if isinstance(action, types.CodeAction)}

    async def action(self, path: Path, about: types.Diagnostic, begins: str) -> types.CodeAction:
        """The code action of that title's beginning, once it is offered, with its edit."""

        def named(found: Mapping[str, types.CodeAction]) -> list[types.CodeAction]:
            return [action for title, action in found.items() if title.startswith(begins)]

        (found,) = named(await self.until(lambda: self.actions(path, about), named))
        return found if found.edit is not None else await self.code_action_resolve_async(found)

    async def execute(self, command: str, *arguments: Any) -> Any:
        return await self.workspace_execute_command_async(types.ExecuteCommandParams(command, list(arguments)))

    def ask(self, method: str, params: Any) -> tuple[str, asyncio.Future[Any]]:
        """Begin a request that may be cancelled by its number."""
        self._number += 1
        number = f"e2e-{self._number}"
        if method in types.METHOD_TO_TYPES:
            return number, asyncio.ensure_future(self.protocol.send_request_async(method, params, number))
        answer = asyncio.wrap_future(self.protocol.send_request(method, params, msg_id=number))
        self.protocol._result_types[number] = _Plain
        return number, asyncio.ensure_future(answer)

    def cancel(self, number: str) -> None:
        self.protocol.notify(types.CANCEL_REQUEST, types.CancelParams(number))


def stale(diagnostic: types.Diagnostic) -> bool:
    """Whether it is of an earlier text, and says so."""
    return bool(value_of(diagnostic.data, "stale"))


def value_of(data: Any, key: str) -> Any:
    """A value of what no type describes, which pygls makes an object of."""
    return data.get(key) if isinstance(data, Mapping) else getattr(data, key, None)


def uri_of(path: Path) -> str:
    return path.as_uri()


def _folder(root: Path) -> types.WorkspaceFolder:
    return types.WorkspaceFolder(uri_of(root), root.name)
