"""How source reads a configuration object: which settings, nested how, and what is done with each.

``cfg.model.width``, ``cfg["model"]["width"]`` and ``self.cfg.model.width`` are the setting ``model.width``; a local
name for a part (``m = cfg.model``) stands for that part. Unlike names alone (:mod:`.usage`), paths keep ``cfg.layers``,
a number, apart from ``self.layers``, a list of modules.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from .names import is_settings
from .usage import Usage, noted, source_tree

_OF_VALUES = frozenset(n for kind in (dict, list, str, int, float, tuple) for n in dir(kind))
"""Attributes of plain values: ``cfg.act.lower()`` reads ``act``, not a part of it."""


@lru_cache(maxsize=512)
def setting_usages(function: Callable[..., Any]) -> dict[str, Usage]:
    """Usage of every setting that ``function``'s source (a class's: all of its methods) reads, by dotted path."""
    tree = source_tree(function)
    if tree is None:
        return {}
    plain = _Paths(_aliases(tree)).visit(tree)
    used = noted(plain)
    found: dict[str, Usage] = {}
    for node in ast.walk(plain):
        root, _, path = node.id.partition(".") if isinstance(node, ast.Name) else ("", "", "")
        if isinstance(node, ast.Name) and path and is_settings(root.lower()):
            found[path] = used.get(node.id, Usage())
    return found


def is_branch(path: str, paths: Iterable[str]) -> bool:
    """Whether settings are read below ``path``."""
    return any(p.startswith(f"{path}.") for p in paths)


def _aliases(tree: ast.AST) -> dict[str, str]:
    """Names and ``self.`` attributes that are assigned once, from a parameter or a setting."""
    assigned: dict[str, list[str | None]] = {}
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            name = ".".join(_chain(target))
            if isinstance(node, ast.Assign) and name:
                chain = _chain(node.value)
                assigned.setdefault(name, []).append(
                    ".".join(chain) if chain and is_settings(chain[0].lower()) else None
                )
    return {name: given[0] for name, given in assigned.items() if len(given) == 1 and given[0] is not None}


def _chain(node: ast.AST) -> list[str]:
    """The names of ``a.b["c"].d``; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
        elif isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            parts.append(node.slice.value)
        else:
            return []
        node = node.value
    return [*parts, node.id][::-1] if isinstance(node, ast.Name) else []


class _Paths(ast.NodeTransformer):
    """Every chain of attributes and constant keys as one name, its path."""

    def __init__(self, aliases: dict[str, str]) -> None:
        self.aliases = aliases

    def _named(self, node: ast.expr) -> ast.AST:
        parts = _chain(node)
        if not parts or (len(parts) > 1 and parts[-1] in _OF_VALUES and isinstance(node, ast.Attribute)):
            return self.generic_visit(node)
        for length in (2, 1):
            known = self.aliases.get(".".join(parts[:length]))
            if known is not None and len(parts) >= length:
                parts = [*known.split("."), *parts[length:]]
                break
        return ast.copy_location(ast.Name(".".join(parts), ast.Load()), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self._named(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return self._named(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._named(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        node.value = self.visit(node.value)  # the targets are written, not read
        return node
