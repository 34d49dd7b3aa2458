"""Fixes of a document's findings: found and verified in the background once it has been traced, then offered as code
actions.

A fix belongs to the generation of the document that it was made for and is offered in no other. Its edits are made
when the client resolves the action, and only if every file that they touch still holds the text that they were made
for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from advisor.discovery.source import Problem, contents, text_of
from advisor.findings import Finding
from advisor.fixes.edits import by_file
from advisor.fixes.fix import SAFE, Fix, digest

from ..lanes import AnalystError
from .documents import Opened
from .edits import Edits, versioned

if TYPE_CHECKING:
    from .session import Session

WAIT = 0.5
"""Seconds without an edit, after a trace, before fixes are looked for."""
TELL = 3.0
"""Seconds between two words about fixes that come one by one."""
FIX_ALL = f"{lsp.CodeActionKind.SourceFixAll.value}.advisor"
_ANNOTATION = "advisor.unsafe"


@dataclass(frozen=True)
class Group:
    """Fixes that go together, verified as a whole. ``name`` is a code or :data:`SAFE`, ``count`` how many they are."""

    name: str
    count: int
    fix: Fix


@dataclass
class Fixes:
    """What is known of one generation of a document: fixes by the fingerprint of their finding, why others have none,
    and groups. ``done``: there are no more to come; ``trouble`` says what ended the search before its end."""

    generation: int
    found: dict[str, Fix] = field(default_factory=dict)
    unfixed: dict[str, str] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    done: bool = False
    trouble: str = ""

    def of(self, finding: Finding) -> Fix | None:
        return self.found.get(finding.fingerprint())


async def find(
    session: Session, opened: Opened, params: dict[str, Any], more: Callable[[Opened], None] = lambda _: None
) -> None:
    """Have fixes found for the traced document, and keep them with it as they come; ``params`` are those of its
    analysis, ``more`` hears of it every few seconds and at the end. Ends without any where the document goes on
    meanwhile: whoever started this cancels it then."""
    await asyncio.sleep(WAIT)
    opened.fixes = fixes = Fixes(opened.generation)
    told = time.monotonic()

    def on_event(message: dict[str, Any]) -> None:
        if message.get("event") == "fix":
            fixes.found[message["of"]] = Fix.from_plain(message["fix"])
        elif message.get("event") == "unfixed":
            fixes.unfixed[message["of"]] = message["why"]
        nonlocal told
        if time.monotonic() - told > TELL:
            told = time.monotonic()
            more(opened)

    try:
        result = await session.lanes.call("fixes", params, lane="back", on_event=on_event)
    except AnalystError as e:
        session.log.info("no fixes of %s: %s", opened.path, e)
        fixes.trouble = e.message
    else:
        fixes.groups = [Group(g["name"], g["count"], Fix.from_plain(g["fix"])) for g in result["groups"]]
    fixes.done = True
    more(opened)


def known(opened: Opened) -> Fixes | None:
    """The fixes of the document's present text; None where there are none yet."""
    fixes = opened.fixes
    return fixes if fixes is not None and fixes.generation == opened.generation and not opened.stale else None


def actions(session: Session, opened: Opened, about: lsp.Diagnostic, finding: Finding) -> Iterator[lsp.CodeAction]:
    """The fix of a finding, and that of all of its kind."""
    fixes = known(opened)
    if fixes is None:
        return
    fix = fixes.of(finding)
    if fix is None:
        return
    first, *_ = _alike(opened, fixes, finding, fix)
    yield from _action(session, opened, title_of(opened, finding, fix), first.fingerprint(), fix, about)
    for group in fixes.groups:
        if group.name == finding.code and set(group.fix.edits) != set(fix.edits):
            title = f"Fix all {group.count} {group.name} in this file{_saving(group.fix)}"
            yield from _action(session, opened, title, f"group {group.name}", group.fix, about)


def all_safe(session: Session, opened: Opened) -> Iterator[lsp.CodeAction]:
    """All safe fixes of the document at once, as editors ask for when they save."""
    fixes = known(opened)
    for group in fixes.groups if fixes is not None else ():
        if group.name == SAFE:
            title = f"Fix all safe findings of the advisor ({group.count}){_saving(group.fix)}"
            for made in _action(session, opened, title, f"group {group.name}", group.fix, None):
                made.kind = FIX_ALL
                yield made


def choice(fixes: Fixes, *, unsafe: bool) -> Group | None:
    """As many fixes as go together: the safe ones, or also those after which the network has to be trained; of as many,
    what gains most. None where there is none."""
    groups = [g for g in fixes.groups if unsafe or g.name == SAFE]
    groups += [Group("", 1, fix) for fix in fixes.found.values() if unsafe or fix.applicability == SAFE]
    return max(groups, key=lambda g: (g.count, g.fix.gain_us or 0.0), default=None)


def title_of(opened: Opened, finding: Finding, fix: Fix) -> str:
    """What the action is called that applies a finding's fix; where findings on several targets have the same, what it
    saves on each: ``Set width 68 → 64: saves 0.21 ms (11 %) on a, 4.2 ms (22 %) on b``."""
    fixes = known(opened)
    alike = _alike(opened, fixes, finding, fix) if fixes is not None else [finding]
    if fixes is None or len(alike) == 1:
        return titled(fix)
    said = [(f.target, *fixes.found[f.fingerprint()].title.rpartition(": ")[::2]) for f in alike]
    verbs = {saving.partition(" ")[0] for _, _, saving in said}
    savings = [f"{saving} on {target}" for target, _, saving in said]
    if len(verbs) == 1:
        savings[1:] = [saving.partition(" ")[2] for saving in savings[1:]]
    return titled(replace(fix, title=f"{said[0][1]}: {', '.join(savings)}"))


