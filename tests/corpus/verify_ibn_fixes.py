"""Long check: whether inverted bottlenecks of public implementations are fused in their source as predicted.

``python -m tests.corpus.verify_ibn_fixes --table docs/verify-ibn-fixes.md [CHECKOUT…]``: of each implementation one
early block is fused, then what the findings for a large accelerator name, then every block. Each edit is made on a
copy, traced again and compared with what the move predicts. Exit code 1 when fewer implementations than required have
one of all three verified, or when an edit came out otherwise than predicted.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from advisor.edit import MoveError
from advisor.fixes.edits import by_file
from advisor.fixes.fixer import Fixer
from advisor.fixes.proposal import Proposal, Scene, Sources, Unfixable
from advisor.fixes.structure.ibn import fuse
from advisor.fixes.structure.ibn_parts import fused_block
from advisor.fixes.verify import Verifier
from advisor.moves import FuseIBN, Move, find_ibn
from advisor.numbers import Numbers
from advisor.plan import Plans
from advisor.report import ModelReport
from advisor.session import Session
from advisor.texts import Texts

TARGET = "ethos-u85-2048"
RULE = "IBN201"
REQUIRED = 10
"""Implementations that have to be verified in full."""
TRIES = 4

LIBRARIES = (
    ("torchvision", "models/mobilenetv2.py", "mobilenet_v2"),
    ("torchvision", "models/mobilenetv3.py", "mobilenet_v3_large"),
    ("torchvision", "models/mnasnet.py", "mnasnet1_0"),
    ("torchvision", "models/efficientnet.py", "efficientnet_b0"),
    ("timm", "models/mobilenetv3.py", "mobilenetv3_large_100"),
    ("timm", "models/efficientnet.py", "mobilenetv2_100"),
    ("timm", "models/efficientnet.py", "mnasnet_100"),
    ("timm", "models/efficientnet.py", "efficientnet_b0"),
    ("pytorchcv", "models/mobilenetv2.py", "mobilenetv2_w1"),
    ("pytorchcv", "models/mobilenetv3.py", "mobilenetv3_large_w1"),
    ("pytorchcv", "models/mnasnet.py", "mnasnet_b1"),
    ("pytorchcv", "models/efficientnet.py", "efficientnet_b0"),
    ("pytorchcv", "models/proxylessnas.py", "proxylessnas_gpu"),
    ("pytorchcv", "models/fbnet.py", "fbnet_cb"),
    ("pytorchcv", "models/spnasnet.py", "spnasnet"),
    ("efficientnet_pytorch", "model.py", "EfficientNet"),
)
"""(package, file, model) of installed libraries."""
_GROUPED = re.compile(r"\bgroups\s*=")
_NAMED = re.compile(r"expan|hidden|invert|bottleneck|mbconv|depthwise", re.IGNORECASE)


@dataclass(frozen=True)
class Trial:
    """One attempt at fusing some blocks. ``said`` is how it was done, or why it was not."""

    ok: bool
    said: str
    defect: bool = False


@dataclass
class Implementation:
    """One model of one file; ``path`` as the page names it."""

    where: str
    model: str
    blocks: int = 0
    kind: str = ""
    early: Trial | None = None
    every: Trial | None = None
    named: list[Trial] = field(default_factory=list)
    why: str = ""

    @property
    def complete(self) -> bool:
        """Whether all that was tried of it is verified, one block and every block among it."""
        tried = [self.early, self.every, *self.named]
        return self.early is not None and all(t is not None and t.ok for t in tried)

    @property
    def trials(self) -> list[Trial]:
        return [t for t in (self.early, *self.named, self.every) if t is not None]


# ---- implementations


def installed() -> Iterator[tuple[Path, str, str]]:
    """(file, model, how the page names the file) of those of :data:`LIBRARIES` that are there."""
    for package, file, model in LIBRARIES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield Path(folder, file), model, f"{package}/{file}"


def files(checkout: Path) -> Iterator[Path]:
    """The files of a checkout that may hold inverted bottlenecks."""
    for path in sorted(checkout.rglob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        if _GROUPED.search(text) and _NAMED.search(text) and "Conv2d" in text:
            yield path


def found(session: Session, checkout: Path) -> Iterator[tuple[Path, ModelReport]]:
    """The models of a checkout with inverted bottlenecks, one for each kind of block that a file builds."""
    seen: set[tuple[Path, str]] = set()
    for path in files(checkout):
        report = session.file(path)
        for model in report.models if report is not None else ():
            kind = block_kind(model)
            if kind and (path, kind) not in seen:
                seen.add((path, kind))
                yield path, model


def fusions(model: ModelReport) -> list[Move]:
    """The moves that fuse each of a model's inverted bottlenecks, in order."""
    if model.graph is None or model.status != "ok":
        return []
    return [FuseIBN(b.expand, b.depthwise) for b in find_ibn(model.graph) if b.depthwise is not None]


