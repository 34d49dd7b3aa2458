"""``advisor validate``: a target's predictions against its ground truth, on networks of families never trained on.

They are of two splits, told apart in all that is shown: of ``test`` every error was looked at while the shipped
predictors were made, of ``final`` none.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console

from advisor.cli.errors import CLEAN, UsageError
from advisor.costs import Estimator
from advisor.targets import Target

from .. import plots
from ..learned.model import Learned
from ..learned.shelf import Shelf
from ..measuring import Backend, Measurement
from ..training import pages
from ..training.calibration import Tell, journal_path, measured_once, measured_together
from ..training.journal import Entry, JournalError, read
from ..training.networks import Network, zoo
from ..training.sampling import Sample
from ..training.validation import JUDGED, Validation, assess, moved
from .calibrate import chosen

MANY = {"test": 80, "final": 60}
FEW = {"test": 30, "final": 15}
"""Networks of each split that are measured by a compiler, and on a device, where each run of them takes its time."""
LIGHT = 10_000_000
"""Parameters of the networks that moves are tried on: each is measured some hundred times."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="a name that `advisor targets` lists or a TOML file's path")
    parser.add_argument(
        "--networks",
        type=counted,
        metavar="N",
        help="how many networks of each split; default 80 and 60, on a device 30 and 15",
    )
    parser.add_argument(
        "--moves", type=counted, default=0, metavar="N", help="also compare the gains of N random moves"
    )
    parser.add_argument("--output-dir", type=Path, metavar="DIR", help="write plots (PNG, SVG) and a page (HTML) there")


def run(args: argparse.Namespace) -> int:
    """Prints the table; measures what is not known yet. Needs no torch for targets with a compiler."""
    target, backend = chosen(args.target)
    predictor = Shelf().find(target)
    if predictor is None:
        raise UsageError(f"'{target.name}' has no predictor; `advisor calibrate {args.target}` makes one")
    if args.output_dir is not None:
        with plots.style():
            pass  # raises what to install before an hour of measuring
        try:
            args.output_dir.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise UsageError(f"--output-dir {args.output_dir}: {e.strerror}; choose another place") from e
    console = Console(stderr=True)
    with console.status("") as status:

        def tell(stage: str, used: float, measured: int, refused: int) -> None:
            status.update(f"{stage}: {100 * used:.0f} %, {measured} measured, {refused} refused")

        try:
            made = validation(
                target, backend, Learned(predictor), predictor.basis, args.networks or 0, args.moves, tell
            )
        except JournalError as e:
            raise UsageError(str(e)) from e
    print("\n\n".join(pages.table(split) for split in made))
    if args.output_dir is not None:
        for path in pages.write(made[0], args.output_dir):
            print(f"wrote {path}", file=sys.stderr)
    return CLEAN


def counted(text: str) -> int:
    """A number of one or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number of 1 or more, got {text!r}")
    return int(text)


def validation(
    target: Target,
    backend: Backend,
    estimator: Estimator,
    basis: str,
    networks: int = 0,
    moves: int = 0,
    tell: Tell = lambda *told: None,
) -> list[Validation]:
    """The estimator judged on so many networks of each split (0: as many as the backend makes sensible), and on random
    moves on those of ``test``. Devices measure all networks interleaved in one run.

    Raises ``JournalError``, OSError."""
    alone = bool(getattr(backend, "exclusive", False))
    chosen = [n for split in JUDGED for n in spread_out(zoo(split), networks or (FEW if alone else MANY)[split])]
    samples = [Sample(n.graph, n.family, n.title, True) for n in chosen]
    entries = measured_together(target, backend, samples) if alone else None
    if entries is None:
        entries = measured_once(journal_path(target, "networks"), target, backend, samples, tell)
    known = {entry.sample.name for entry in entries if isinstance(entry.result, Measurement)}
    light = [n for n in chosen if n.split == "test" and n.title in known and stored(n) <= LIGHT]
    found: list[Entry] = []
    if moves and light:
        path = journal_path(target, "moves")
        had = len(list(read(path))) if path.exists() else 0
        drawn = islice(moved(light, random.Random(had)), max(0, moves - had))
        measured_once(path, target, backend, drawn, tell)
        found = list(read(path))
    return assess(entries, found, estimator, target, basis)


def stored(network: Network) -> int:
    """Its parameters."""
    return sum(t.numel for t in network.graph.tensors.values() if t.role == "parameter")


def spread_out(networks: Sequence[Network], count: int) -> list[Network]:
    """``count`` networks over as many families as there are, of each the smallest first."""
    rank: dict[str, int] = {}
    ordered: list[tuple[int, int, str, Network]] = []
    for network in sorted(networks, key=stored):
        rank[network.family] = rank.get(network.family, -1) + 1
        ordered.append((rank[network.family], stored(network), network.title, network))
    return [network for *_, network in sorted(ordered, key=lambda o: o[:3])[:count]]
