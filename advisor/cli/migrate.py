"""``advisor migrate``: a checkpoint carried across a change of the model's source."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CLEAN, UsageError
from .listing import print_table
from .options import overrides
from .outputs import unwritable

if TYPE_CHECKING:
    from ..migration.outcome import Outcome
    from ..migration.running import Migration

_LISTED = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="OLD.pt", help="checkpoint of the old model, as torch.save wrote it")
    parser.add_argument(
        "--from",
        dest="old",
        required=True,
        metavar="REV|FILE[::NAME]",
        help="the model that the checkpoint was trained with: a git revision of the other file, or a Python file",
    )
    parser.add_argument("--to", dest="new", required=True, metavar="FILE[::NAME]", help="the model as it is now")
    parser.add_argument("-o", "--output-file", required=True, metavar="NEW.pt", help="where the new checkpoint goes")
    parser.add_argument("--force", action="store_true", help="replace NEW.pt if it exists")
    parser.add_argument("--python", metavar="FILE", help="interpreter that imports the models")
    parser.add_argument(
        "--time-limit", type=float, metavar="S", help="seconds for tracing one file; ten times that to migrate"
    )
    parser.add_argument("--memory-limit", metavar="SIZE", help='memory for the worker, such as "8 GiB"')


def run(args: argparse.Namespace) -> int:
    from ..migration.running import migrate
    from ..migration.sources import sources

    checkpoint, output = Path(args.checkpoint).absolute(), Path(args.output_file).absolute()
    if not checkpoint.is_file():
        raise UsageError(f"{args.checkpoint}: there is no such file")
    if wrong := unwritable(output):
        raise UsageError(f"-o {args.output_file}: {wrong}")
    if output.exists() and output.samefile(checkpoint):
        raise UsageError(f"-o {args.output_file}: it is the old checkpoint, which stays as it is; name another file")
    if output.exists() and not args.force:
        raise UsageError(f"-o {args.output_file}: it exists; give --force to replace it")
    done = migrate(checkpoint, *sources(args.old, args.new), output, overrides(args))
    for at, outcome in done.outcomes.items():
        if len(done.outcomes) > 1:
            print(f"{at}:")
        _print(outcome)
    for line in _words(done):
        print(line)
    print(f"wrote {args.output_file} ({done.bytes:,} bytes)")
    return CLEAN


def _print(outcome: Outcome) -> None:
    rows = []
    for layer in outcome.changed:
        error = "" if layer.error is None else f"error {100 * layer.error:.2g} % of the spread"
        verdict = "exact" if layer.exact else "; ".join(filter(None, (error, layer.why))) or "not exact"
        rows.append((layer.layer, layer.what, verdict))
    if rows:
        print_table(("layer", "what was done", "function"), rows)
    print(f"{len(outcome.layers) - len(rows)} layers are as they were")
    for name, entries in (
        ("keep the new model's initial values", outcome.kept),
        ("of the old model are not used", outcome.dropped),
    ):
        if entries:
            print(f"{len(entries)} entries {name}: {_listed(entries)}")


def _words(done: Migration) -> list[str]:
    first = next(iter(done.outcomes.values()))
    out: list[str] = []
    if done.extra:
        out.append(f"left out, the old model has no such entries: {_listed(done.extra)}")
    if done.dropped:
        out.append(f"left out, its state is of the old shapes: {_listed(done.dropped)}")
    if done.difference is None:
        out.append(f"outputs were not compared: {done.unchecked}")
    else:
        kept = "the function is kept" if first.exact else "the function changes"
        out.append(
            f"{kept}: largest difference of the outputs for seeded inputs {done.difference:.2g}, "
            f"largest output {done.largest:.2g}"
        )
    return out


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
