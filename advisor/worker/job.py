"""The audit job: import one file, construct its candidates, find inputs, trace them, and say so as it happens.

``run(request, emit)`` reads the request of ``advisor/discovery/request.py`` and emits, as soon as each is known::

    {"event": "import", "how", "stubbed", "seconds", "error", "notes"}
    {"event": "begin", "name"}, then of the same name one of
    {"event": "model", "name", "kind", "line", "status": "ok" | "partial" | "failed", "rung", "construct", "input",
     "graph", "error", "covers", "notes"}
    {"event": "skip", "name", "reason"}
    {"event": "reads", "files", "folders", "links", "complete"}
    {"event": "done"}

``construct`` and ``input`` are ``{"source", "where", "shown"}`` or None, ``graph`` the plain form of
``advisor/graph.py`` or None, ``error`` ``{"type", "message", "file", "line"}`` or None
(with ``"told"``, the place of the user's arguments, where those raised it, and ``"traced"`` where it may come of
following numbers, which a request does without that says ``"numbers": false``; ``"spoilt"`` of an event is such an
error of an attempt before the one it tells of), ``covers`` the file's classes
that this model executed, none where its trace is partial. ``reads``: absolute paths of the files, other than
libraries', on which all this depended, and of the folders whose listing decided an import; what does not exist may be
among them; ``links`` are paths that were looked at themselves, with their mode (octal) and where they lead, None for
what is not there; ``complete`` is false where it may have depended on more.
"""

from __future__ import annotations

import re
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from .clock import limit
from .feed.inputs import guesses, required_parameters, search
from .feed.mismatch import mismatch
from .feed.probing import needs_values, probe
from .feed.specs import Guess, number_type, requested
from .load.buffers import unsaved
from .load.cheapweights import seed
from .load.construct import Build, Constructor
from .load.devices import no_accelerator
from .load.downloads import no_downloads
from .load.importing import Imported, import_file
from .load.place import Place
from .load.reads import reading
from .load.stubs import MissingBase
from .load.torchvision_ops import install as mend_torchvision
from .numbers.files import reading_files
from .numbers.loading import following
from .numbers.reading import Reader
from .problems import describe, failure
from .trace.sites import Observer
from .trace.tracer import Trace, trace, trace_ladder, unwrapped
from .warm import rehearse as rehearse_with
from .warm import warm_up

__all__ = ["rehearse", "run", "warm_up"]

Emit = Callable[[dict[str, Any]], object]

_MARGIN = 0.3
"""Seconds kept back from the file's limit, to say what was not reached."""
_LEAST_SHARE = 2.5
_TARGET = re.compile(
    r"targets?|labels?|gt\w*|y_true|ground_?truth|truth|references?|annotations?|\w*_(target|label|gt)s?"
)
TELL = "say how to build and call it in a comment above it: # advisor: args=(…) input=(1, 3, 224, 224)"
"""What a person can do about every failure to construct or run."""


def run(request: dict[str, Any], emit: Emit, kind: Callable[..., Audit] | None = None) -> None:
    """Audit ``request["file"]`` within ``request["seconds"]``; never raises for what user code does. ``kind`` is what
    does it, :class:`Audit` itself where it is None."""
    deadline = time.monotonic() + float(request["seconds"]) - _MARGIN
    warnings.filterwarnings("ignore")
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 3000))
    torch.set_grad_enabled(False)
    seed()
    mend_torchvision()
    file, root = Path(request["file"]), Path(request["root"])
    with (
        unsaved(request.get("buffers", {})),
        reading() as reads,
        Observer(scoped=bool(request.get("scopes"))) as observer,
        no_downloads(),
        no_accelerator(),
        following(owns := _followed(place := Place.of(file, root), request)),
        reading_files(owns, reads.files),
    ):
        imported = import_file(file, root, (deadline - time.monotonic()) * 0.7)
        emit(imported.event())
        if imported.module is not None:
            (kind or Audit)(request, imported, observer, Reader(owns), emit, deadline).run(imported.module)
    emit(reads.event(place))
    emit({"event": "done"})


def _followed(place: Place, request: dict[str, Any]) -> Callable[[str], bool]:
    """Whether the numbers of a source file are followed."""
    return place.owns if request.get("numbers", True) else lambda _: False


def rehearse() -> None:
    """Run once on a file of ours, in a child that waits for its request."""
    rehearse_with(run)


@dataclass
class Attempted:
    """The furthest that one candidate came; ``trace`` is None when no construction succeeded."""

    build: Build | None = None
    guess: Guess | None = None
    trace: Trace | None = None
    error: dict[str, Any] | None = None
    spoilt: dict[str, Any] | None = None
    """The error of an earlier attempt that may come of following numbers."""

    @property
    def worked(self) -> bool:
        return self.trace is not None and self.trace.status == "ok"


