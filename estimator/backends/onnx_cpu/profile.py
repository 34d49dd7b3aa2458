"""From ONNX Runtime's profile to rows: which nodes ran, how long, and which of the graph's ops each stands for.

The runtime joins, renames and adds nodes. What it runs is read from the model that it optimised: a node's outputs keep
the names of the tensors they are (``t7``), and where layouts change its name keeps one (``t7_nchwc``). A node that is
named after nothing of ours (a transposition for the next one's sake) belongs to its reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from onnx import ModelProto, NodeProto

from advisor.graph import Graph, Op
from advisor.operators import NORMS

_OP = re.compile(r"(?<![A-Za-z0-9])op(\d+)(?![0-9])")
_TENSOR = re.compile(r"(?<![A-Za-z0-9])t(\d+)(?![0-9])")


def runs(text: str) -> list[list[tuple[str, float]]]:
    """Every run of a profile (the runtime's JSON) as its nodes in order, with microseconds."""
    found: list[list[tuple[str, float]]] = []
    current: list[tuple[str, float]] = []
    for event in json.loads(text):
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith("_kernel_time"):
            current.append((name.removesuffix("_kernel_time"), float(event["dur"])))
        elif name == "model_run":
            found.append(current)
            current = []
    return [run for run in found if run]


def homes(graph: Graph, optimised: ModelProto) -> list[tuple[int, ...]]:
    """The ops that each node of the optimised model runs. Nodes that belong together have the same; none may be left.

    An op without a node of its own ran in the node that reads its results, or makes what it reads. A sum or an
    activation whose operand has a node was appended to that one, unless a norm took it in.
    """
    nodes = optimised.graph.node
    owner: dict[int, int] = {}
    for i, node in enumerate(nodes):
        for key in _anchors(graph, node):
            owner.setdefault(key, i)
    joined = _joined(nodes, set(owner.values()))
    owner = {key: joined[i] for key, i in owner.items()}
    running = [op for op in graph.ops if op.key not in graph.constant_ops]
    anchored = dict(owner)
    for op in running:
        if op.key not in owner and op.op in ("elementwise", "activation") and not _normalised(graph, op):
            makers = [anchored[p.key] for t in op.inputs if (p := graph.producer.get(t)) and p.key in anchored]
            owner.update({op.key: max(makers)} if makers else {})
    for op in reversed(running):
        readers = {owner.get(reader.key) for t in op.outputs for reader in graph.consumers.get(t, ())}
        if op.key not in owner and len(readers) == 1 and (reader := readers.pop()) is not None:
            owner[op.key] = reader
    for op in running:
        makers = [owner[p.key] for t in op.inputs if (p := graph.producer.get(t)) and p.key in owner]
        if op.key not in owner and makers:
            owner[op.key] = max(makers)
    members: dict[int, list[int]] = {}
    for op in running:
        if op.key in owner:
            members.setdefault(owner[op.key], []).append(op.key)
    return [tuple(members.get(joined[i], ())) for i in range(len(nodes))]


def _normalised(graph: Graph, op: Op) -> bool:
    """Whether a normalisation reads its result."""
    return any(reader.op in NORMS for t in op.outputs for reader in graph.consumers.get(t, ()))


def _anchors(graph: Graph, node: NodeProto) -> list[int]:
    """The ops that a node is of by its outputs, else by its name."""
    made = [int(t) for name in node.output if (t := name[1:]).isdigit() and name[0] == "t"]
    named = [int(t) for t in _TENSOR.findall(node.name.replace("_", " "))]
    keys = [graph.producer[t].key for t in made or named if t in graph.producer]
    return keys or [int(key) for key in _OP.findall(node.name.replace("_", " "))[:1]]


def _joined(nodes: Sequence[NodeProto], anchored: set[int]) -> list[int]:
    """For each node the anchored one that it belongs to: itself, its first reader, or what it reads."""
    maker = {name: i for i, node in enumerate(nodes) for name in node.output}
    reader: dict[int, int] = {}
    for i, node in enumerate(nodes):
        for name in node.input:
            if name in maker:
                reader.setdefault(maker[name], i)
    joined = list(range(len(nodes)))
    for i in reversed(range(len(nodes))):
        if i not in anchored and i in reader:
            joined[i] = joined[reader[i]]
    for i, node in enumerate(nodes):
        if joined[i] not in anchored:
            joined[i] = max((joined[maker[name]] for name in node.input if name in maker), default=i)
    return joined
