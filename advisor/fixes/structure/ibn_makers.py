"""What builds a block: its class, or a function that returns one; and the calls that do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath

import libcst as cst

from ...graph import Graph, Span
from ..proposal import Scene, Unfixable
from .calls import Call, call_at, parsed_file
from .ibn_parts import Block, own_class, parent
from .parsed import Definition, Parsed
from .signatures import of_function


@dataclass(frozen=True, eq=False)
class Maker:
    """``node`` in ``file`` builds blocks and is called ``name``; ``site`` is the call that built this block, which is
    at ``path`` in the model."""

    file: Parsed
    node: Definition
    name: str
    path: str
    site: Span

    @property
    def subject(self) -> str:
        """What the block is called in code that changes it."""
        if isinstance(self.node, cst.ClassDef):
            return "self"
        return "block" if self.name != "block" else "built"

    @cached_property
    def _function(self) -> cst.FunctionDef | None:
        return self.file.method(self.node, "__init__") if isinstance(self.node, cst.ClassDef) else self.node

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of what the maker takes, in order, as far as it says itself."""
        return () if self._function is None else tuple(p.name for p in of_function(self.file, self._function))

    @cached_property
    def asked(self) -> frozenset[str]:
        """The names, parameters among them, on which it depends what the maker puts together: those that its
        conditions ask about, and those that these are computed from."""
        file, function = self.file, self._function
        if function is None:
            return frozenset()
        tests = [n.test for n in (*file.each(cst.If, function), *file.each(cst.IfExp, function))]
        found = set().union(*(_read(file, test) for test in tests))
        for assign in reversed([*file.each(cst.Assign, function)]):
            if any(file.written(t.target) in found for t in assign.targets):
                found |= _read(file, assign.value)
        return frozenset(found)


def _read(file: Parsed, node: cst.CSTNode) -> set[str]:
    """The names that an expression reads, and the attributes as they are written: ``self`` alone says nothing."""
    attributes = {file.written(a) for a in file.each(cst.Attribute, node)}
    return attributes | {name.value for name in file.each(cst.Name, node)} - {"self"}


def makers(scene: Scene, block: Block) -> Iterator[Maker]:
    """What may be given another form to change the block, innermost first. Raises :class:`Unfixable` where nothing
    that builds it is known."""
    graph = scene.graph
    inner = graph.modules[block.ops[0].path].created
    path = block.path
    if not path:
        outer = _common(block)
        found = _function(scene, graph, outer)
        if found is not None:
            yield found
        return
    while path:
        found = _class(scene, graph, path, inner) if own_class(graph, path) else None
        if found is not None:
            yield found
        path = parent(path)


def _common(block: Block) -> str:
    paths = [op.path.split(".") for op in block.ops]
    same: list[str] = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        same.append(parts[0])
    return ".".join(same)


def _class(scene: Scene, graph: Graph, path: str, inner: Sequence[Span]) -> Maker | None:
    """The class of the module at ``path``, in whose constructor the chain ``inner`` of calls began."""
    module = graph.modules[path]
    if not module.created or module.created[0] not in inner:
        return None
    at = inner.index(module.created[0])
    name = module.type.rpartition(".")[2]
    for span in (inner[at - 1], module.created[0]) if at else module.created[:1]:
        file = parsed_file(scene, span.file)
        node = file.definitions.get(name)
        if isinstance(node, cst.ClassDef):
            return Maker(file, node, name, path, module.created[0])
    return None


def _function(scene: Scene, graph: Graph, path: str) -> Maker | None:
    """The function at the top of a file that built and returned the module at ``path``."""
    created = graph.modules[path].created if path in graph.modules else ()
    if len(created) < 2:
        return None
    file = parsed_file(scene, created[0].file)
    node = file.expression(created[0])
    function = None if node is None else file.enclosing(node, cst.FunctionDef)
    if function is None or file.enclosing(function, cst.FunctionDef, cst.ClassDef) is not None:
        return None
    return Maker(file, function, function.name.value, path, created[1])


def class_name(scene: Scene, path: str) -> str:
    """How a person calls the module at ``path``."""
    return scene.graph.modules[path].type.rpartition(".")[2] if path in scene.graph.modules else path


def built_at(graph: Graph, site: Span, maker: Maker) -> list[str]:
    """Paths of all modules that the call at ``site`` built."""
    depth = 0 if isinstance(maker.node, cst.ClassDef) else 1
    found = [m.path for m in graph.modules.values() if len(m.created) > depth and m.created[depth] == site]
    return [p for p in found if not any(p != q and p.startswith(f"{q}.") for q in found)]


def site_call(scene: Scene, site: Span) -> Call:
    """The call at a site that can be edited. Raises :class:`Unfixable`."""
    if not scene.editable(site.file):
        raise Unfixable(f"the block is built in {FilePath(site.file).name}, which belongs to an installed library")
    call = call_at(scene, site)
    if call is None:
        raise Unfixable(f"line {site.line} of {FilePath(site.file).name} builds the block in a way that is not a call")
    return call