def block_kind(model: ModelReport) -> str:
    """The class of the first block that can be fused; empty where there is none."""
    moves = fusions(model)
    if model.graph is None or not moves:
        return ""
    assert isinstance(moves[0], FuseIBN)
    try:
        path = fused_block(model.graph, moves[0]).path
    except Unfixable:  # its layers are functions
        return "functions"
    return model.graph.modules[path].type if path else f"{model.name} itself"


# ---- trials


def tried(session: Session, path: Path, model: ModelReport, moves: Sequence[Move]) -> Trial:
    """Fuse what ``moves`` name, as a fix would."""
    assert model.graph is not None
    sources = Sources(Texts())
    verifier = Verifier(session, path, sources)
    numbers = model.graph.numbers or Numbers()
    scene = Scene(
        model.graph,
        numbers,
        str(path),
        model.span,
        model.name,
        sources,
        model.construct,
        lambda: verifier.scoped(model.name),
    )
    differences: list[str] = []
    try:
        for proposal in fuse(scene, moves):
            try:
                expected = proposal.move.apply(model.graph)
            except MoveError as e:
                return Trial(False, f"the move is impossible: {e}")
            wrong = verifier.differences(model, proposal.edits, expected)
            if not wrong:
                return Trial(True, _way(proposal), bool(differences))
            differences.append(wrong[0])
            if len(differences) == TRIES:
                break
    except Unfixable as e:
        differences = differences or [e.reason]
        return Trial(False, differences[0], differences[0] != e.reason)
    return Trial(False, differences[0], True)


def _way(proposal: Proposal) -> str:
    texts = [e.text for e in proposal.edits]
    if not any(re.search(r"^\s*(class|def) \w+\(", text, re.MULTILINE) for text in texts):
        words = "in place"
    else:
        conditions = [m[1] for t in texts if "\nclass" not in t and (m := re.search(r" if (.+?) else ", t))]
        words = f"where {' and where '.join(f'`{c}`' for c in conditions)}" if conditions else "by another class"
    several = len(by_file(proposal.edits))
    return words + (f", {several} files" if several > 1 else "") + (f" ({proposal.note})" if proposal.note else "")


def named(session: Session, path: Path, model: ModelReport) -> Iterator[Trial]:
    """The fixes of the findings for :data:`TARGET`."""
    fixer = Fixer(session, path, Texts())
    for finding in model.findings:
        if finding.code != RULE:
            continue
        before = len(fixer.defects)
        try:
            fix = fixer.fix(model, finding)
        except Unfixable as e:
            yield Trial(False, e.reason, len(fixer.defects) > before)
        else:
            yield Trial(True, fix.title, len(fixer.defects) > before)


def judged(session: Session, path: Path, where: str, model: ModelReport) -> Implementation:
    """All trials of one model."""
    moves = fusions(model)
    result = Implementation(where, model.name, len(moves), block_kind(model))
    if model.status != "ok":
        result.why = f"not traced: {model.failure.message if model.failure else model.status}"
    elif not moves:
        result.why = "no inverted bottleneck is recognised in its graph"
    else:
        result.early = tried(session, path, model, moves[:1])
        result.named = list(named(session, path, model))
        result.every = tried(session, path, model, moves)
    return result


