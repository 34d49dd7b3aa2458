"""How a candidate might be constructed: calls, best first, each with where it was found.

The format of every result is ATTEMPT of :mod:`.request`. Nothing is evaluated here; the worker tries them in turn.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from .alternatives import alternatives
from .candidates import Candidate
from .classes import Classes
from .configs import by_name, config_objects, unset_settings
from .constants import is_literal, parameter_defaults
from .directives import Directive
from .hints import Hints
from .located import places, written
from .outline import CallSite, Function, Outline, dotted
from .project import Project
from .slicing import Sliced, Slicer, Unsliceable

MAX_ATTEMPTS = 12
MAX_PER_SOURCE = 4
MAX_SETTINGS_FILES = 24

Attempt = dict[str, Any]

_WEIGHTS = re.compile(
    r"^(use_)?(pre_?trained\w*|weights\w*|(?!tie|share|class_|loss)\w+_weights|imagenet_pretrained|init_weights_from|progress"
    r"|\w+_pretrained|pretrain|checkpoint\w*|ckpt\w*|load_path|model_path|weight_path|pretrained_path)$"
)
_CONSTRUCTORS = re.compile(
    r"^(from_(?!pretrained)\w+|build\w*|create\w*|make\w*|default|tiny|small|base|get_\w*model\w*)$"
)


@dataclass(slots=True)
class Surroundings:
    """What the attempts of one file are gathered from."""

    project: Project
    outline: Outline
    classes: Classes
    elsewhere: list[Outline]
    """Other files of the project that mention the candidates, nearest first."""
    docstrings: list[Outline] = field(default_factory=list)
    """Console sessions in the docstrings of the file."""
    _hints: dict[int, Hints] = field(default_factory=dict)

    def hints(self, outline: Outline) -> Hints:
        """The reader of a file's hints: one for all candidates, since it keeps what it read."""
        known = self._hints.get(id(outline))  # alive as long as what is kept of it
        if known is None:
            relative = self.project.relative(outline.source.path)
            known = self._hints[id(outline)] = Hints(outline, lambda line: f"{relative}:{line}")
        return known


def attempts(
    candidate: Candidate, around: Surroundings, directive: Directive | None = None, configured: Attempt | None = None
) -> list[Attempt]:
    """The attempts for one candidate, at most :data:`MAX_ATTEMPTS`; an instance needs none."""
    if candidate.kind == "instance":
        return []
    out: list[Attempt] = []
    if directive is not None and (directive.args is not None or directive.kwargs is not None):
        where = f"{around.project.relative(around.outline.source.path)}:{directive.span.line}"
        out.append(told("directive", where, directive.args or (), directive.kwargs or {}))
    if configured is not None:
        out.append(configured)
    if not candidate.required:
        out.append(_default(candidate, around))
    out += _sites(candidate, around)
    if candidate.kind == "class" and candidate.required:
        relative = around.project.relative(around.outline.source.path)
        for callee, args, line in alternatives(around.outline, candidate.name):
            out.append(as_attempt("classmethod", f"{relative}:{line}", Sliced(args), callee))
    if all(a["setup"] for a in out) if candidate.required else _settings_missing(candidate, around, out):
        out += _unwritten(candidate, around)
    return _distinct(out)[:MAX_ATTEMPTS]


def told(source: str, where: str, args: Collection[Any], kwargs: dict[str, Any]) -> Attempt:
    """An attempt from plain values that the user gave; ``source`` is ``directive`` or ``config``."""
    sliced = Sliced([written(a) for a in args], {k: written(v) for k, v in kwargs.items()})
    return as_attempt(source, where, sliced)


def as_attempt(
    source: str, where: str, sliced: Sliced, callee: str | None = None, inputs: list[dict[str, Any]] | None = None
) -> Attempt:
    """What was sliced as an ATTEMPT of the request."""
    known = {
        "args": places(sliced.args),
        "kwargs": dict(zip(sliced.kwargs, places(list(sliced.kwargs.values())), strict=True)),
        "setup": places(sliced.setup),
    }
    return {
        "source": source,
        "where": where,
        "callee": callee,
        "args": sliced.args,
        "kwargs": sliced.kwargs,
        "setup": sliced.setup,
        "literal": sliced.literal and all(map(is_literal, (*sliced.args, *sliced.kwargs.values()))),
        "inputs": inputs or [],
        **({"places": known} if any(site for part in _each(known) for site in part) else {}),
    }


def _each(known: dict[str, Any]) -> list[Any]:
    """The places of each text of an attempt."""
    return [*known["args"], *known["kwargs"].values(), *known["setup"]]