@dataclass
class Audit:
    """One request in progress: what was traced so far decides what is left to do."""

    request: dict[str, Any]
    imported: Imported
    observer: Observer
    numbers: Reader
    emit: Emit
    deadline: float
    covered: dict[str, str] = field(default_factory=dict)
    """Class of the file → the candidate whose trace executed it."""

    def run(self, module: ModuleType) -> None:
        """Candidates in the request's order, but blocks last: their parents may show how they are built."""
        constructor = Constructor(module, self.observer.captured, self._allow_stubs)
        hints = [g for i in self.request["hints"] if (g := self._hint(i)) is not None]
        waiting = list(self.request["candidates"])
        ready = [c for c in waiting if c["kind"] != "class" or (c["attempts"] and c["root"])]
        ordered = [*ready, *(c for c in waiting if c not in ready)]
        for index, candidate in enumerate(ordered):
            if candidate["kind"] == "class" and candidate["name"] in self.covered and not _told(candidate):
                self._skip(candidate, f"shown as part of {self.covered[candidate['name']]}")
                continue
            left = self.deadline - time.monotonic()
            if left <= 0:
                self._failed(candidate, failure("OutOfTime", "time limit of the file reached before this one"))
                continue
            weighty = sum(c["root"] or c["kind"] == "factory" for c in ordered[index:])
            share = (
                left if index + 1 == len(ordered) else min(left * 0.6, max(_LEAST_SHARE, 3 * left / max(weighty, 1)))
            )
            self._one(candidate, constructor, hints, share)

    def _allow_stubs(self, error: ImportError) -> bool:
        """Make up a module that is imported only when a model is built; False when that was done before."""
        if self.imported.stubs is not None:
            return False
        self.imported.make_up(Path(self.request["file"]), Path(self.request["root"]))
        self.imported.notes.append(f"missing modules are made up from here on: {error}")
        return True

    @staticmethod
    def _hint(inputs: dict[str, Any]) -> Guess | None:
        """A guess of the file's own, if it is one: torch may lack a type that the file mentions."""
        try:
            return requested(inputs)
        except ValueError:
            return None

    def _one(self, candidate: dict[str, Any], constructor: Constructor, hints: list[Guess], share: float) -> None:
        self.emit({"event": "begin", "name": candidate["name"]})
        best = Attempted()
        spoilt: dict[str, Any] | None = None
        started = time.monotonic()
        try:
            with limit(share):
                for outcome in constructor.builds(candidate):
                    if isinstance(outcome, dict):
                        best.error = best.error or outcome
                        spoilt = spoilt or (outcome if outcome.get("traced") else None)
                        continue
                    spoilt = spoilt or outcome.spoilt
                    reason = why_no_model(outcome.model)
                    if reason:
                        self._skip(candidate, reason)
                        return
                    best.build = best.build or outcome  # whatever running it raises: it was built
                    self.numbers.take(outcome.model)
                    reached = self._run(outcome, candidate, hints, started + share - _MARGIN / 2)
                    if best.trace is None or _further(reached, best):
                        best = reached
                    if best.worked:
                        break
        except BaseException as e:  # SystemExit and KeyboardInterrupt too: in here only the model can have raised it
            best.error = best.error or describe(e)
        reason = why_not_ours(best, getattr(self.imported.module, candidate["name"], None))
        if reason:
            self._skip(candidate, reason)
        else:
            best.spoilt = spoilt
            self._report(candidate, best)

    def _run(self, build: Build, candidate: dict[str, Any], hints: list[Guess], until: float) -> Attempted:
        """``build`` traced with the first input that it takes; else with the first guess, as far as it goes."""
        listed = [*build.inputs, *candidate["inputs"]]
        numbers = number_type(build.model)
        try:
            exact = [requested(i, numbers) for i in listed if i["source"] in ("directive", "config")]
        except ValueError as e:
            return Attempted(build, error=failure("ValueError", f"the input it was told to take: {e}"))
        own = [g for i in build.inputs if (g := self._hint(i)) is not None]
        hints = [*(g for i in candidate["inputs"] if (g := self._hint(i)) is not None), *hints]
        small = bool(re.search("cifar|tiny|mnist", self.request["file"], re.IGNORECASE))
        guessed = guesses(build.model, hints, small, build.widths, own)
        choices = iter(exact) if exact else (g.in_numbers(numbers) for g in guessed)
        first_trace: list[tuple[Guess, Trace]] = []
        heavy: list[tuple[Guess, Trace]] = []
        real: list[Build] = []

        def attempt(guess: Guess) -> BaseException | None:
            if not first_trace:  # most first guesses are right: the trace itself is then the only run
                found = trace(build.model, *guess.make("meta"), "fx-meta", until, self.observer.sites)
                first_trace.append((guess, found))
                if found.status == "ok":
                    return None
            error = probe(build.model, guess, "meta")
            if error is None or not needs_values(error):
                return error
            try:
                real[:] = real or [build.on_cpu()]
                self.numbers.take(real[0].model)
            except Exception as e:  # it can be built on meta only: what it needs values for stays unknown
                return e
            seed()
            if not heavy:  # real tensors are slow: a run that succeeds is the trace
                heavy.append((guess, trace(real[0].model, *guess.make("cpu"), "fx-real", until, self.observer.sites)))
                if heavy[0][1].status == "ok":
                    return None
            return probe(real[0].model, guess, "cpu")

        winner, first, error = search(choices, attempt, adapt=not exact)
        if first_trace and winner is first_trace[0][0] and first_trace[0][1].status == "ok":
            return Attempted(build, winner, first_trace[0][1])
        if heavy and winner is heavy[0][0] and heavy[0][1].status == "ok":
            return Attempted(real[0], winner, heavy[0][1])
        build = real[0] if real else build
        guess = winner or first
        if guess is None:
            return Attempted(build, error=failure("NoInput", f"no input is known for it; {TELL}"))
        seed()
        result = trace_ladder(build.model, guess.make, until, self.observer.sites)
        said = result.error or (describe(error) if error else None)
        layer = mismatch(build.model, error) if error else ""
        if said is not None and layer:
            said = {**said, "message": f"{said['message']}: {layer}"}
        return Attempted(build, guess, result, said)

    def _report(self, candidate: dict[str, Any], best: Attempted) -> None:
        build, trace = best.build, best.trace
        if build is None or trace is None:
            self._failed(
                candidate, best.error or failure("NoModel", f"no constructor arguments are known; {TELL}"), build
            )
            return
        whole = trace.status == "ok"  # a class that a broken run entered may be seen better on its own
        covers = executed_classes(build.model, trace.plain, self.imported) if whole else []
        for name in covers:
            self.covered.setdefault(name, candidate["name"])
        if trace.plain is not None:
            modules = dict(unwrapped(build.model).named_modules())
            numbers = self.numbers.table({p: modules[p] for p, *_ in trace.plain["modules"] if p in modules})
            trace.plain.update({} if numbers is None else {"numbers": numbers})
            for row in trace.plain["modules"] if self.request.get("scopes") else ():
                row += [self.observer.scope(modules[row[0]])] if row[0] in modules else []
        self.emit(
            {
                **_head(candidate),
                "status": trace.status,
                "rung": trace.rung,
                "construct": build.event(),
                "input": best.guess.event() if best.guess else None,
                "graph": trace.plain,
                "error": None if trace.status == "ok" else best.error,
                "covers": covers,
                "notes": list(self.imported.notes),
                **({"spoilt": best.spoilt} if best.spoilt else {}),
            }
        )

    def _failed(self, candidate: dict[str, Any], error: dict[str, Any], build: Build | None = None) -> None:
        self.emit(
            {
                **_head(candidate),
                "status": "failed",
                "rung": "",
                "construct": build.event() if build else None,
                "input": None,
                "graph": None,
                "error": error,
                "covers": [],
                "notes": list(self.imported.notes),
            }
        )

    def _skip(self, candidate: dict[str, Any], reason: str) -> None:
        self.emit({"event": "skip", "name": candidate["name"], "reason": reason})


