"""Runs the audit job on small files in a real worker, as the product does."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.workers import Worker

Event = Mapping[str, Any]


def candidate(name: str, kind: str = "class", **known: Any) -> dict[str, Any]:
    """A CANDIDATE of the request with nothing known but its name."""
    usual = {"line": 1, "end_line": 1, "root": True, "class": None, "required": [], "attempts": [], "inputs": []}
    return {"name": name, "kind": kind, **usual, **known}


def attempt(*args: str, source: str = "call-site", literal: bool = False, **kwargs: str) -> dict[str, Any]:
    """An ATTEMPT of the request: arguments as expressions."""
    shared = {"where": "here.py:1", "callee": None, "setup": [], "inputs": [], "literal": literal}
    return {"source": source, "args": list(args), "kwargs": kwargs, **shared}


def tensor(*shape: int, dtype: str = "float32") -> dict[str, Any]:
    return {"shape": list(shape), "dtype": dtype}


def inputs(*args: Any, source: str = "literal", **kwargs: Any) -> dict[str, Any]:
    """An INPUTS of the request."""
    return {"source": source, "where": "here.py:2", "args": list(args), "kwargs": kwargs}


class Auditor:
    """One warm worker and a project folder for one test."""

    def __init__(self, worker: Worker, root: Path) -> None:
        self.worker = worker
        self.root = root

    def write(self, name: str, source: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
        return path

    def run(self, path: Path, *candidates: dict[str, Any], **request: Any) -> tuple[Event, ...]:
        """All events of one audit; the job itself must not fail."""
        outcome = self.worker.run(self.request(path, *candidates, **request))
        assert outcome.status == "ok", (outcome.status, outcome.detail, outcome.stderr)
        return outcome.events

    def request(self, path: Path, *candidates: dict[str, Any], **request: Any) -> dict[str, Any]:
        """What :meth:`run` asks."""
        return {
            "job": "audit",
            "file": str(path),
            "root": str(self.root),
            "candidates": list(candidates),
            "hints": [],
            "seconds": 20.0,
            "memory_bytes": 4 << 30,
            **request,
        }

    def audit(self, source: str, *candidates: dict[str, Any], **request: Any) -> dict[str, Event]:
        """The model and skip events of one file by candidate name, and the import event as ``import``."""
        events = self.run(self.write("net.py", source), *candidates, **request)
        return {e.get("name", e["event"]): e for e in events}


def start() -> Worker:
    return Worker(Path(sys.executable))
