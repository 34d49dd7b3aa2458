"""Arguments that nobody writes at a call: configuration objects, dictionaries of settings, and values known by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .candidates import Candidate
from .classes import Classes
from .constants import NotConstant, parameter_defaults
from .located import LocatedConstants, joined, written
from .outline import Function, Outline, dotted

_SETTINGS = frozenset({"config", "cfg", "conf", "args", "opt", "hparams", "params", "configs", "model_cfg", "options"})
_CLASS = re.compile(r"(Config|Cfg|Args|Params|Options|Hparams|HParams)$")


def config_objects(
    candidate: Candidate, function: Function, classes: Classes, others: Callable[[], list[Outline]]
) -> dict[str, str]:
    """Every required parameter, or where none is the one for settings whose default is None, as the expression of an
    object that holds its settings; empty when one has none.

    In turn: its annotation's class, where that builds without arguments; a ``*Config`` class of the file; the
    dictionary that has the keys the constructor reads, here or in ``others``; the command line's defaults.
    """
    parameters = {p.arg: p for p in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)}
    out: dict[str, str] = {}
    for name in candidate.required or unset_settings(function):
        if name not in parameters:
            return {}
        expression = _object(parameters[name], candidate, classes) or _settings(
            name, candidate, function, classes, others
        )
        if expression is None:
            return {}
        out[name] = expression
    return out


def unset_settings(function: Function) -> list[str]:
    """Parameters for settings that have None as their default: ``cfg=None``."""
    defaults = parameter_defaults(function).items()
    return [n for n, d in defaults if n in _SETTINGS and isinstance(d, ast.Constant) and d.value is None]


def _object(parameter: ast.arg, candidate: Candidate, classes: Classes) -> str | None:
    outline = classes.outline
    annotation = dotted(parameter.annotation) if parameter.annotation is not None else None
    if isinstance(parameter.annotation, ast.Constant) and isinstance(parameter.annotation.value, str):
        annotation = parameter.annotation.value
    if annotation is not None:
        definition = outline.classes.get(annotation)
        if definition is not None and not classes.is_module(definition):
            return f"{annotation}()" if not classes.required(definition) else None
        return f"{annotation}()" if definition is None and _CLASS.search(annotation) else None
    if parameter.arg not in _SETTINGS:
        return None
    if candidate.kind == "class" and classes.method(outline.classes[candidate.name], "get_default_config") is not None:
        return f"{candidate.name}.get_default_config()"
    named = [n for n in (*outline.classes, *outline.imports) if _CLASS.search(n) and n[:1].isupper()]
    buildable = [n for n in named if n not in outline.classes or not classes.required(outline.classes[n])]
    scope = outline.classes.get(candidate.name) or outline.functions[candidate.name]
    read = [name for names in _reads(scope, parameter.arg) for name in names]
    buildable = [n for n in buildable if n not in outline.classes or _holds(outline.classes[n], read)]
    return f"{buildable[0]}()" if buildable else None


def _holds(definition: ast.ClassDef, read: list[str]) -> bool:
    """Whether a configuration class without bases sets half of what is read at all; others may inherit the rest."""
    if definition.bases:
        return True
    names = {n.id for n in ast.walk(definition) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names |= {n.attr for n in ast.walk(definition) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    names |= {n.name for n in definition.body if isinstance(n, ast.FunctionDef)}
    return 2 * len(names.intersection(read)) >= len(read) or "__getattr__" in names


# ---- dictionaries and command lines


def _settings(
    name: str, candidate: Candidate, function: Function, classes: Classes, others: Callable[[], list[Outline]]
) -> str | None:
    """A literal dictionary, or a namespace of flags, with what the constructor reads from its parameter ``name``."""
    scope = classes.outline.classes.get(candidate.name, function)
    keys, attributes = _reads(scope, name)
    if keys:
        return _dictionary(keys, [classes.outline, *others()])
    if attributes and name in _SETTINGS:
        known: dict[str, Any] = {}
        for outline in (classes.outline, *others()):
            known = {**LocatedConstants(outline, {}).flags, **known}
        found = {a: known[a] for a in attributes if a in known}
        if len(found) * 2 >= len(attributes):
            given = [part for k, v in found.items() for part in (f"{k}=", written(v), ", ")]
            return joined("__import__(", written("argparse"), ").Namespace(", *given[:-1], ")")
    return None


def _reads(scope: ast.AST, name: str) -> tuple[list[str], list[str]]:
    """Constant keys and attributes that ``scope`` reads from ``name`` or ``self.name``."""
    keys: dict[str, None] = {}
    attributes: dict[str, None] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Subscript) and dotted(node.value) in (name, f"self.{name}"):
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                keys[node.slice.value] = None
        elif isinstance(node, ast.Attribute) and dotted(node.value) in (name, f"self.{name}"):
            attributes[node.attr] = None
    return list(keys), [a for a in attributes if a not in ("get", "items", "keys", "values", "update", "pop", "copy")]


def _dictionary(keys: list[str], outlines: list[Outline]) -> str | None:
    """The literal dictionary of the project that has most of ``keys``; what it lacks comes from the next best."""
    wanted = set(keys)
    found = [d for outline in outlines for d in _dictionaries(outline, wanted)]
    merged: dict[str, Any] = {}
    for values in sorted(found, key=lambda d: -len(wanted & d.keys())):
        merged = {**values, **merged}
        if wanted <= merged.keys():
            break
    return written(merged) if len(wanted & merged.keys()) * 2 >= len(wanted) else None


def _dictionaries(outline: Outline, wanted: set[str]) -> Iterator[dict[str, Any]]:
    constants = LocatedConstants(outline, {})
    for node in outline.source.nodes:
        pairs = _pairs(node)
        if pairs is None or not wanted & pairs.keys():
            continue
        out: dict[str, Any] = {}
        for key, value in pairs.items():
            try:
                out[key] = constants.value(value, outline.module)
            except NotConstant:
                continue  # this key is known only at run time; another dictionary may have it
        yield out


def _pairs(node: ast.AST) -> dict[str, ast.expr] | None:
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {k.value: v for k, v in pairs if isinstance(k, ast.Constant) and isinstance(k.value, str)}
    if isinstance(node, ast.Call) and dotted(node.func) == "dict":
        return {k.arg: k.value for k in node.keywords if k.arg is not None}
    return None


# ---- values by name


def by_name(names: Iterable[str], outlines: list[Outline]) -> dict[str, str]:
    """For each parameter name the first constant that any file gives to that name: an argument, a default, a variable.

    None and False say that something is off, not how large it is: they are passed over.
    """
    wanted = set(names)
    out: dict[str, str] = {}
    for outline in outlines:
        constants = LocatedConstants(outline, {})
        for name, node in _given(outline):
            if name in wanted and name not in out:
                try:
                    value = constants.value(node, outline.module)
                except NotConstant:
                    continue  # given by something that only a run would tell: look further
                if value is not None and value is not False:
                    out[name] = written(value)
    return out


def _given(outline: Outline) -> Iterator[tuple[str, ast.expr]]:
    for site in outline.calls:
        for keyword in site.node.keywords:
            if keyword.arg is not None:
                yield keyword.arg, keyword.value
    for scope in outline.scopes:
        if isinstance(scope.node, ast.FunctionDef):
            yield from parameter_defaults(scope.node).items()
    for name, bindings in outline.module.bindings.items():
        if bindings[-1].kind == "assign" and bindings[-1].value is not None:
            yield name, bindings[-1].value
            yield name.lower(), bindings[-1].value