def verify(checkouts: Sequence[Path], tell: Callable[[str], None]) -> list[Implementation]:
    """The trials of all implementations."""
    results: list[Implementation] = []
    with Session(Plans({"targets": [TARGET], "select": [RULE]})) as session:
        for path, name, where in installed():
            report = session.trace(path, Texts(), [name])
            for model in report.models if report is not None else ():
                session.plans.of(path).advise(model)
                results.append(judged(session, path, where, model))
                tell(row(results[-1]))
        for checkout in checkouts:
            for path, model in found(session, checkout):
                where = f"{checkout.name.replace('__', '/')}/{path.relative_to(checkout)}"
                results.append(judged(session, path, where, model))
                tell(row(results[-1]))
    return results


# ---- the page


def row(one: Implementation) -> str:
    """One line of the table."""

    def cell(trial: Trial | None) -> str:
        return "–" if trial is None else trial.said if trial.ok else "no"

    named = f"{sum(t.ok for t in one.named)} of {len(one.named)}" if one.named else "–"
    cells = (f"`{one.where}`", one.model, one.kind or "–", one.blocks, cell(one.early), named, cell(one.every))
    return f"| {' | '.join(map(str, cells))} |"


def page(results: Sequence[Implementation], seconds: float) -> str:
    """The figures as a page of Markdown."""
    having = [r for r in results if r.blocks]
    complete = [r for r in having if r.complete]
    kinds = {(r.where, r.kind) for r in complete}
    trials = [t for r in having for t in r.trials]
    defects = [(r, t) for r in having for t in r.trials if t.defect]
    failed = [(r, t) for r in having for t in r.trials if not t.ok]
    lines = [
        "# Fused inverted bottlenecks: edited against predicted",
        "",
        f"{len(having)} models with inverted bottlenecks, of public implementations. In each one early block is "
        f"fused, then what the findings (`{RULE}`) for `{TARGET}` name, then every block: in the source, which is "
        "traced again and held against the predicted graph.",
        "",
        f"{sum(t.ok for t in trials)} of {len(trials)} changes have a verified edit; of {len(complete)} models "
        f"({len(kinds)} implementations of blocks; required: {REQUIRED}) all have one. {len(defects)} edits that were "
        "tried first came out otherwise than predicted, and were not offered.",
        "",
        "Written by `python -m tests.corpus.verify_ibn_fixes --table docs/verify-ibn-fixes.md CHECKOUT…`.",
        "",
        "| file | model | block | blocks | one early block | findings | every block |",
        "|---|---|---|---|---|---|---|",
        *(row(r) for r in having),
        "",
    ]
    if failed:
        lines += ["## Without a verified edit", "", *(f"- `{r.where}`, {r.model}: {t.said}" for r, t in failed), ""]
    none = [r for r in results if not r.blocks]
    if none:
        lines += [
            "## Without an inverted bottleneck to fuse",
            "",
            *(f"- `{r.where}`, {r.model}: {r.why}" for r in none),
        ]
        lines.append("")
    lines.append(f"Took {seconds:.0f} s.")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, help="folders of public repositories to look through too")
    parser.add_argument("--table", type=Path, help="write the page there")
    args = parser.parse_args(argv)
    started = time.monotonic()
    results = verify(args.checkouts, lambda line: print(line, flush=True))
    text = page(results, time.monotonic() - started)
    print(text)
    if args.table is not None:
        args.table.write_text(text, encoding="utf-8")
    complete = {(r.where, r.kind) for r in results if r.complete}
    defects = any(t.defect and not t.ok for r in results for t in r.trials)
    return 1 if len(complete) < REQUIRED or defects else 0


if __name__ == "__main__":
    sys.exit(main())
