"""What in a file may be a model: module classes, factories and module-level instances, read without executing it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..graph import Span
from .classes import LOSS, Classes, Lookup, is_imported_module
from .constants import parameter_names, required_parameters
from .factories import builders, is_library_model
from .outline import Function, Outline, dotted


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that may be a model.

    ``kind``: class, factory or instance. ``builds`` is the class of this file that it is or returns, where known.
    ``root``: no class of this file uses it, and no other class derives from it. ``required``: parameters without
    default. ``excluded`` says why it is no model although it looks like one (a loss, an abstract base …), None
    otherwise.
    """

    name: str
    kind: str
    span: Span
    line: int
    end_line: int
    root: bool
    required: tuple[str, ...] = ()
    builds: str | None = None
    excluded: str | None = None
    forward: tuple[str, ...] = ()


def candidates(outline: Outline, lookup: Lookup | None = None) -> list[Candidate]:
    """Every candidate of a file in source order: classes, factories, instances."""
    classes = Classes(outline, lookup)
    modules = {name: node for name, node in outline.classes.items() if classes.is_module(node)}
    imported = {n for n, i in outline.imports.items() if is_imported_module(outline, n, i, lookup)}
    built = builders(outline, set(modules), imported)
    instances = _instances(outline, set(modules), imported, built)
    out = [_class(outline, classes, node) for node in modules.values()]
    out += [_factory(outline, outline.functions[name], builds) for name, builds in built.items()]
    out += instances
    return sorted(out, key=lambda c: (c.line, c.name))


def _class(outline: Outline, classes: Classes, node: ast.ClassDef) -> Candidate:
    users = outline.mentions.get(node.name, set()) - {node.name}
    forward = classes.method(node, "forward")
    return Candidate(
        name=node.name,
        kind="class",
        span=outline.source.definition(node),
        line=_first_line(node),
        end_line=node.end_lineno or node.lineno,
        root=not users,
        required=classes.required(node),
        builds=node.name,
        excluded=classes.exclusion(node),
        forward=tuple(n for n in parameter_names(forward) if n != "self") if forward is not None else (),
    )


def _factory(outline: Outline, node: Function, builds: str | None) -> Candidate:
    return Candidate(
        name=node.name,
        kind="factory",
        span=outline.source.definition(node),
        line=_first_line(node),
        end_line=node.end_lineno or node.lineno,
        root=not (outline.mentions.get(node.name, set())),
        required=tuple(required_parameters(node, method=False)),
        builds=builds,
        excluded=_factory_exclusion(node, builds),
    )


def _factory_exclusion(node: Function, builds: str | None) -> str | None:
    if LOSS.search(node.name) or (builds is not None and LOSS.search(builds)):
        return "builds a loss function"
    return None


def _first_line(node: ast.ClassDef | Function) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def _instances(
    outline: Outline, modules: set[str], imported: set[str], factories: dict[str, str | None]
) -> list[Candidate]:
    """Module-level ``name = Net(...)``, outside the main guard (importing the file builds it)."""
    out = []
    for name, bindings in outline.module.bindings.items():
        last = bindings[-1]
        if last.kind != "assign" or not isinstance(last.value, ast.Call):
            continue
        callee = dotted(last.value.func)
        if callee is None:
            continue
        full = outline.qualified(callee)
        is_network = full == "torch.nn.Sequential" or is_library_model(outline, callee)
        if not (callee in modules or callee in imported or callee in factories or is_network):
            continue
        span = outline.source.span(last.statement)
        out.append(
            Candidate(
                name=name,
                kind="instance",
                span=Span(span.file, span.line, span.column, span.line, span.column + len(name)),
                line=span.line,
                end_line=span.end_line,
                root=not (outline.mentions.get(name, set())),
                builds=callee if callee in modules else factories.get(callee),
            )
        )
    return out