def _signature(candidate: Candidate, around: Surroundings) -> Function | None:
    if candidate.kind == "factory":
        return around.outline.functions[candidate.name]
    return around.classes.method(around.outline.classes[candidate.name], "__init__")


def weights_off(function: Function) -> dict[str, str]:
    """Arguments that keep a constructor from fetching weights: its parameters for weights whose default is not off."""
    out: dict[str, str] = {}
    for name, default in parameter_defaults(function).items():
        if not _WEIGHTS.match(name):
            continue
        if isinstance(default, ast.Constant) and default.value in (None, False, "", 0):
            continue
        truth = isinstance(default, ast.Constant) and default.value is True
        out[name] = "False" if truth else "None"
    return out


def _default(candidate: Candidate, around: Surroundings) -> Attempt:
    function = _signature(candidate, around)
    where = f"{around.project.relative(around.outline.source.path)}:{candidate.line}"
    return as_attempt("default", where, Sliced(kwargs=weights_off(function) if function is not None else {}))


# ---- call sites


@dataclass(slots=True)
class _Call:
    """A call that builds a candidate: ``callee`` where it is not the candidate itself, ``skip`` its leading arguments
    that belong to a wrapper (``partial``), ``source`` where it is not that of the file it stands in."""

    site: CallSite
    callee: str | None = None
    skip: int = 0
    source: str | None = None


def _sites(candidate: Candidate, around: Surroundings) -> list[Attempt]:
    """Calls of the candidate: in its file, in docstrings, in the project's documents, in other files."""
    own = around.outline
    home = own.module.bindings
    settings = around.project.settings()
    own_slicer = Slicer(own, None, around.project.dotted(own.source.path), settings, located=True)
    out = _from_file(candidate, around, own, own_slicer, "call-site")
    for example in around.docstrings:
        out += _from_file(candidate, around, example, Slicer(example, home), "docstring")
    for other in (*around.project.examples(own.source.path), *around.elsewhere):
        document = other.source.path.suffix != ".py"
        if document and not other.imports:
            out += _from_file(candidate, around, other, Slicer(other, home), "readme")
        elif any(around.project.imports_from(other, n, own.source.path) for n in _names(candidate, other)):
            module = "" if document else around.project.dotted(other.source.path)
            slicer = Slicer(other, home, module, settings, located=not document)
            out += _from_file(candidate, around, other, slicer, "readme" if document else "other-file")
    return sorted(out, key=lambda a: (bool(a["setup"]), not a["inputs"]))


def _from_file(
    candidate: Candidate, around: Surroundings, outline: Outline, slicer: Slicer, source: str
) -> list[Attempt]:
    """The attempts that the calls of one file give, at most :data:`MAX_PER_SOURCE`."""
    relative = around.project.relative(outline.source.path)
    hints = around.hints(outline)
    function = _signature(candidate, around)
    needed = set(candidate.required) if function is not None else None
    out: list[Attempt] = []
    for call in _calls_of(candidate, around, outline):
        if len(out) >= MAX_PER_SOURCE:
            break
        if outline is around.outline and _inside(candidate, call.site):
            continue
        try:
            sliced = slicer.arguments(call.site, call.skip, needed if call.callee is None else None)
        except Unsliceable:
            continue
        if candidate.required and call.callee is None and not sliced.args and not sliced.kwargs:
            continue  # `super().__init__(*args, **kwargs)` says nothing
        sliced.kwargs.update(_off(sliced.kwargs))
        if call.callee is None and function is not None:
            sliced.kwargs.update({k: v for k, v in weights_off(function).items() if k not in sliced.kwargs})
        where = f"{relative}:{call.site.node.lineno}"
        out.append(as_attempt(call.source or source, where, sliced, call.callee, hints.of_site(call.site)))
    return out


def _off(kwargs: dict[str, str]) -> dict[str, str]:
    """The weight-like arguments among ``kwargs`` that a call turns on, turned off."""
    on = {k: v for k, v in kwargs.items() if _WEIGHTS.match(k) and v not in ("False", "None")}
    return {k: "False" if v == "True" else "None" for k, v in on.items()}


def _names(candidate: Candidate, outline: Outline) -> list[str]:
    """What the candidate is called in ``outline``: its name, and those that imports give it there."""
    return [candidate.name, *(n for n, i in outline.imports.items() if i.name == candidate.name != n)]


def _calls_of(candidate: Candidate, around: Surroundings, outline: Outline) -> list[_Call]:
    """The calls in ``outline`` that build the candidate, in source order."""
    names = _names(candidate, outline)
    out = [
        _Call(site)
        for name in names
        for site in outline.calls_by_name.get(name, ())
        if not site.callee.startswith(("self.", "super"))
    ]
    for site in outline.calls_by_name.get("partial", ()):
        if site.node.args and dotted(site.node.args[0]) in names:
            out.append(_Call(site, skip=1))
    if candidate.kind == "class":
        out += _classmethod_calls(candidate, around, outline)
        out += _super_calls(candidate, outline)
    return sorted(out, key=lambda c: c.site.node.lineno)


