"""``advisor calibrate``: measure a target's ground truth, train a predictor on it and install that."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from rich import progress as bars
from rich.console import Console
from rich.text import Text

from advisor.cli.errors import CLEAN, UsageError
from advisor.cli.outputs import unwritable
from advisor.config import resolve
from advisor.targets import Target, load

from ..backends import backend_for
from ..learned.shelf import places
from ..measuring import Backend
from ..training.calibration import Calibrated, Tell, calibrate, journal_path, read_measured
from ..training.fit import FitError
from ..training.journal import JournalError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="a name that `advisor targets` lists or a TOML file's path")
    parser.add_argument(
        "--budget", type=duration, default=1200.0, metavar="TIME", help="such as 90s, 20m or 1h; default 20m"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the measurements of earlier runs")
    parser.add_argument(
        "-o", "--output-file", type=Path, metavar="FILE", help="write the predictor there instead of installing it"
    )
    parser.add_argument(
        "--detect-fusion",
        action="store_true",
        help="only find out what runs as one, and compare with the target's rules",
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 130 when interrupted; what was measured is kept."""
    target, backend = chosen(args.target)
    if args.detect_fusion:
        return _fusions(target, backend)
    _need_training()
    _need_place(args.output_file, places(target.name)[0])
    path = journal_path(target)
    console = Console(stderr=True)
    try:
        with _shown(console, args.budget) as tell:
            made = calibrate(target, backend, args.budget, path, tell, args.output_file, args.resume)
    except KeyboardInterrupt:
        kept = len(read_measured(path)) if path.exists() else 0
        print(
            f"advisor: interrupted; {kept} measurements are kept: "
            f"`advisor calibrate {args.target} --resume` goes on from them",
            file=sys.stderr,
        )
        return _INTERRUPTED
    except (FitError, JournalError) as e:
        raise UsageError(str(e)) from e
    except OSError as e:
        raise UsageError(f"{e.filename or path}: {e.strerror or e}; free space or make the folder writable") from e
    _tell(made, target)
    return CLEAN


def chosen(name: str) -> tuple[Target, Backend]:
    """The target and what measures it. Raises :class:`UsageError` where nothing does."""
    config = resolve(Path.cwd())
    target = load(name, config.target_dirs)
    backend = backend_for(target)
    if backend is None:
        raise UsageError(
            f"nothing here can measure '{target.name}': Ethos-U targets need `pip install 'nas-advisor[vela]'`, "
            "a target of your own an [array] table, a GPU's the GPU"
        )
    return target, backend


def duration(text: str) -> float:
    """Seconds of ``90s``, ``20m`` or ``1.5h``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip())
    if found is None or float(found[1]) <= 0:
        raise argparse.ArgumentTypeError(f"expected a time such as 90s, 20m or 1h, got {text!r}")
    return float(found[1]) * _UNITS[found[2]]


def _need_training() -> None:
    if find_spec("sklearn") is None:
        raise UsageError("training needs scikit-learn; install it with `pip install 'nas-advisor[train]'`")


def _need_place(given: Path | None, installed: Path) -> None:
    """Raise :class:`UsageError` where the predictor could not be written in the end, rather than then."""
    if given is not None:
        if wrong := unwritable(given.absolute()):
            raise UsageError(f"-o {given}: {wrong}")
        return
    try:
        installed.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UsageError(f"{installed.parent}: {e.strerror}; name a file with -o, or make the folder writable") from e
    if wrong := unwritable(installed):
        raise UsageError(f"{installed}: {wrong}, or name a file with -o")


class _Left(bars.ProgressColumn):
    """What is left of the budget, by the clock: a fit tells nothing before it is done."""

    def __init__(self, budget_s: float) -> None:
        super().__init__()
        self._budget = budget_s

    def render(self, task: bars.Task) -> Text:
        left = max(0.0, self._budget - (task.elapsed or 0.0))
        return Text(f"{int(left // 60)}:{int(left % 60):02d} left")


@contextmanager
def _shown(console: Console, budget_s: float) -> Iterator[Tell]:
    """Progress with the time that is left; on no terminal a line when the stage changes."""
    if not console.is_terminal:
        stages: list[str] = []

        def note(stage: str, used: float, measured: int, refused: int) -> None:
            if stages[-1:] != [stage]:
                stages.append(stage)
                print(f"{stage}: {measured} measured, {refused} refused", file=sys.stderr, flush=True)

        yield note
        return
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        _Left(budget_s),
        bars.TextColumn("{task.fields[counts]}"),
    )
    with bars.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0, counts="")

        def advance(stage: str, used: float, measured: int, refused: int) -> None:
            counts = f"{measured} measured, {refused} refused"
            bar.update(task, description=stage, completed=min(used, 1.0), counts=counts)

        yield advance


def _tell(made: Calibrated, target: Target) -> None:
    facts = made.predictor.facts
    print(f"{target.name}: {made.measured} graphs measured by {facts['source']}, {made.refused} could not be")
    print(f"trained on {facts['kernels']} kernels of {facts['samples']} graphs, {len(made.predictor.kinds)} kinds")
    print(f"wrote {made.path}")
    print(f"`advisor validate {target.name}` says how good it is on networks it never saw")


def _fusions(target: Target, backend: Backend) -> int:
    from ..training.fusions import compared, detect

    for line in compared(detect(backend, target), target):
        print(line)
    return CLEAN
