"""What an editor waits for, as ratios to yardsticks that are timed in the same run, turn by turn.

``make bench-daemon`` runs them and writes ``docs/daemon-benchmarks.md``, whose head says what is measured. Without
``--daemon-table`` only what needs no torch is tried, once.
"""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import advisor
from advisor.client.address import find, holder
from advisor.daemon.lsp.pace import SHORTEST
from tests.daemon.hubs import home, kill

from .daemon_editor import SECONDS, Document, Editor
from .daemon_figures import Figures, Resident, Row

ADVISOR = str(Path(sys.executable).with_name("advisor"))
NOOP = str(Path(__file__).with_name("daemon_noop.py"))
TARGETS = ("ethos-u85-2048", "npu-64", "cpu-x86", "nvidia-gpu-fp16")
EDITS = 20
STARTS = 30
COLD_STARTS = 5
PAUSE = 1.0
"""Seconds without work, besides what the last edit took: after one second the next edit begins anew."""

HELPER = '\n\ndef describe():\n    return "a network"\n'
"""Code that is in the file and in no model."""
TEXT = Path(__file__).with_name("mobilenet_v2.py").read_text(encoding="utf-8") + HELPER
ROW = next(i for i, line in enumerate(TEXT.split("\n")) if "(6, 96, 3, 1)" in line)
COMMENT = next(i for i, line in enumerate(TEXT.split("\n")) if line == "from torch import nn")
RETURN = next(i for i, line in enumerate(TEXT.split("\n")) if "a network" in line)


@pytest.fixture(scope="module")
def top() -> Iterator[Path]:
    """A folder with a daemon's places and, in ``work``, the workspace."""
    with pytest.MonkeyPatch.context() as patch, home(patch) as folder:
        patch.setenv("OMP_NUM_THREADS", "1")
        (folder / "work").mkdir()
        yield folder


@pytest.fixture(scope="module")
def figures(request: pytest.FixtureRequest) -> Figures:
    """What is measured, also what misses its limit."""
    file = request.config.getoption("--daemon-table")
    if file is None:
        pytest.skip("measured by make bench-daemon")
    return Figures(file, SHORTEST)


@pytest.fixture(scope="module")
def width() -> Callable[[], int]:
    """Widths that were never used before, for the third last stage."""
    return itertools.count(97).__next__


class Bench:
    """The model's file open in an editor of the daemon, traced and at rest."""

    def __init__(self, top: Path, target: str = "npu-64", *, trusted: bool = True, pulls: bool = False) -> None:
        self.path = top / "work" / "network.py"
        self.path.write_text(TEXT, encoding="utf-8")
        settings = {"targets": [target], "python": sys.executable}
        self.editor = Editor([ADVISOR, "lsp"], self.path.parent, settings, trusted=trusted, pulls=pulls)
        self.document = self.editor.open(self.path, TEXT)
        self.answered = pulled if pulls else both
        if trusted:
            self.seconds()
        else:
            self.document.published()

    def seconds(self) -> tuple[float, float]:
        """Since the last edit: to the first diagnostics, and to those of the trace."""
        return self.answered(self.document)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.editor.close()


def both(document: Document) -> tuple[float, float]:
    """Seconds to the first diagnostics that the editor is told, and to those of the trace."""
    first, _ = document.published()
    traced, shown = document.published()
    _confirmed(shown)
    return first, traced


def pulled(document: Document) -> tuple[float, float]:
    """Twice the seconds to the diagnostics of the trace, which the editor asks for."""
    traced, shown = document.pulled()
    _confirmed(shown)
    return traced, traced


def _confirmed(shown: list[dict[str, Any]]) -> None:
    assert not any(d.get("data", {}).get("stale") for d in shown), "that was no trace"


def stage(width: int) -> str:
    """The line of the file that says a stage's width."""
    return f"        (6, {width}, 3, 1),"


def torchinfo_summary(text: str) -> float:
    """Seconds that ``torchinfo.summary`` takes for the model of ``text`` on meta, without building it."""
    import torch
    import torchinfo

    torch.set_num_threads(1)
    names: dict[str, Any] = {"__name__": "network"}
    exec(compile(text, "network.py", "exec"), names)
    with torch.device("meta"):
        model = names["MobileNetV2"]().eval()
    gc.collect()
    started = time.perf_counter()
    torchinfo.summary(model, (1, 3, 224, 224), verbose=0, device="meta")
    return time.perf_counter() - started


def taken(command: list[str]) -> float:
    """Seconds from the start of a program without input to its end."""
    started = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def hub() -> psutil.Process:
    pid = holder(find())
    assert pid is not None
    return psutil.Process(pid)


def runs() -> int:
    """Requests that reached a worker so far."""
    with advisor.connect(start=False) as client:
        lanes = client.status()["lanes"]
    return sum(analyst["run"] for lane in lanes.values() for analyst in lane["analysts"])


def settled() -> None:
    """Wait until no process of the daemon is at work any more."""
    time.sleep(PAUSE)


def check(*rows: Row) -> None:
    missed = [f"{row.what}: {row.figure:.2f} {row.unit}, limit {row.limit:g}" for row in rows if not row.met]
    assert not missed, "; ".join(missed)


# ---- without torch, in the normal suite


def test_an_edit_is_answered_before_anything_runs(top):
    """An editor that does not trust its workspace: what the others wait for works, and no worker is there."""
    with Bench(top, trusted=False) as bench:
        bench.document.edit(ROW, stage(95))
        bench.document.published()
        with Editor([sys.executable, NOOP], top) as noop:
            document = noop.open(bench.path, TEXT)
            assert document.published()[1] == []
            document.edit(ROW, stage(95))
            assert document.published()[1] == []
        assert runs() == 0
        assert all("analyst" in p.cmdline() for p in hub().children(recursive=True)), "an analyst and no worker"


