"""What is done before there is a file, so that none pays for it.

The zygote warms up once: torch's lazy set-up, most of a second of it. Each child then rehearses while it waits for its
request: forking copies no memory, so what a process touches first costs a page fault each, half as much again as the
job itself takes.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .feed.specs import Guess, Spec
from .load.torchvision_ops import install as mend_torchvision
from .trace.tracer import trace

_CACHE = "TORCHINDUCTOR_CACHE_DIR"
REHEARSAL = Path(__file__).with_name("rehearsal.py")
_SECONDS = 20.0  # far more than it takes


class _Tiny(nn.Module):
    """Reaches what torch sets up on first use: modules, and a reduction and an addition on meta."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        return self.head((x + x).mean((2, 3)))


def warm_up() -> None:
    """Import what a trace imports, then trace a tiny model."""
    _import_compiler()
    mend_torchvision()
    with torch.device("meta"):
        model = _Tiny().eval()
    trace(model, *Guess("", "", (Spec((1, 3, 8, 8)),)).make("meta"))


def rehearse(run: Callable[[dict[str, Any], Callable[[dict[str, Any]], object]], None]) -> None:
    """Have ``run`` audit a copy of ``rehearsal.py`` in the current folder, then leave no trace of that file."""
    folder = Path.cwd() / "advisor_rehearsal"
    try:
        folder.mkdir()
        file = Path(shutil.copy(REHEARSAL, folder))
    except OSError:  # a full disk, say: the request can do without a rehearsal, and costs a few page faults more
        shutil.rmtree(folder, ignore_errors=True)
        return
    path, modules = list(sys.path), set(sys.modules)
    run(rehearsal_request(file), json.dumps)
    sys.path[:] = path
    for name in [name for name in reversed(sys.modules) if name not in modules and name.startswith(file.stem)]:
        del sys.modules[name]
    for entry in (str(folder), str(folder.parent)):
        sys.path_importer_cache.pop(entry, None)
    shutil.rmtree(folder)


def rehearsal_request(file: Path) -> dict[str, Any]:
    """What ``advisor/discovery/request.py`` would write for ``rehearsal.py``, its main class only."""
    attempt = {"source": "default", "where": "", "callee": None, "args": [], "kwargs": {}, "setup": [], "inputs": []}
    attempt["literal"] = True
    candidate = {"name": "Rehearsal", "kind": "class", "line": 1, "root": True, "required": [], "attempts": [attempt]}
    return {
        "file": str(file),
        "root": str(file.parent),
        "seconds": _SECONDS,
        "candidates": [{**candidate, "inputs": []}],
        "hints": [],
    }


def _import_compiler() -> None:
    """Import what the first reduction on meta would. It fails while torch is patched, as it is during a trace, and
    without a cache folder that exists or can be made; the zygote may write nowhere, so it is shown one that exists."""
    kept = os.environ.get(_CACHE)
    os.environ[_CACHE] = str(Path(torch.__file__).parent)
    try:
        importlib.import_module("torch._dynamo")
    finally:
        del os.environ[_CACHE]
        if kept is not None:
            os.environ[_CACHE] = kept