def _head(candidate: dict[str, Any]) -> dict[str, Any]:
    return {"event": "model", "name": candidate["name"], "kind": candidate["kind"], "line": candidate["line"]}


def _told(candidate: dict[str, Any]) -> bool:
    """Whether the user described this candidate, so that it is shown even where another contains it."""
    return any(a["source"] in ("directive", "config") for a in candidate["attempts"] + candidate["inputs"])


def _further(a: Attempted, b: Attempted) -> bool:
    """Whether ``a`` came further than ``b``."""

    def reach(x: Attempted) -> tuple[bool, int]:
        return x.worked, x.trace.ops if x.trace else 0

    return reach(a) > reach(b)


def why_no_model(model: nn.Module) -> str:
    """Why a module is no network to audit: losses and metrics hold no parameters and compare with a target; else ''."""
    names = [p.name.lower() for p in required_parameters(model)]
    compares = len(names) > 1 and any(_TARGET.fullmatch(n) for n in names[1:])
    if compares and next(model.parameters(), None) is None:
        return f"a loss or metric: its forward compares with a target ({', '.join(names)})"
    return ""


def why_not_ours(reached: Attempted, named: Any) -> str:
    """Why a failure is none of the model's: it is abstract, or derives from what is not installed; else ''."""
    if reached.worked or reached.error is None:
        return ""
    model = reached.build.model if reached.build else None
    kind, message = reached.error["type"], reached.error["message"]
    if kind == "NotImplementedError" and model is not None and (not message or 'required "forward"' in message):
        return "abstract: it leaves its forward to others"
    if isinstance(model, MissingBase) or (isinstance(named, type) and issubclass(named, MissingBase)):
        cls = named if isinstance(named, type) else type(model)
        base = next(c.__name__ for c in cls.__mro__ if MissingBase in c.__bases__)
        return f"it derives from {base}, which is not installed"
    return ""


def executed_classes(model: nn.Module, graph: dict[str, Any] | None, imported: Imported) -> list[str]:
    """Names of the file's own classes of which the trace executed an instance."""
    if graph is None or imported.module is None:
        return []
    paths = {""}
    for op in graph["ops"]:
        parts = op[7].split(".") if op[7] else []
        paths.update(".".join(parts[:i]) for i in range(1, len(parts) + 1))
    here = imported.module.__name__
    return sorted(
        {type(m).__name__ for path, m in model.named_modules() if path in paths and type(m).__module__ == here}
    )
