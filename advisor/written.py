"""Where a live model is written: for modules whose construction nobody watched, read off the constructors' bytecode.

``self.conv = nn.Conv2d(…)`` compiles to the call, then a store to attribute ``conv``; the instruction that left the
stored value carries the source range of the expression (PEP 657, Python 3.11; before that, its line). Nothing is
parsed, so this costs next to nothing. A child of a container stands where the container was written.
"""

from __future__ import annotations

import dis
import linecache
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .graph import Graph, Module, Span

if TYPE_CHECKING:
    from torch import nn


def definition(module: nn.Module) -> Span | None:
    """The first line of the module's constructor; None for classes without Python source (as in a REPL)."""
    code = _constructor(type(module))
    if code is None or not linecache.getline(code.co_filename, code.co_firstlineno):
        return None
    return Span(code.co_filename, code.co_firstlineno, 1, code.co_firstlineno, 1)


def with_creation_sites(graph: Graph, model: nn.Module) -> Graph:
    """``graph`` with :attr:`Module.created` filled in where it is empty and the class of the parent tells."""
    written: dict[type, dict[str, Span]] = {}
    chains: dict[str, tuple[Span, ...]] = {"": ()}
    for path, module in model.named_modules():
        for name, _ in module.named_children():
            if type(module) not in written:
                written[type(module)] = dict(_stores(type(module)))
            own = written[type(module)].get(name)
            chain = chains.get(path, ())
            chains.setdefault(f"{path}.{name}" if path else name, chain if own is None else (own, *chain))
    modules: dict[str, Module] = {
        path: m if m.created else replace(m, created=chains.get(path, ())) for path, m in graph.modules.items()
    }
    return Graph(graph.ops, graph.tensors, modules, graph.inputs, graph.outputs)


def _constructor(kind: type) -> Any:
    """The code of the class's ``__init__`` where that is the user's: torch's own classes build nothing for users."""
    code = getattr(kind.__init__, "__code__", None)
    return None if code is None or kind.__module__.partition(".")[0] == "torch" else code


def _stores(kind: type) -> Iterator[tuple[str, Span]]:
    """``self.name = expression`` in the constructors of ``kind`` and its bases: the name and the expression."""
    for base in reversed(kind.__mro__):
        code = _constructor(base) if "__init__" in vars(base) else None
        if code is None:
            continue
        before: list[dis.Instruction] = []
        for instruction in dis.get_instructions(code):
            if instruction.opname == "STORE_ATTR" and len(before) >= 2:
                value = before[-2]  # before[-1] loads self
                span = _span(code.co_filename, value)
                if span is not None:
                    yield str(instruction.argval), span
            if instruction.opname != "CACHE":
                before = [*before[-1:], instruction]


def _span(file: str, instruction: dis.Instruction) -> Span | None:
    if sys.version_info < (3, 11):
        line = instruction.starts_line
        return None if line is None else Span(file, line, 1, line, 1)
    p = instruction.positions
    if p is None or p.lineno is None or p.end_lineno is None or p.col_offset is None or p.end_col_offset is None:
        return None
    return Span(
        file,
        p.lineno,
        _column(file, p.lineno, p.col_offset),
        p.end_lineno,
        _column(file, p.end_lineno, p.end_col_offset),
    )


def _column(file: str, line: int, byte: int) -> int:
    """The 1-based column in code points of a UTF-8 offset."""
    text = linecache.getline(file, line)
    return byte + 1 if text.isascii() else len(text.encode()[:byte].decode(errors="replace")) + 1