def _alike(opened: Opened, fixes: Fixes, finding: Finding, fix: Fix) -> list[Finding]:
    """The findings of its kind that the same edits fix, on each target one, in the order of the targets."""
    view = opened.view
    if view is None or finding.target is None:
        return [finding]
    same = [f for f in view.findings if (f.code, f.model) == (finding.code, finding.model)]
    found = [f for f in same if (other := fixes.of(f)) is not None and set(other.edits) == set(fix.edits)]
    order = {target: n for n, target in enumerate(view.targets)}
    by_target = {f.target: f for f in reversed(found)} | {finding.target: finding}
    return sorted(by_target.values(), key=lambda f: order.get(f.target or "", len(order)))


def titled(fix: Fix) -> str:
    """What the action that applies a finding's fix is called."""
    return f"{fix.title} (has to be trained)" if fix.applicability == "unsafe" else fix.title


def _saving(fix: Fix) -> str:
    return f": {fix.title}" if fix.title else ""


def _action(
    session: Session, opened: Opened, title: str, name: str, fix: Fix, about: lsp.Diagnostic | None
) -> Iterator[lsp.CodeAction]:
    """The action, its edit left for later where the client asks for it then; else none where the text is another."""
    made = lsp.CodeAction(
        title,
        lsp.CodeActionKind.QuickFix,
        diagnostics=None if about is None else [about],
        is_preferred=fix.applicability == "safe" or None,
        data={"uri": opened.uri, "generation": opened.generation, "fix": name},
    )
    if not _resolves(session):
        made.edit = edit_of(session, opened, fix, confirm=fix.applicability != SAFE)
        made.data = None
        if made.edit is None:
            return
    yield made


def _resolves(session: Session) -> bool:
    support = session.can("text_document.code_action.resolve_support")
    return support is not None and "edit" in support.properties


async def resolve(session: Session, action: lsp.CodeAction) -> lsp.CodeAction:
    """The action with its edit; one that is no fix as it is. Where the text is another by now there is none, and the
    person is told: editors do nothing then, and show no reason."""
    data = action.data if isinstance(action.data, dict) else {}
    if "fix" not in data:
        return action
    opened = session.documents.of(str(data.get("uri")))
    fix = None if opened is None else _named(opened, data)
    if opened is not None and fix is not None:
        action.edit = await asyncio.to_thread(edit_of, session, opened, fix, confirm=fix.applicability != SAFE)
    if action.edit is None:
        said = (
            f"“{action.title}” was not applied: a file that it edits changed since; it is offered again once verified"
        )
        session.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Info, said))
    return action


def _named(opened: Opened, data: dict[str, Any]) -> Fix | None:
    fixes = known(opened)
    if fixes is None or data.get("generation") != opened.generation:
        return None
    name = str(data.get("fix"))
    group = next((g.fix for g in fixes.groups if name == f"group {g.name}"), None)
    return group or fixes.found.get(name)


def edit_of(session: Session, opened: Opened, fix: Fix, *, confirm: bool, title: str = "") -> lsp.WorkspaceEdit | None:
    """The edit in the client's terms; None where a file holds another text than the fix was made for. To ``confirm``, a
    client that can shows it first, under ``title`` or the fix's own."""
    found: dict[str, tuple[int | None, list[lsp.TextEdit]]] = {}
    for file, edits in by_file(fix.edits).items():
        other = opened if opened.owns(edits[0].span) else session.documents.by_path(Path(file))
        # Versions first: the client refuses the edit if it changes the document while this thread looks at its text.
        versions = {} if other is None else dict(other.versions())
        if fix.base.get(file) != _digest(Path(file), other):
            return None
        newline = _newline(Path(file), other)
        for edit in edits:
            place = opened.locate(edit.span)
            if place is None:
                return None
            text = lsp.TextEdit(place.range, edit.text.replace("\n", newline))
            found.setdefault(place.uri, (versions.get(place.uri), []))[1].append(text)
    return _annotated(session, fix, found, confirm, title or fix.title)


def _digest(path: Path, opened: Opened | None) -> str | None:
    text = text_of(path, None if opened is None else opened.text)
    return None if isinstance(text, Problem) else digest(text)


def _newline(path: Path, opened: Opened | None) -> str:
    """How lines end in the text that is edited."""
    text = contents(path).decode("latin-1") if opened is None else opened.text
    return "\r\n" if "\r\n" in text else "\n"


def previews(session: Session) -> bool:
    """Whether the client can show edits before it makes them."""
    return bool(versioned(session) and session.can("workspace.workspace_edit.change_annotation_support"))


def _annotated(session: Session, fix: Fix, found: Edits, confirm: bool, title: str) -> lsp.WorkspaceEdit:
    """One edit, so that one undo takes it back."""
    if not versioned(session):
        return lsp.WorkspaceEdit(changes={uri: list(some) for uri, (_, some) in found.items()})
    preview = confirm and previews(session)

    def annotated(some: Sequence[lsp.TextEdit]) -> list[Any]:
        if not preview:
            return list(some)
        return [lsp.AnnotatedTextEdit(_ANNOTATION, e.range, e.new_text) for e in some]

    changes = [
        lsp.TextDocumentEdit(lsp.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version), annotated(some))
        for uri, (version, some) in found.items()
    ]
    note = lsp.ChangeAnnotation(title, needs_confirmation=True, description=fix.note or None)
    return lsp.WorkspaceEdit(
        document_changes=list(changes), change_annotations={_ANNOTATION: note} if preview else None
    )
