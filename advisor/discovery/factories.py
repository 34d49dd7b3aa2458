"""Which functions of a file build a model, and of which class."""

from __future__ import annotations

import ast
import re

from .classes import is_torch_module
from .outline import Function, Outline, dotted
from .published import is_published


def builders(outline: Outline, modules: set[str], imported: set[str]) -> dict[str, str | None]:
    """Functions that return a module → the class of the file that they build, where one is named.

    A fixed point: a function returning what another factory returns is one too. Functions that take a built module
    and return it changed (``def freeze(model): … return model``) are none.
    """
    found: dict[str, str | None] = {}
    for _ in range(6):
        before = len(found)
        for name, node in outline.functions.items():
            if name not in found and not name.startswith("test"):
                built = _returned_module(outline, node, modules, imported, found)
                if built is not None:
                    found[name] = built or None
        if len(found) == before:
            break
    return found


def _returned_module(
    outline: Outline, node: Function, modules: set[str], imported: set[str], factories: dict[str, str | None]
) -> str | None:
    """The class that ``node`` returns an instance of: "" when it is one of another file, None when it returns none."""
    assigned: dict[str, ast.expr] = {}
    for child in _own_nodes(node):
        if isinstance(child, ast.Assign | ast.AnnAssign) and child.value is not None:
            target = child.targets[0] if isinstance(child, ast.Assign) else child.target
            if isinstance(target, ast.Name) and not _refers(child.value, target.id):
                assigned.setdefault(target.id, child.value)
    for child in _own_nodes(node):
        if not isinstance(child, ast.Return) or child.value is None:
            continue
        value = child.value
        for _ in range(4):  # model = Net(); net = model; return net.eval()
            if isinstance(value, ast.Name) and value.id in assigned:
                value = assigned[value.id]
            elif (
                isinstance(value, ast.Call)
                and isinstance(value.func, ast.Attribute)
                and value.func.attr in ("to", "cuda", "eval", "train", "cpu", "half", "float", "double")
            ):
                value = value.func.value
            else:
                break
        built = _built(outline, value, modules, imported, factories)
        if built is not None:
            return built
    returns = dotted(node.returns) if node.returns is not None else None
    if returns is not None and (
        returns in modules or outline.qualified(returns) in ("torch.nn.Module", "torch.nn.Sequential")
    ):
        took = {p.arg for p in (*node.args.posonlyargs, *node.args.args) if _annotated_module(outline, p, modules)}
        return None if took else returns if returns in modules else ""
    return None


def _built(
    outline: Outline, value: ast.expr, modules: set[str], imported: set[str], factories: dict[str, str | None]
) -> str | None:
    if isinstance(value, ast.IfExp):
        return _built(outline, value.body, modules, imported, factories)
    if not isinstance(value, ast.Call):
        return None
    callee = dotted(value.func)
    if callee is None:
        return None
    head, _, tail = callee.partition(".")
    if callee in modules or (head in modules and tail.startswith(("from_", "build", "create", "make"))):
        return head
    if callee in factories:
        named = [a.id for a in value.args if isinstance(a, ast.Name) and a.id in modules]
        return factories[callee] or (named[0] if named else "")
    if is_torch_module(outline.qualified(callee)) or callee in imported or is_library_model(outline, callee):
        return ""
    # Helper builders that take the class: _create("resnet18", ResNet, **kwargs), build_model_with_cfg(ResNet, …).
    for argument in value.args:
        if (
            isinstance(argument, ast.Name)
            and argument.id in modules
            and re.match(r"_?(create|build|make|get|load)", callee.rpartition(".")[2])
        ):
            return argument.id
    return None


def is_library_model(outline: Outline, callee: str) -> bool:
    """Whether ``callee`` is what an installed package offers for building a model."""
    if callee.partition(".")[0] not in outline.imports:
        return False
    return is_published(outline.qualified(callee))


def _own_nodes(node: Function) -> list[ast.AST]:
    """Every node of the function but those of functions and classes nested in it."""
    out: list[ast.AST] = []
    stack: list[ast.AST] = list(reversed(node.body))
    while stack:
        current = stack.pop()
        out.append(current)
        if not isinstance(current, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            stack.extend(reversed(list(ast.iter_child_nodes(current))))
    return out


def _refers(node: ast.AST, name: str) -> bool:
    return any(isinstance(c, ast.Name) and c.id == name for c in ast.walk(node))


def _annotated_module(outline: Outline, parameter: ast.arg, modules: set[str]) -> bool:
    name = dotted(parameter.annotation) if parameter.annotation is not None else None
    return name is not None and (name in modules or outline.qualified(name) == "torch.nn.Module")
