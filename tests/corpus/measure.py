"""Measures discovery and tracing on other people's code: how much of it runs without a word from its authors.

    python tests/corpus/measure.py PATH_OR_PACKAGE... [--json FILE] [--table FILE] [--failures FILE]

Two figures a checkout: the share of its root classes and zero-argument factories whose forward ran, among those that
are models (every exclusion is listed with its reason); and the share of its ``nn.X(...)`` lines that were mapped to an
executed layer. The exit code is 1 when either, over all checkouts, is under :data:`REQUIRED`. See README.md beside this
file.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from advisor.discovery.candidates import Candidate
from advisor.discovery.listing import python_files
from advisor.discovery.project import Project, root
from advisor.discovery.request import Discovery, discover
from advisor.discovery.static import layer_calls
from advisor.graph import Graph, Span
from advisor.tracing import trace_file
from advisor.workers import Outcome, Worker

REQUIRED = 0.85


@dataclass(slots=True)
class Result:
    """One root class or zero-argument factory. ``outcome``: ``ran``, ``failed`` or ``excluded`` for a ``reason``."""

    repository: str
    file: str
    name: str
    kind: str
    outcome: str
    reason: str = ""
    how: str = ""


@dataclass(slots=True)
class Measured:
    """The figures of one repository. Lines are (file, first line) of ``nn.X(...)`` expressions."""

    repository: str
    files: int = 0
    results: list[Result] = field(default_factory=list)
    lines: dict[tuple[str, int], int] = field(default_factory=dict)
    executed: set[tuple[str, int]] = field(default_factory=set)

    def count(self, outcome: str, kind: str | None = None) -> int:
        return sum(r.outcome == outcome and kind in (None, r.kind) for r in self.results)

    @property
    def mapped(self) -> set[tuple[str, int]]:
        """The layer lines within whose expression an executed layer was created."""
        return {
            (file, first)
            for (file, first), last in self.lines.items()
            if any((file, line) in self.executed for line in range(first, last + 1))
        }


def measure(name: str, folder: Path, run: Any, files_each: int, seed: int) -> Measured:
    """Audit up to ``files_each`` files with candidates, chosen by ``seed``, and count."""
    project = Project(root(folder) if (folder / "__init__.py").exists() else folder)
    chosen = _sample(folder, project, files_each, seed)
    out = Measured(name, files=len(chosen))
    for path, found in chosen:
        relative = path.relative_to(folder).as_posix()
        outcomes: list[Outcome] = []

        def recorded(request: dict[str, Any], on_event: Any, outcomes: list[Outcome] = outcomes) -> Outcome:
            outcomes.append(run(request, on_event))
            return outcomes[-1]

        trace_file(path, found, recorded)
        events = [e for o in outcomes for e in o.events]
        out.results += _results(name, relative, found, events, outcomes)
        out.executed |= set(_executed(events, folder))
        if found.source is not None:
            for span in layer_calls(found.source):
                out.lines.setdefault((relative, span.line), span.end_line)
        print(f"  {name} {relative}: {outcomes[-1].seconds if outcomes else 0:.1f} s", file=sys.stderr, flush=True)
    return out


def _sample(folder: Path, project: Project, files_each: int, seed: int) -> list[tuple[Path, Discovery]]:
    found = [(path, discover(path, project)) for path in python_files(folder)]
    with_candidates = [(p, d) for p, d in found if d.candidates or d.excluded]
    if len(with_candidates) > files_each:
        with_candidates = random.Random(seed).sample(with_candidates, files_each)
    return sorted(with_candidates, key=lambda f: f[0])


def _results(
    repository: str, relative: str, found: Discovery, events: list[dict[str, Any]], outcomes: list[Outcome]
) -> list[Result]:
    models = {e["name"]: e for e in events if e["event"] == "model"}
    skipped = {e["name"]: e["reason"] for e in events if e["event"] == "skip"}
    shown = {name for name, reason in skipped.items() if reason.startswith("shown as part of")}
    covered = {name for e in models.values() if e["status"] == "ok" for name in e.get("covers", ())}
    built = {c.builds for c in found.candidates if c.kind == "factory" and _status(models, c.name) == "ok"}
    out = []
    for candidate in [*found.candidates, *found.excluded]:
        if not _counts(candidate):
            continue
        result = Result(repository, relative, candidate.name, candidate.kind, "failed")
        event = models.get(candidate.name)
        if _status(models, candidate.name) == "ok" and event is not None:
            result.outcome, result.how = "ran", f"{event.get('rung')}; {event.get('construct', {}).get('source')}"
        elif candidate.name in built or candidate.name in covered:
            result.outcome, result.how = "ran", "inside another model of the file"
        elif candidate.excluded is not None:
            result.outcome, result.reason = "excluded", candidate.excluded
        elif candidate.name in shown:
            result.reason = "forward: part of a model whose forward raised"
        elif candidate.name in skipped:
            result.outcome, result.reason = "excluded", skipped[candidate.name]
        else:
            result.reason = _failure(event, events, outcomes)
        out.append(result)
    return out


def _counts(candidate: Candidate) -> bool:
    """What the figure is about: root classes, and factories that need no argument."""
    if candidate.kind == "class":
        return candidate.root
    return candidate.kind == "factory" and not candidate.required


def _status(models: dict[str, Any], name: str) -> str | None:
    return models[name]["status"] if name in models else None


def _failure(event: dict[str, Any] | None, events: list[dict[str, Any]], outcomes: list[Outcome]) -> str:
    if event is not None:
        error = event.get("error") or {}
        stage = "forward" if event.get("construct") else "construct"
        return f"{stage}: {error.get('type')}: {str(error.get('message'))[:200]}"
    failed = next((e["error"] for e in events if e["event"] == "import" and e.get("error")), None)
    if failed is not None:
        return f"import: {failed.get('type')}: {str(failed.get('message'))[:200]}"
    ends = [f"{o.status} {o.detail.strip().rpartition(chr(10))[2]}" for o in outcomes if o.status != "ok"]
    return f"process: {ends[-1]}" if ends else "the worker said nothing about it"


def _executed(events: Iterable[dict[str, Any]], folder: Path) -> Iterable[tuple[str, int]]:
    """Creation lines, inside ``folder``, of the modules in whose forward something ran."""
    for event in events:
        if event["event"] != "model" or not event.get("graph"):
            continue
        graph = Graph.from_plain(event["graph"])
        ran = {op.path for op in graph.ops}
        for module in graph.modules.values():
            if module.path in ran and module.created:
                yield from _inside(module.created[0], folder)


def _inside(span: Span, folder: Path) -> Iterable[tuple[str, int]]:
    path = Path(span.file)
    if path.is_relative_to(folder):
        yield path.relative_to(folder).as_posix(), span.line


# ---- reporting


def table(measured: list[Measured]) -> str:
    """The figures as Markdown: a row a repository and the total."""
    names = ("repository", "files", "models", "forward ran", "zero-argument factories", "root classes", "excluded")
    rows = ["| " + " | ".join([*names, "layer lines", "mapped"]) + " |", "| --- |" + " ---: |" * 8]
    rows += [_row(m.repository, [m]) for m in measured]
    if len(measured) > 1:
        rows.append(_row("**all**", measured))
    return "\n".join(rows) + "\n"


def _row(name: str, group: list[Measured]) -> str:
    def ran(kind: str | None = None) -> str:
        good = sum(m.count("ran", kind) for m in group)
        return _share(good, good + sum(m.count("failed", kind) for m in group))

    models = sum(m.count("ran") + m.count("failed") for m in group)
    excluded = sum(m.count("excluded") for m in group)
    lines, mapped = sum(len(m.lines) for m in group), sum(len(m.mapped) for m in group)
    files = sum(m.files for m in group)
    cells = [name, files, models, ran(), ran("factory"), ran("class"), excluded, lines, _share(mapped, lines)]
    return "| " + " | ".join(map(str, cells)) + " |"


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} ({100 * part / whole:.0f} %)" if whole else "-"


def document(measured: list[Measured], options: argparse.Namespace) -> str:
    """The table, every exclusion and every failure with its reason, as a Markdown page."""
    parts = [
        "# How much of other people's code runs unannotated\n",
        f"Written by `tests/corpus/measure.py` (at most {options.files} files a repository, seed {options.seed}); what"
        " the columns mean is said in [its README](../tests/corpus/README.md).\n",
        table(measured),
        "## Excluded: no models\n",
        _listed(measured, "excluded"),
        "## Did not run\n",
        _listed(measured, "failed"),
    ]
    return "\n".join(parts)


def _listed(measured: list[Measured], outcome: str) -> str:
    found = [r for m in measured for r in m.results if r.outcome == outcome]
    return "".join(f"- {r.repository} `{r.file}` `{r.name}`: {_shown(r.reason)}\n" for r in found)


def _shown(reason: str) -> str:
    """A reason on one line, without the folders of the machine that it was found on."""
    return re.sub(r"(?<![\w.])/(?:[\w.+@-]+/)+", "…/", " ".join(reason.split()))


def failures(measured: list[Measured]) -> str:
    """What did not run, by reason, then the layer lines without an executed layer."""
    failed = [r for m in measured for r in m.results if r.outcome == "failed"]
    reasons = Counter(r.reason.partition("(")[0][:80] for r in failed)
    lines = [f"{n:4}  {reason}" for reason, n in reasons.most_common()]
    lines += ["", *(f"{r.repository}  {r.file}::{r.name} ({r.kind})  {r.reason}" for r in failed), ""]
    for m in measured:
        missed = Counter(f for f, n in m.lines if (f, n) not in m.mapped)
        where = {f: sorted(n for g, n in m.lines if g == f and (g, n) not in m.mapped) for f in missed}
        lines += [f"{m.repository}  {f}  {n} lines not mapped: {where[f][:40]}" for f, n in missed.most_common()]
    return "\n".join(lines) + "\n"


def shortfalls(measured: list[Measured]) -> list[str]:
    """The figures under :data:`REQUIRED`, over all repositories."""
    ran = sum(m.count("ran") for m in measured)
    figures = {
        "forward ran": (ran, ran + sum(m.count("failed") for m in measured)),
        "mapped": (sum(len(m.mapped) for m in measured), sum(len(m.lines) for m in measured)),
    }
    return [f"{name}: {_share(a, b)}" for name, (a, b) in figures.items() if a < REQUIRED * b]


def as_json(measured: list[Measured]) -> str:
    """Everything, for scripts."""
    plain = [
        {
            "repository": m.repository,
            "files": m.files,
            "results": [asdict(r) for r in m.results],
            "layer_lines": len(m.lines),
            "mapped_lines": len(m.mapped),
        }
        for m in measured
    ]
    return json.dumps(plain, indent=1) + "\n"


def _folder(text: str) -> tuple[str, Path]:
    """A checkout's folder, or that of an installed package by its import name."""
    path = Path(text)
    if path.is_dir():
        return path.resolve().name.replace("__", "/"), path.resolve()
    spec = importlib.util.find_spec(text) if text.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{text}: neither a folder nor an installed package")
    return text, Path(next(iter(spec.submodule_search_locations))).resolve()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="+", help="folders of checkouts, or import names of installed packages")
    parser.add_argument("--files", type=int, default=12, help="files a repository, drawn at random (default 12)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path, help="Markdown page: the table, every exclusion and every failure")
    parser.add_argument("--failures", type=Path, help="what did not run and which lines were not reached")
    options = parser.parse_args()
    local = threading.local()
    workers: list[Worker] = []

    def run(request: dict[str, Any], on_event: Any) -> Outcome:
        if not hasattr(local, "worker"):
            local.worker = Worker(Path(sys.executable))
            workers.append(local.worker)
        return local.worker.run(request, on_event)

    folders = [_folder(p) for p in options.paths]
    try:
        with ThreadPoolExecutor(options.jobs) as pool:
            jobs = [pool.submit(measure, n, f, run, options.files, options.seed) for n, f in folders]
            measured = [job.result() for job in jobs]
    finally:
        for worker in workers:
            worker.close()
    print(table(measured))
    if options.table:
        options.table.write_text(document(measured, options))
    if options.json:
        options.json.write_text(as_json(measured))
    if options.failures:
        options.failures.write_text(failures(measured))
    short = shortfalls(measured)
    if short:
        raise SystemExit(f"under the required {REQUIRED:.0%}: {'; '.join(short)}")


if __name__ == "__main__":
    main()
