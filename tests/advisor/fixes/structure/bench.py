"""Models as texts, traced in this process, and what renderers make of them."""

from __future__ import annotations

import itertools
import sys
import types
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from advisor.edit import MoveError
from advisor.equivalence import equivalent
from advisor.fixes.edits import apply
from advisor.fixes.proposal import Proposal, Renderer, Scene, Sources
from advisor.graph import Graph, Span
from advisor.live import trace
from advisor.moves import Move
from advisor.numbers import Numbers
from advisor.texts import Texts
from advisor.worker.trace.sites import Observer

FILE = "/project/net.py"
_counter = itertools.count()


def traced(text: str, shape: Sequence[int] = (1, 3, 32, 32)) -> Graph:
    """The graph of ``Net()`` in a text."""
    return watched(text, shape, Observer())[0]


def watched(text: str, shape: Sequence[int], observer: Observer) -> tuple[Graph, torch.nn.Module]:
    """The graph of ``Net()`` in a text with the model, which ``observer`` saw being built."""
    module = types.ModuleType(f"net{next(_counter)}")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(text, FILE, "exec"), module.__dict__)
        with observer, torch.device("meta"):
            model = module.__dict__["Net"]()
        graph, info = trace(model, tuple(shape), observer=observer)
    finally:
        del sys.modules[module.__name__]
    assert (info.status, info.failure) == ("ok", None)
    return graph, model


def scene(text: str, graph: Graph, numbers: Numbers | None = None) -> Scene:
    return Scene(graph, numbers or Numbers(), FILE, Span(FILE, 1, 1, 1, 1), "Net", Sources(Texts({Path(FILE): text})))


def ops(graph: Graph, op: str, **attrs: object) -> list[int]:
    """Keys of the ops of a kind with these attributes."""
    return [o.key for o in graph.ops if o.op == op and all(o.attrs.get(k) == v for k, v in attrs.items())]


def tried(text: str, graph: Graph, proposal: Proposal, shape: Sequence[int]) -> tuple[str, list[str]]:
    """The text with a proposal's edits, and how its graph differs from the predicted one."""
    after = apply(text, proposal.edits)
    try:
        predicted = proposal.move.apply(graph)
    except MoveError as e:
        return after, [str(e)]
    try:
        found = traced(after, shape)
    except Exception as e:  # what an edit broke is a difference too
        return after, [repr(e)]
    return after, equivalent(found, predicted)


def fixed(
    renderer: Renderer,
    text: str,
    moves: Iterable[Move],
    graph: Graph | None = None,
    shape: Sequence[int] = (1, 3, 32, 32),
    numbers: Numbers | None = None,
) -> tuple[str, Move]:
    """The text with the first proposal that does what it says, and its move."""
    graph = graph or traced(text, shape)
    told = []
    for proposal in renderer(scene(text, graph, numbers), list(moves)):
        after, differences = tried(text, graph, proposal, shape)
        if not differences:
            return after, proposal.move
        told.append((after, differences))
    raise AssertionError("\n\n".join(f"{after}\n{differences}" for after, differences in told) or "nothing proposed")