# ---- edits


@pytest.mark.parametrize(("target", "pulls"), [*((target, False) for target in TARGETS), ("npu-64", True)])
def test_edit_to_traced_diagnostics(top, figures, width, target, pulls):
    ours, theirs = [], []
    with Bench(top, target, pulls=pulls) as bench:
        before = runs()
        for _ in range(EDITS + 2):
            settled()
            line = stage(width())
            theirs.append(torchinfo_summary(bench.document.text.replace(stage(96), line)))
            bench.document.edit(ROW, line)
            ours.append(bench.seconds()[1] - SHORTEST)
        assert runs() - before == EDITS + 2, "something was answered from a cache"
    ours, theirs = ours[2:], theirs[2:]
    what = f"edit to traced{' and pulled' if pulls else ''}, {target}"
    check(
        figures.ratio(what, ours, "torchinfo.summary", theirs, 1.0),
        figures.slowest(what, ours, "torchinfo.summary", theirs, 2.0),
    )


def test_edit_to_first_diagnostics(top, figures, width):
    ours, theirs = [], []
    with Bench(top) as bench, Editor([sys.executable, NOOP], top) as noop:
        document = noop.open(bench.path, TEXT)
        document.published()
        for _ in range(EDITS):
            settled()
            line = stage(width())
            document.edit(ROW, line)
            theirs.append(document.published()[0])
            bench.document.edit(ROW, line)
            ours.append(bench.seconds()[0])
    check(figures.more("edit to first", ours, "no-op", theirs, 10.0))


@pytest.mark.parametrize(
    ("place", "where", "text"),
    [
        ("in a comment", COMMENT, "from torch import nn  # {}"),
        ("outside models", RETURN, '    return "a network {}"'),
    ],
)
def test_an_edit_that_no_model_sees(top, figures, place, where, text):
    """It starts nothing, and is there as soon as any other."""
    first, traced, theirs = [], [], []
    with Bench(top) as bench, Editor([sys.executable, NOOP], top) as noop:
        document = noop.open(bench.path, TEXT)
        document.published()
        before = runs()
        for number in range(EDITS):
            settled()
            line = text.format(number)
            document.edit(where, line)
            theirs.append(document.published()[0])
            bench.document.edit(where, line)
            seconds = bench.seconds()
            first.append(seconds[0])
            traced.append(seconds[1] - SHORTEST)
        reached = runs() - before
    row = figures.more(f"edit {place} to first ({reached} of {EDITS} runs)", first, "no-op", theirs, 10.0)
    figures.more(f"edit {place} to confirmed", traced, "no-op", theirs, None)
    assert reached == 0
    check(row)


# ---- memory, while a hub has done all that


def test_resident_memory(top, figures):
    with Bench(top) as bench:
        with advisor.connect() as client:
            client.audit(bench.path, python=sys.executable)
        settled()
        found = [_resident("forwarder", psutil.Process(bench.editor.pid), 25e6), _resident("hub", hub(), 120e6)]
        assert not any("torch" in Path(m.path).name for m in hub().memory_maps())
        found += [_resident(_kind(p), p, None) for p in hub().children(recursive=True)]
    figures.add(*found)
    assert all(process.met for process in found)


def _kind(process: psutil.Process) -> str:
    """What a process below the hub is, by its place below an analyst."""
    line = [process, *process.parents()]
    depth = next(i for i, p in enumerate(line) if "analyst" in p.cmdline())
    if depth == 0:
        return "analyst, back lane" if "--nice" in process.cmdline() else "analyst, front lane"
    return "worker: " + ("keeper of its namespaces", "zygote, with torch", "child, waiting for a request")[depth - 1]


def _resident(name: str, process: psutil.Process, limit: float | None) -> Resident:
    memory = process.memory_full_info()
    return Resident(name, memory.rss, memory.uss, limit)


# ---- starts


def test_forwarder_start(top, figures):
    """From the start of ``advisor lsp`` to its end, with a daemon that runs and an editor that says nothing."""
    ours, theirs = [], []
    with Bench(top, trusted=False):
        for _ in range(STARTS):
            theirs.append(taken([sys.executable, "-c", "pass"]))
            ours.append(taken([ADVISOR, "lsp"]))
    check(figures.ratio("forwarder, start to end", ours, "python -c pass", theirs, 3.0))


def test_cold_start_to_traced_diagnostics(top, figures, width):
    """From the start of ``advisor lsp``, with no daemon, to the trace of a file that was never seen."""
    ours, theirs = [], []
    for _ in range(COLD_STARTS):
        _end_hub()
        theirs.append(taken([sys.executable, "-c", "import torch"]))
        text = TEXT.replace(stage(96), stage(width()))
        path = top / "work" / "network.py"
        path.write_text(text, encoding="utf-8")
        with Editor([ADVISOR, "lsp"], path.parent, {"targets": ["npu-64"], "python": sys.executable}) as editor:
            document = editor.open(path, text)
            ours.append(document.sent + both(document)[1] - editor.launched)
        settled()
    check(figures.more("cold start to traced", ours, "import torch", theirs, 1000))


def _end_hub() -> None:
    """End the daemon, its analysts and its workers."""
    if (pid := holder(find())) is None:
        return
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    kill(find())
    psutil.wait_procs(family, SECONDS)
