"""Long check: fixes of widths on real packages and repositories, and what the compiler says of them.

    python -m tests.corpus.verify_fixes [CHECKOUT...] --table docs/verify-fixes.md --figure docs/images/fixes.svg

Copies of packages and checkouts are audited with ``min-gain`` 0; every finding about widths is asked for its fix. Then
files are fixed, audited and fixed again, and of fixes that promise at least 1 % the models before and after are
compiled. A journal keeps what is done, and a run that was stopped goes on there. Exits with 1 when a requirement fails.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from advisor.discovery.listing import python_files
from advisor.discovery.project import Project, root
from advisor.discovery.request import discover
from advisor.findings import Finding
from advisor.fixes.confirm import confirm
from advisor.fixes.edits import MisplacedEdit, cut
from advisor.fixes.engine import Wanted, fix_paths
from advisor.fixes.fixer import Fixer
from advisor.fixes.proposal import Unfixable
from advisor.moves import from_plain
from advisor.plan import Plans
from advisor.report import ModelReport
from advisor.session import Session
from advisor.texts import Texts

from .fix_tables import table

PACKAGES = ("torchvision", "timm", "pytorchcv", "segmentation_models_pytorch", "efficientnet_pytorch")
TARGETS = ("ethos-u85-1024", "ethos-u85-1024-shared", "ethos-u55-128")
"""Each file is audited for one of them."""
FINDINGS = 16
"""Width findings of a file, at most, drawn by chance: some have a thousand."""
SECONDS = 60.0
WORTH = 1.0
"""Percent that a fix promises at least, to be compiled."""


@dataclass(slots=True)
class Asked:
    """One width finding. ``literal``: a number stands at its span. ``defects`` are fixes that did not verify;
    ``gain_percent`` is what the fix promises, ``true_percent`` what the compiler says (None where it was not asked)."""

    file: str
    model: str
    target: str
    code: str
    place: str
    literal: bool
    fixed: bool
    reason: str = ""
    defects: list[str] = field(default_factory=list)
    gain_percent: float | None = None
    true_percent: float | None = None


@dataclass(slots=True)
class Fixed:
    """What became of a file that was fixed: how many fixes, whether a second time changed something, and the findings
    that still carried a fix that was wanted."""

    file: str
    applied: int
    again: int
    left: int
    error: str = ""


class Journal:
    """What was done, a line each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self.entries: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def done(self, kind: str) -> set[str]:
        return {e["file"] for e in self.entries if e["kind"] == kind}

    def add(self, kind: str, file: str, values: Sequence[Any]) -> None:
        entry = {"kind": kind, "file": file, "values": [asdict(v) for v in values]}
        with self._lock:
            self.entries.append(entry)
            with self._path.open("a") as out:
                out.write(json.dumps(entry) + "\n")

    def asked(self) -> list[Asked]:
        return [Asked(**v) for e in self.entries if e["kind"] == "asked" for v in e["values"]]

    def fixed(self) -> list[Fixed]:
        return [Fixed(**v) for e in self.entries if e["kind"] == "fixed" for v in e["values"]]


def copies(into: Path, checkouts: Sequence[Path]) -> list[Path]:
    """Packages and checkouts as somebody's own projects."""
    found = []
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None, name
        found.append((f"package_{name}/{name}", Path(spec.origin).parent))
    found += [(c.name, c) for c in checkouts]
    out = []
    for name, source in found:
        copy = into / name
        if not copy.exists():
            shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", ".git"))
        out.append(copy.parent if name.startswith("package_") else copy)
    return out


def files_of(project: Path, most: int, seed: int) -> list[Path]:
    """Files with models, at most so many, chosen by ``seed``."""
    around = Project(root(project) if (project / "__init__.py").exists() else project)
    with_models = []
    files = sorted(python_files(project))
    models = [f for f in files if "models" in f.parts] or files  # of a library, where its models are
    ordered = random.Random(f"{seed} {project.name}").sample(models, len(models))
    for path in ordered:
        if len(with_models) == most:
            break
        if any(c.root or c.kind == "factory" for c in discover(path, around).candidates):
            with_models.append(path)
    return with_models


def target_of(name: str) -> str:
    """The target that a file is audited for."""
    return random.Random(name).choice(TARGETS)


def is_width(finding: Finding) -> bool:
    move = finding.move or {}
    moves = move.get("moves", [move])
    return bool(moves) and all(m.get("kind") == "set_width" for m in moves)


