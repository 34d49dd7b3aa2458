"""``advisor fix``: apply verified fixes to files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CLEAN, FINDINGS, UsageError
from .options import add_engine_options, codes, overrides
from .progress import progress

if TYPE_CHECKING:
    from ..findings import Finding
    from ..fixes.fix import Fix
    from ..fixes.outcome import FixReport
    from ..reports.fixes import Confirmations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="Python file, or folder to search for them")
    add_engine_options(parser)
    parser.add_argument("--select", type=codes, metavar="CODES", help="codes or prefixes to fix, comma-separated")
    parser.add_argument("--ignore", type=codes, metavar="CODES", help="codes or prefixes not to fix")
    parser.add_argument("--min-gain", type=float, metavar="PERCENT", help="smallest saving worth a fix")
    parser.add_argument("--unsafe-fixes", action="store_true", help="also those after which the model must be trained")
    parser.add_argument(
        "--max-latency-change",
        type=float,
        metavar="PERCENT",
        help="apply a fix only if no target gets slower by more than this; −5: if each gets 5 %% faster (default 0.5)",
    )
    parser.add_argument("--diff", action="store_true", help="print what would change and write nothing")
    parser.add_argument("--interactive", action="store_true", help="show each fix and ask")
    parser.add_argument(
        "--confirm", action="store_true", help="ask the targets' ground truth what was saved (Vela, this CPU …)"
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when findings with a fix are left, or with ``--diff`` when there is something to change."""
    from ..fixes.engine import SAME, Wanted, always, fix_paths

    if args.interactive and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("--interactive asks on a terminal, and this is none; leave it out or use --diff")
    slower = SAME if args.max_latency_change is None else args.max_latency_change
    agreed = _Asked() if args.interactive else always
    wanted = Wanted(args.unsafe_fixes, slower, uncertain=args.interactive, agreed=agreed)
    paths, settings = [Path(p) for p in args.paths], overrides(args)
    if args.interactive:
        report = fix_paths(paths, settings, wanted, dry=args.diff)
    else:
        with progress("fixing") as advance:
            report = fix_paths(paths, settings, wanted, dry=args.diff, progress=advance)
    if not report.files:
        print("advisor: nothing was fixed: no Python file under these paths that is not excluded", file=sys.stderr)
    confirmed = _confirmed(report, overrides(args)) if args.confirm else {}
    if args.diff:
        _diff(report)
    _print(report, confirmed, args.diff)
    if args.diff:
        return FINDINGS if report.changes else CLEAN
    return FINDINGS if any(entry.fix is not None for f in report.files for entry in f.left) else CLEAN


def _diff(report: FixReport) -> None:
    from ..reports import fixes as rendering

    here = Path.cwd()
    folder = rendering.folder_of(report, here)
    sys.stdout.flush()
    sys.stdout.buffer.write(rendering.diff(report, folder))
    sys.stdout.flush()
    if folder != here:
        print(f"advisor: the paths in the diff start at {folder}; apply it there", file=sys.stderr)


def _print(report: FixReport, confirmed: Confirmations, dry: bool) -> None:
    """The summary; beside a diff on standard error, so that the diff can be piped."""
    from rich.console import Console

    from ..reports import console as plain_console
    from ..reports import fixes as rendering

    stream = sys.stderr if dry else sys.stdout
    if stream.isatty():
        rendering.write(report, confirmed, Console(file=stream), dry=dry)
    else:
        text = plain_console.plain(lambda c: rendering.write(report, confirmed, c, dry=dry), plain_console.WIDTH)
        stream.write(text)


def _confirmed(report: FixReport, settings: Mapping[str, object]) -> Confirmations:
    """What the ground truth says of every model that changed."""
    from ..fixes.confirm import confirm
    from ..fixes.outcome import graphs
    from ..plan import Plans

    plans = Plans(settings)
    return {
        (file.file, outcome.after.name): [
            confirm(*pair, target) for target in plans.of(Path(file.file)).targets if target.name in outcome.after.costs
        ]
        for file in report.files
        for outcome in file.outcomes
        if (pair := graphs(outcome)) is not None
    }


class _Asked:
    """Asks on the terminal: yes, no, all from here on, or none."""

    def __init__(self) -> None:
        self._rest: bool | None = None

    def __call__(self, finding: Finding, fix: Fix, texts: Mapping[str, str]) -> bool:
        from ..fixes.edits import apply, by_file
        from ..reports.fixes import of_texts

        if self._rest is not None:
            return self._rest
        for file, edits in by_file(fix.edits).items():
            sys.stderr.write(of_texts(Path(file).name, texts[file], apply(texts[file], edits)))
        where = f"{Path(finding.span.file).name}:{finding.span.line}"
        while True:
            sys.stderr.write(f"{where} {finding.code} {fix.title} ({fix.applicability}) [y]es, [n]o, [a]ll, [q]uit: ")
            sys.stderr.flush()
            answer = sys.stdin.readline().strip().lower()[:1] or "q"
            if answer in "aq":
                self._rest = answer == "a"
            if answer in "aqyn":
                return answer in "ay"
