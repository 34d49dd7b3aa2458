"""Models of inverted bottlenecks as texts, fused or split by the renderers and traced again in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from advisor.fixes.proposal import Proposal, Renderer, Scene, Sources
from advisor.fixes.structure.ibn import fuse
from advisor.graph import Graph, Span
from advisor.moves import FuseIBN, Move, UnfuseIBN, find_ibn
from advisor.numbers import Numbers
from advisor.texts import Texts
from advisor.worker.trace.sites import Observer

from .bench import FILE, tried, watched

SHAPE = (1, 3, 32, 32)


def scoped(text: str, shape: Sequence[int] = SHAPE) -> Graph:
    """The graph of ``Net()`` in a text, with what was in scope where its modules were built."""
    observer = Observer(scoped=True)
    graph, model = watched(text, shape, observer)
    scopes = {path: observer.scope(m) for path, m in model.named_modules()}
    modules = {path: replace(m, scope=scopes[path]) for path, m in graph.modules.items()}
    return Graph(graph.ops, graph.tensors, modules, graph.inputs, graph.outputs)


def fusions(graph: Graph) -> list[Move]:
    """The moves that fuse each inverted bottleneck, in order."""
    return [FuseIBN(b.expand, b.depthwise) for b in find_ibn(graph) if b.depthwise is not None]


def splits(graph: Graph) -> list[Move]:
    """The moves that split each fused one, in order."""
    return [UnfuseIBN(b.expand) for b in find_ibn(graph) if b.fused]


Choice = Callable[[list[Move]], Sequence[Move]]


def proposed(
    text: str, choice: Choice, renderer: Renderer = fuse, kinds: Callable[[Graph], list[Move]] = fusions
) -> tuple[Graph, list[Proposal]]:
    """The text's graph, and all that the renderer proposes for the chosen ones of its moves."""
    graph = scoped(text)
    sources = Sources(Texts({Path(FILE): text}))
    scene = Scene(graph, Numbers(), FILE, Span(FILE, 1, 1, 1, 1), "Net", sources, scoped=lambda: graph)
    return graph, list(renderer(scene, list(choice(kinds(graph)))))


def edited(
    text: str, choice: Choice, renderer: Renderer = fuse, kinds: Callable[[Graph], list[Move]] = fusions
) -> tuple[str, Move]:
    """The text with the first proposal's edits, which must do what they say, and its move."""
    graph, proposals = proposed(text, choice, renderer, kinds)
    after, differences = tried(text, graph, proposals[0], SHAPE)
    assert not differences, f"{after}\n{differences}"
    return after, proposals[0].move


def everything(moves: list[Move]) -> list[Move]:
    return moves


def first(moves: list[Move]) -> list[Move]:
    return moves[:1]
