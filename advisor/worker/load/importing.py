"""Getting the user's file imported: the ladder from "as its authors meant" down to statement by statement.

Rungs, best first: ``package`` (the dotted name that its ``__init__.py`` files give it), ``namespace`` (dotted from the
project root), ``path`` (on its own, with parents that run no ``__init__``), the same three with missing third-party
modules made up (``stubbed``), and ``sliced``: each top-level statement by itself, those that raise are left out and
reported.
The ``if __name__ == "__main__"`` guard never runs.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import re
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from itertools import takewhile
from pathlib import Path
from typing import Any

from .. import preload
from ..clock import OutOfTime, limit
from ..numbers.loading import code_of, follows
from ..problems import describe, failure
from ..trace.frames import entry
from . import buffers
from .downloads import disarm_libraries
from .patches import replaced
from .place import Place, Way, path_for
from .stubs import StubModule, Stubs, active

_MOST_ATTRIBUTES = 40


@dataclass
class Imported:
    """The outcome: the module, or why there is none. ``notes`` name statements left out by ``sliced``."""

    module: types.ModuleType | None = None
    how: str = ""
    stubs: Stubs | None = None
    seconds: float = 0.0
    error: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    def make_up(self, file: Path, root: Path) -> None:
        """From now on make up what is missing: for imports that only constructors make."""
        place = Place.of(file, root)
        self.stubs = Stubs(place.owns, place.local_names())
        sys.meta_path.append(self.stubs)

    @property
    def stubbed(self) -> list[str]:
        return list(dict.fromkeys(self.stubs.names)) if self.stubs else []

    def event(self) -> dict[str, Any]:
        return {
            "event": "import",
            "how": self.how,
            "stubbed": self.stubbed,
            "seconds": round(self.seconds, 4),
            "error": self.error,
            "notes": self.notes,
        }


def _misled(place: Place) -> frozenset[str]:
    """Libraries imported beforehand that this project would not import: it has its own, or the file has changed."""
    own = place.dotted.split(".")[0]
    origins = preload.origins()
    local = place.local_names() if origins else frozenset()
    changed = [Path(p) for p in buffers.paths()]
    return frozenset(
        top
        for top, origin in origins.items()
        if (top in local and place.hides(top, origin))
        or (
            top == own and not (preload.is_current(top, place.file) and preload.is_followed(top) == follows(place.file))
        )
        or (origin is not None and any(Path(origin).parent in path.parents for path in changed))
    )


def forget(place: Place, last: str) -> None:
    """Drop from ``sys.modules`` what an earlier attempt imported or made up, and a foreign namesake of the package.

    ``last`` is the module imported last before the first attempt. Older ones are not even looked at: that would copy
    the memory they lie in, which this process shares with its zygote.
    """
    misled = _misled(place)
    kept = preload.origins().keys() - misled
    doomed = {
        name
        for name in takewhile(lambda name: name != last, reversed(sys.modules))
        if isinstance(module := sys.modules[name], StubModule)
        or (name.partition(".")[0] not in (*kept, "torch") and place.has(module))
    }
    namesakes = {place.dotted.split(".")[0], *misled} - kept - sys.stdlib_module_names - {"torch"}
    if any(name in sys.modules for name in namesakes):
        doomed.update(name for name in sys.modules if name.partition(".")[0] in namesakes)
    for name in doomed:  # all at once: the path of a namespace package is looked up through its parents
        del sys.modules[name]


def _by_name(name: str, place: Place) -> types.ModuleType:
    module = importlib.import_module(name)
    origin = getattr(module, "__file__", None)
    if origin is None or Path(origin).resolve() != place.file:
        raise ImportError(f"{name} is {origin or 'another module'}, not {place.file.name}")
    return module


def _as_package(place: Place) -> types.ModuleType:
    return _by_name(place.dotted, place)


def _as_namespace(place: Place) -> types.ModuleType:
    first: ImportError | None = None
    for name in place.namespace_names():
        try:
            return _by_name(name, place)
        except ImportError as e:
            first = first or e
    raise first or ImportError("no other dotted name leads to this file")


def _bare_parents(dotted: str, base: Path) -> None:
    """Parents of a module that were not importable, as modules that only know their folder."""
    parts = dotted.split(".")[:-1]
    for i in range(len(parts)):
        name = ".".join(parts[: i + 1])
        if name not in sys.modules:
            parent = types.ModuleType(name)
            parent.__path__ = [str(base.joinpath(*parts[: i + 1]))]
            sys.modules[name] = parent


def _blank(place: Place) -> types.ModuleType:
    """The file's module under its longest dotted name, registered and not executed."""
    longest = next(iter(place.namespace_names()), "")
    name, base = (longest, place.root) if longest.endswith(f".{place.dotted}") else (place.dotted, place.package_parent)
    _bare_parents(name, base)
    if not name or name in sys.modules:
        name = f"file_{place.file.stem}"
    loader = SourceFileLoader(name, str(place.file))  # named, for a notebook's file name tells nothing
    spec = importlib.util.spec_from_file_location(name, place.file, loader=loader)
    if spec is None:
        raise ImportError(f"{place.file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    return module


def _by_path(place: Place) -> types.ModuleType:
    module = _blank(place)
    loader = module.__spec__.loader if module.__spec__ else None
    if loader is None:
        raise ImportError(f"no loader for {place.file.name}")
    loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Rung:
    """One way to import, the ``sys.path`` that goes with it, and what is made up meanwhile."""

    how: str
    attempt: Callable[[Place], types.ModuleType]
    way: Way
    stubs: Stubs | None = None
    left_out: list[dict[str, Any]] = field(default_factory=list)
    """What the statements raised that ``sliced`` does without, each with its line as ``statement``."""


def _missing_attribute(error: ImportError) -> tuple[str, str] | None:
    """(module, attribute) of "cannot import name"."""
    found = re.search(r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'", str(error))
    return (found[2], found[1]) if found else None


@entry
def _patiently(
    attempt: Callable[[Place], types.ModuleType], place: Place, stubs: Stubs | None, last: str
) -> types.ModuleType:
    """``attempt``; with stubs, again for every attribute that an installed module turns out to lack, and every name
    that may come from a star import of a missing one.
    """
    for _ in range(_MOST_ATTRIBUTES):
        try:
            return attempt(place)
        except ImportError as e:
            missing = _missing_attribute(e)
            if stubs is None or missing is None or not stubs.provide(*missing):
                raise
        except NameError as e:
            if stubs is None or not e.name or not stubs.star(e.name):
                raise
        forget(place, last)
    return attempt(place)


def _sliced(place: Place, left_out: list[dict[str, Any]]) -> types.ModuleType:
    """Every top-level statement by itself, without loops, ``with`` blocks and bare calls: the script part."""
    module = _blank(place)
    data, file = buffers.read(place.file), str(place.file)
    tree = ast.parse(data, file)
    text = importlib.util.decode_source(data)
    for statement in tree.body:
        if isinstance(statement, (ast.For, ast.While, ast.With)) or _runs_a_program(statement):
            continue
        code = code_of([statement], text, file)
        try:
            exec(code, module.__dict__)
        except OutOfTime:
            raise
        except BaseException as e:
            left_out.append({**describe(e), "statement": statement.lineno})
    return module


def _runs_a_program(statement: ast.stmt) -> bool:
    """Whether it is a call whose result nobody takes, ``main()``, and none that only says what later ones look up."""
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return False
    called = ast.unparse(statement.value.func)
    return called.rpartition(".")[2] not in ("add_argument", "set_defaults") and not called.startswith("sys.path.")


def _lenient_parse(original: Callable[..., Any]) -> Callable[..., Any]:
    """Command-line parsing at import: nothing is required, and the program is not ended."""

    def parse_args(self: argparse.ArgumentParser, _args: Any = None, namespace: Any = None) -> Any:
        for action in self._actions:
            action.required = False
        return original(self, [], namespace)[0]

    return parse_args


@contextmanager
def _as_main_program(file: Path) -> Iterator[None]:
    """``sys.argv`` of a run without arguments."""
    before = sys.argv
    sys.argv = [str(file)]
    parse = _lenient_parse(argparse.ArgumentParser.parse_known_args)
    try:
        with replaced([(argparse.ArgumentParser, "parse_args", parse)]):
            yield
    finally:
        sys.argv = before


def _rungs(place: Place, is_about_missing: Callable[[frozenset[str]], bool]) -> Iterator[Rung]:
    """The ladder, best first. Optional imports that the file itself guards are made up last of all.

    ``is_about_missing(local)``: whether what failed so far is that a module other than the project's is not installed.
    """
    local = place.local_names()
    whole: tuple[tuple[Way, Callable[[Place], types.ModuleType]], ...]
    whole = (("package", _as_package), ("namespace", _as_namespace))
    if place.is_notebook:
        whole = ()
    for way, attempt in whole:
        yield Rung(way, attempt, way)
    if is_about_missing(local):  # with its parents' __init__ and a stub rather than without either
        for way, attempt in whole:
            yield Rung("stubbed", attempt, way, Stubs(place.owns, local))
    yield Rung("path", _by_path, "path")
    for way, attempt in whole:
        yield Rung("stubbed", attempt, way, Stubs(place.owns, local))
    yield Rung("stubbed", _by_path, "path", Stubs(place.owns, local))
    yield Rung("stubbed", _by_path, "path", Stubs(place.owns, frozenset(), even_guarded=True))
    left_out: list[dict[str, Any]] = []
    everything = Stubs(place.owns, frozenset(), even_guarded=True)
    yield Rung("sliced", lambda p: _sliced(p, left_out), "path", everything, left_out)


def _overdue(seconds: float) -> str:
    return (
        f"its import took over {seconds:.1f} s" if seconds >= 0.05 else "the time limit was used up before its import"
    )


def import_file(file: Path, root: Path, seconds: float) -> Imported:
    """Import ``file`` of the project at ``root`` by the best rung that works within ``seconds``.

    Leaves ``sys.path`` extended and, if modules were made up, their finder in place: constructors import too.
    Never raises for what user code does; a file that is no Python (``SyntaxError``) has no lower rung.
    """
    started = time.monotonic()
    place = Place.of(file, root)
    path, last = list(sys.path), next(reversed(sys.modules))
    errors: list[dict[str, Any]] = []
    missing: list[str] = []

    def is_about_missing(local: frozenset[str]) -> bool:
        return any(name.split(".")[0] not in local for name in missing)

    for rung in _rungs(place, is_about_missing):
        left = seconds - (time.monotonic() - started)
        if left <= 0:
            return Imported(seconds=seconds, error=failure("OutOfTime", _overdue(seconds), str(file)))
        forget(place, last)
        disarm_libraries()
        sys.path[:] = path_for(place, rung.way, path)
        try:
            with limit(left), active(rung.stubs), _as_main_program(place.file):
                module = _patiently(rung.attempt, place, rung.stubs, last)
        except BaseException as e:  # SystemExit and KeyboardInterrupt too: in here only user code can have raised it
            if isinstance(e, OutOfTime):
                error = {**describe(e), "message": _overdue(seconds)}
                return Imported(seconds=seconds, error=error)
            errors.append(describe(e))
            missing += [e.name] if isinstance(e, ModuleNotFoundError) and e.name else []
            if isinstance(e, (SyntaxError, UnicodeDecodeError)) and _is_own_syntax(e, place):
                break
            continue
        if rung.stubs:
            sys.meta_path.append(rung.stubs)
        error = _telling([*rung.left_out, *errors]) if rung.how == "sliced" else None
        notes = [f"line {e['statement']} left out: {e['type']}: {e['message']}" for e in rung.left_out]
        return Imported(module, rung.how, rung.stubs, time.monotonic() - started, error, notes)
    return Imported(seconds=time.monotonic() - started, error=errors[0])


def _telling(errors: list[dict[str, Any]]) -> dict[str, Any]:
    """The error that a person has to mend: missing modules are made up, so what else went wrong weighs more."""
    about_imports = ("ModuleNotFoundError", "ImportError")
    found = next((e for e in errors if e["type"] not in about_imports), errors[0])
    return {key: value for key, value in found.items() if key != "statement"}


def _is_own_syntax(error: SyntaxError | UnicodeDecodeError, place: Place) -> bool:
    """Whether ``error`` is about the file itself rather than one that it imports."""
    return not isinstance(error, SyntaxError) or error.filename == str(place.file)