def ask(path: Path, name: str) -> list[Asked]:
    """The width findings of a file's models, each with its fix or the reason why there is none."""
    out = []
    with Session(Plans({"targets": [target_of(name)], "min_gain": 0.0, "time_limit": SECONDS})) as session:
        report = session.file(path)
        assert report is not None
        fixer = Fixer(session, path, Texts(), models=report.models)
        widths = [(model, finding) for model in report.models for finding in filter(is_width, model.findings)]
        for model, finding in random.Random(name).sample(widths, min(FINDINGS, len(widths))):
            out.append(_asked(fixer, model, finding, name))
    return out


def _asked(fixer: Fixer, model: ModelReport, finding: Finding, name: str) -> Asked:
    span = finding.span
    place = f"{Path(span.file).name}:{span.line}:{span.column}"
    entry = Asked(name, model.name, finding.target or "", finding.code, place, _is_number(finding), False)
    known = len(fixer.defects)
    try:
        fix = fixer.fix(model, finding)
    except Unfixable as e:
        entry.reason = e.reason
    else:
        entry.fixed, entry.gain_percent = True, fix.gain_percent
        if model.graph is not None and (fix.gain_percent or 0.0) >= WORTH and random.Random(repr(entry)).random() < 0.5:
            target = next(t for t in fixer.session.plans.of(Path(model.file)).targets if t.name == finding.target)
            confirmed = confirm(model.graph, from_plain(fix.move).apply(model.graph), target)
            entry.true_percent = confirmed.gain_percent
    entry.defects = [str(d) for d in fixer.defects[known:]]
    return entry


def _is_number(finding: Finding) -> bool:
    try:
        text = cut(Path(finding.span.file).read_text(encoding="utf-8"), finding.span)
    except (OSError, UnicodeDecodeError, MisplacedEdit):
        return False
    return text.replace("_", "").replace(".", "").isalnum() and text[:1].isdigit()


def repair(path: Path, name: str) -> Fixed:
    """Fix a file, and again."""
    settings = {"targets": [target_of(name)], "time_limit": SECONDS}
    try:
        first = fix_paths([path], settings, Wanted(unsafe=True))
        second = fix_paths([path], settings, Wanted(unsafe=True), dry=True)
    except Exception as e:  # of one file, to be listed: the check goes on with the others
        return Fixed(name, 0, 0, 0, f"{type(e).__name__}: {e}")
    return Fixed(
        name,
        sum(len(f.applied) for f in first.files),
        sum(len(f.applied) for f in second.files),
        sum("slower" not in entry.reason for f in second.files for entry in f.left if entry.fix is not None),
    )


def work(journal: Journal, jobs: Sequence[tuple[str, Path]], threads: int) -> None:
    """Do what the journal does not hold yet: ask of all files first, then fix them."""

    def asking(job: tuple[str, Path]) -> None:
        name, path = job
        if name not in journal.done("asked"):
            journal.add("asked", name, ask(path, name))
            print(f"  asked {name}", file=sys.stderr, flush=True)

    def fixing(job: tuple[str, Path]) -> None:
        name, path = job
        if name not in journal.done("fixed"):
            journal.add("fixed", name, [repair(path, name)])
            print(f"  fixed {name}", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(threads) as pool:
        for step in (asking, fixing):
            list(pool.map(step, jobs))


def jobs_of(projects: Sequence[Path], most: int, seed: int) -> Iterator[tuple[str, Path]]:
    for project in projects:
        for path in files_of(project, most, seed):
            yield f"{project.name.removeprefix('package_')}/{path.relative_to(project).as_posix()}", path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkouts", nargs="*", type=Path, metavar="CHECKOUT")
    parser.add_argument("--table", type=Path, metavar="FILE")
    parser.add_argument("--figure", type=Path, metavar="FILE")
    parser.add_argument("--work", type=Path, default=Path("build/fixes"), help="copies and the journal")
    parser.add_argument("--files", type=int, default=8, help="files of each project")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    folder = args.work.resolve()
    journal = Journal(folder / "journal.jsonl")
    projects = copies(folder / "copies", [c.resolve() for c in args.checkouts])
    jobs = list(jobs_of(projects, args.files, args.seed))
    random.Random(args.seed).shuffle(jobs)  # what is there when it is stopped is of all projects
    work(journal, jobs, args.jobs)
    text, failed = table(journal.asked(), journal.fixed(), args.figure)
    if args.table:
        args.table.write_text(text, encoding="utf-8")
    print(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