def _classmethod_calls(candidate: Candidate, around: Surroundings, outline: Outline) -> list[_Call]:
    """``Net.from_name("small")``; also ``Net.from_pretrained("small")`` where ``from_name`` builds the same without
    weights."""
    out: list[_Call] = []
    named = around.classes.method(around.outline.classes[candidate.name], "from_name") is not None
    for site in (s for name in _names(candidate, outline) for s in outline.calls_by_owner.get(name, ())):
        method = site.callee.rpartition(".")[2]
        if _CONSTRUCTORS.match(method):
            out.append(_Call(site, f"{candidate.name}.{method}", source="classmethod"))
        elif method == "from_pretrained" and named and len(site.node.args) == 1 and not site.node.keywords:
            out.append(_Call(site, f"{candidate.name}.from_name", source="classmethod"))
    return out


def _super_calls(candidate: Candidate, outline: Outline) -> list[_Call]:
    """``super().__init__(Block, [2, 2])`` in a class that derives from the candidate directly: arguments for it."""
    out: list[_Call] = []
    for scope in outline.constructors_by_base.get(candidate.name, ()):
        for child in ast.walk(scope.node):
            if isinstance(child, ast.Call) and _is_super_init(child.func):
                out.append(_Call(CallSite("super", child, scope), source="subclass"))
    return out


def _is_super_init(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "__init__"
        and isinstance(function.value, ast.Call)
        and dotted(function.value.func) == "super"
    )


def _inside(candidate: Candidate, site: CallSite) -> bool:
    """Whether the call stands in the candidate's own body (a recursion, a classmethod's ``cls``)."""
    owner = site.scope.owner
    return owner is not None and owner.name == candidate.name


# ---- without a call


def _unwritten(candidate: Candidate, around: Surroundings) -> list[Attempt]:
    """Arguments that no call gives: those beside the class in a table, objects with settings, values known by name."""
    function = _signature(candidate, around)
    if function is None:
        return []
    own = around.outline
    relative = around.project.relative(own.source.path)
    out: list[Attempt] = []
    slicer = Slicer(own, None, settings=around.project.settings(), located=True)
    for table in own.tables.get(candidate.name, ()):
        call = ast.copy_location(ast.Call(ast.Name(candidate.name), [], _keywords(table)), table)
        try:
            sliced = slicer.arguments(CallSite(candidate.name, call, own.module))
        except Unsliceable:
            continue
        sliced.kwargs.update(_off(sliced.kwargs))
        out.append(as_attempt("table", f"{relative}:{table.lineno}", sliced))
    where = f"{relative}:{function.lineno}"
    objects = config_objects(candidate, function, around.classes, lambda: _with_imported(around))
    if objects:
        out.append(as_attempt("config-object", where, Sliced(kwargs=objects, literal=False)))
    elif not out and candidate.root and candidate.required:
        named = by_name(candidate.required, [own, *around.project.mentioning(candidate.required, own.source.path)])
        if named:
            out.append(as_attempt("same-name", where, Sliced(kwargs=named)))
    return out


def _settings_missing(candidate: Candidate, around: Surroundings, found: list[Attempt]) -> bool:
    """Whether a parameter for settings defaults to None and no attempt gives it."""
    function = _signature(candidate, around)
    wanted = unset_settings(function) if function is not None else []
    return any(not any(name in a["kwargs"] or a["args"] for a in found) for name in wanted)


def _with_imported(around: Surroundings) -> list[Outline]:
    """The files that mention the candidates, then those that they import: where their settings come from."""
    out = list(around.elsewhere)
    for user in (around.outline, *around.elsewhere):
        for imported in user.imports.values():
            for path in around.project.files_of(user, imported):
                found = around.project.outline(path) if len(out) < MAX_SETTINGS_FILES else None
                if found is not None and found not in out:
                    out.append(found)
    return out


def _keywords(table: ast.Dict) -> list[ast.keyword]:
    pairs = zip(table.keys, table.values, strict=True)
    return [ast.keyword(str(k.value), v) for k, v in pairs if isinstance(k, ast.Constant)]


def _distinct(items: list[Attempt]) -> list[Attempt]:
    seen: dict[str, Attempt] = {}
    for item in items:
        key = repr((item["callee"], item["args"], item["kwargs"], item["setup"]))
        first = seen.setdefault(key, item)
        if first is not item and not first["inputs"]:
            first["inputs"] = item["inputs"]
    return list(seen.values())
