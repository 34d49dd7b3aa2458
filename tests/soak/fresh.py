"""What a fresh audit says of the same texts: written to a folder of their own, read by a session without any memory.

Only the workers' processes are the same from one audit to the next: each file runs in a new child of one that has
imported torch and nothing else. What is said is made comparable: plain values, with the folder's name taken out.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsprotocol import types

from advisor.daemon.lsp.diagnostics import Abilities, items
from advisor.daemon.lsp.documents import Documents, Opened
from advisor.daemon.lsp.hints import hints
from advisor.daemon.lsp.lenses import lenses
from advisor.daemon.lsp.settings import EditorSettings
from advisor.daemon.lsp.texts import Codec
from advisor.daemon.viewing import view
from advisor.plan import Plans
from advisor.pool import Pool
from advisor.report import FileReport, Report
from advisor.reports import render
from advisor.session import Session, Shared
from tests.daemon.e2e.editor import stale

from .tree import SETTINGS

_AT_ONCE = 2
_ABLE = Abilities(related=True, tags=True, links=True, data=True)


@dataclass(frozen=True)
class Shown:
    """What is shown of a document: findings, hints and lenses as plain values in order. ``old`` are the findings that
    say that they are of an earlier text; ``broken`` is a text that gave no layers and that cannot be imported."""

    findings: list[Any]
    hints: list[Any]
    lenses: list[Any]
    old: int = 0
    broken: bool = False


def plain_findings(found: Iterable[types.Diagnostic], root: Path) -> list[Any]:
    """Diagnostics as values that can be compared, without the name of the folder ``root``."""
    return sorted(
        (
            str(d.code),
            _range(d.range),
            d.message.replace(str(root), ""),
            int(d.severity or 0),
            tuple(int(tag) for tag in d.tags or ()),
            sorted(
                (r.location.uri.replace(root.as_uri(), ""), _range(r.location.range), r.message.replace(str(root), ""))
                for r in d.related_information or ()
            ),
        )
        for d in found
    )


def plain_hints(found: Iterable[types.InlayHint]) -> list[Any]:
    """Hints by place."""
    return sorted((h.position.line, h.position.character, str(h.label)) for h in found)


def plain_lenses(found: Iterable[types.CodeLens], root: Path) -> list[Any]:
    """Lenses by place."""
    return sorted((_range(lens.range), lens.command.title.replace(str(root), "")) for lens in found if lens.command)


def _range(r: types.Range) -> tuple[int, int, int, int]:
    return r.start.line, r.start.character, r.end.line, r.end.character


class Fresh:
    """Audits trees of texts anew. Close it."""

    def __init__(self) -> None:
        self._pool = Pool()

    def close(self) -> None:
        self._pool.close()

    def documents(self, texts: Mapping[str, str], wanted: Iterable[str]) -> dict[str, Shown]:
        """What an editor in this tree of ``texts`` by file has to show of the ``wanted`` documents."""
        root = _tree(texts)
        codec = Codec("utf-16")
        kept = Documents(codec, lambda uri: root / "untitled.py")
        targets, audited = self._audited(root, [root / name for name in wanted])

        def shown(name: str, report: FileReport) -> Shown:
            path = root / name
            opened = Opened(path.as_uri(), path, 1, texts[name], kept.elsewhere)
            opened.view = view(report, texts[name], targets, "traced")
            end = types.Range(types.Position(0, 0), types.Position(len(opened.lines) + 1, 0))
            found = [hint for hint, _ in hints(opened, opened.uri, end, EditorSettings().inlay_show)]
            return Shown(
                plain_findings(items(opened, _ABLE)[opened.uri], root),
                plain_hints(found),
                plain_lenses(lenses(opened, opened.uri, None), root),
                broken=not opened.view.places and any(f.code == "TRC901" for f in opened.view.findings),
            )

        result = {name: shown(name, report) for name, report in zip(wanted, audited, strict=True)}
        shutil.rmtree(root)
        return result

    def report(self, texts: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str]:
        """What a script has to be told of files of this tree, each as JSON."""
        root = _tree(texts)
        targets, audited = self._audited(root, [root / name for name in wanted])
        found = {
            name: as_json(Report(str(root / "nets"), tuple(targets), [report]), root)
            for name, report in zip(wanted, audited, strict=True)
        }
        shutil.rmtree(root)
        return found

    def _audited(self, root: Path, paths: list[Path]) -> tuple[list[str], list[FileReport]]:
        plans = Plans(None, root)
        shared = Shared(pool=self._pool)
        with Session(plans, shared=shared) as session, ThreadPoolExecutor(_AT_ONCE) as threads:
            reports = [r for r in threads.map(session.file, paths) if r is not None]
        return [t.name for t in plans.of(root).targets], reports


def as_json(report: Report, root: Path) -> str:
    """A report as text that can be compared."""
    return render(report, "json").replace(str(root), "")


def differences(shown: Shown, expected: Shown) -> list[str]:
    """How what is shown differs from what a fresh audit says; empty where it does not.

    Of a text that cannot be imported the last good hints stay, and say so; so do findings of the text before.
    """
    found = _compared("finding", shown.findings, expected.findings)
    if not expected.broken:
        found += _compared("hint", shown.hints, expected.hints)
        found += _compared("lens", shown.lenses, expected.lenses)
        if shown.old:
            found.append(f"{shown.old} findings are still said to be of an earlier text")
        return found
    for kind, what, right in (("hint", shown.hints, expected.hints), ("lens", shown.lenses, expected.lenses)):
        if what != right:
            found += [f"{kind} of an earlier text, not marked: {one}" for one in what if "~" not in one[-1]]
    return found


def _compared(what: str, shown: list[Any], expected: list[Any]) -> list[str]:
    too_many = [f"{what} too many: {one}" for one in shown if one not in expected]
    missing = [f"{what} missing: {one}" for one in expected if one not in shown]
    if not too_many and not missing and len(shown) != len(expected):
        missing = [f"{what}s: {len(shown)} instead of {len(expected)}"]
    return too_many + missing


def apart(found: Iterable[types.Diagnostic]) -> tuple[list[types.Diagnostic], int]:
    """The findings of the present text, and how many there are of earlier ones."""
    everything = list(found)
    present = [d for d in everything if not stale(d)]
    return present, len(everything) - len(present)


def _tree(texts: Mapping[str, str]) -> Path:
    """A folder with these texts."""
    root = Path(tempfile.mkdtemp(prefix="fresh-")).resolve()
    write(root, texts)
    return root


def write(root: Path, texts: Mapping[str, str]) -> None:
    """Write the project's files."""
    (root / "pyproject.toml").write_text(SETTINGS)
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
