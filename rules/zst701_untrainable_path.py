from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from advisor.graph import Graph, Op
from advisor.moves.chain import in_channels, is_pointwise, next_op, out_channels
from advisor.operators import LINEAR
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule

from . import atinit
from .gradients import unreached

NARROW = 2
"""Channels of a bottleneck that is reported."""
WIDE = 16
"""Channels on both of its sides."""
_CLIPS = frozenset({"relu", "relu6", "sigmoid", "hardsigmoid", "softplus"})
"""Activations whose outputs are never negative."""


class UntrainablePath(Rule):
    """
    ## What it does
    Finds layers that training can hardly change, or that change nothing: a branch that no gradient reaches (detached,
    multiplied by zero, never read), two dense layers in a row without a nonlinearity, one or two channels through
    which the whole network passes, a sigmoid or softmax that only gets numbers from a ReLU or from another one. Where
    the network was scored at its initialisation (`--zero-shot`), also what was measured there: a gradient of zero, a
    signal that all inputs share, signals and gradients that vanish or explode with depth, features that collapse.

    ## Why is this bad?
    What no gradient reaches stays as it was initialised, and costs its latency all the same. Without a nonlinearity two
    layers represent no more than one. What the network cannot pass through a single channel, no later layer can bring
    back. When signals vanish with depth, the first layers learn slowly or not at all.

    ## Example
    ```python
    for conv in self.convs:  # 20 convolutions of the default initialisation: each halves the signal
        x = conv(x).relu()
    ```

    ## Use instead
    ```python
    for conv, norm in zip(self.convs, self.norms):
        x = norm(conv(x)).relu()  # or x = x + conv(x).relu(), or an initialisation that fits the activation
    ```

    ## Fix safety
    No fix is offered: what was meant is not in the code. A deliberate bottleneck (the code of an autoencoder) or a
    branch that is trained elsewhere is silenced with a comment.
    """

    code = "ZST701"
    name = "untrainable-path"
    summary = "A layer that training can hardly change: dead, vanishing, linear twice, or squeezed into a channel."
    any_target = True
    reads_facts = True
    yields_to = ("OPS504",)

    evidence = (
        Evidence(
            target="any",
            dtype="floating point",
            shapes="any",
            effect="a derivative of zero on every way to the output: exact, from the graph",
            sample="algebra",
            source="the chain rule",
        ),
        Evidence(
            target="any",
            dtype="floating point",
            shapes="plain networks without normalisation or residual connections",
            effect="with weights that shrink the signal, gradients of the first layers vanish exponentially with depth",
            sample="networks of 1 to 5 hidden layers",
            source="Glorot & Bengio, Understanding the difficulty of training deep feedforward networks, AISTATS 2010",
        ),
        Evidence(
            target="any",
            dtype="floating point",
            shapes="batch of 16 Gaussian inputs at initialisation",
            effect="29 of 29 planted faults found (one as OPS504, to which this yields), none where there is none; "
            "silent on 80 of 81 networks of timm, and right about the other",
            sample="see docs/verify-proxies.md",
            source="this repository, `make verify-proxies`",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 64, 3)\n"
                "        self.b = nn.Conv2d(3, 64, 3)\n"
                "        self.c = nn.Conv2d(64, 8, 3)\n"
                "    def forward(self, x):\n"
                "        return self.c((self.a(x) + self.b(x).detach()).relu())\n"
            ),
            input=(1, 3, 32, 32),
            target="cpu-x86",
            line=5,
        ),
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 64, 3)\n"
                "        self.b = nn.Conv2d(64, 64, 3)\n"
                "        self.c = nn.Conv2d(64, 8, 3)\n"
                "    def forward(self, x):\n"
                "        return self.c(self.b(self.a(x)).relu())\n"
            ),
            input=(1, 3, 32, 32),
            target="cpu-x86",
            line=4,
        ),
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 64, 3)\n"
                "        self.b = nn.Conv2d(64, 1, 3)\n"
                "        self.c = nn.Conv2d(1, 64, 3)\n"
                "    def forward(self, x):\n"
                "        return self.c(self.b(self.a(x).relu()).relu())\n"
            ),
            input=(1, 3, 32, 32),
            target="cpu-x86",
            line=5,
        ),
    )
    valid = (
        Case(source=invalid[0].source.replace(".detach()", ""), input=(1, 3, 32, 32), target="cpu-x86"),
        Case(source=invalid[1].source.replace("self.a(x)", "self.a(x).relu()"), input=(1, 3, 32, 32), target="cpu-x86"),
        Case(
            source=invalid[2].source.replace("(64, 1, 3)", "(64, 32, 3)").replace("(1, 64, 3)", "(32, 64, 3)"),
            input=(1, 3, 32, 32),
            target="cpu-x86",
        ),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        graph = look.graph
        told: set[int] = set()
        for last, layers, why in unreached(graph):
            told.update(op.key for op in layers)
            rest = f" nor the {len(layers) - 1} before it" if len(layers) > 1 else ""
            yield _advice(layers, last, f"no gradient reaches this layer{rest}: {why}")
        yield from _linear_twice(graph)
        yield from _bottlenecks(graph)
        yield from _clipped(graph)
        if graph.facts is not None:
            by_path = {op.path: op for op in reversed(graph.ops) if op.module}
            for path, message in atinit.findings(graph.facts):
                op = by_path.get(path)
                if op is not None and op.key not in told:
                    yield _advice([op], op, message)


def _advice(layers: Sequence[Op], at: Op, message: str) -> Advice:
    return Advice(op=at.key, moves=(), explain=_said(message), layers=[op.key for op in layers], keep=True)


def _said(message: str) -> Callable[[Sequence[Outcome]], str]:
    return lambda _: message


# ---- linear twice


def _linear_twice(graph: Graph) -> Iterator[Advice]:
    """Dense layers that read nothing but another's output and are no factorisation: the middle is as wide as an end."""
    for op in graph.ops:
        if not _dense(op) or any(len(graph.weight_readers[t]) > 1 for t in op.weights.values()):
            continue
        after = next_op(graph, op)
        normed = after is not None and after.op == "batch_norm"
        if after is not None and normed:
            after = next_op(graph, after)
        if after is None or after.op != op.op or not _dense(after):
            continue
        first, middle, last = _widths(graph, op)[0], *_widths(graph, after)
        expands = normed and last > middle and is_pointwise(op) and is_pointwise(after)
        if middle >= min(first, last) and not expands:  # which a linear bottleneck does, in front of the next block
            name = "convolution" if op.op == "conv" else "linear layer"
            yield _advice(
                (op, after),
                op,
                f"there is no nonlinearity between this {name} and {after.path}, which alone reads it: the two are one "
                f"linear map, and {middle} channels between {first} and {last} make it no smaller",
            )


def _dense(op: Op) -> bool:
    """A layer that mixes all channels over a window that is no line (those factorise a window on purpose)."""
    if "weight" not in op.weights or op.op not in LINEAR:
        return False
    a = op.attrs
    return op.op == "linear" or (a["groups"] == 1 and not a["transposed"] and len(set(a["kernel"])) == 1)


def _widths(graph: Graph, op: Op) -> tuple[int, int]:
    """What a layer takes and makes."""
    if op.op == "conv":
        return in_channels(graph, op), out_channels(graph, op)
    *outer, inner = graph.tensors[op.weights["weight"]].shape  # a vector makes one number
    return inner, math.prod(outer)


# ---- bottlenecks


def _bottlenecks(graph: Graph) -> Iterator[Advice]:
    """Convolutions and linear layers through whose few channels all must pass, between wide ones."""
    layers = [op for op in graph.ops if op.op in LINEAR and "weight" in op.weights]
    passes = _cuts(graph)
    for i, op in enumerate(layers):
        inner, outer = _widths(graph, op)
        if outer > NARROW or inner < WIDE or op.key not in passes:
            continue
        after = [o for o in layers[i + 1 :] if _widths(graph, o)[1] >= WIDE]
        if after:
            what = f"{outer} channel{'s' if outer > 1 else ''}"
            yield _advice(
                [op],
                op,
                f"all that the network knows by here passes through {what}: {inner} come in and "
                f"{after[0].path} makes {_widths(graph, after[0])[1]} of what is left",
            )


def _cuts(graph: Graph) -> frozenset[int]:
    """Keys of ops whose only output is all that later ops read of what came before."""
    last_read = {t: i for i, op in enumerate(graph.ops) for t in op.inputs}
    live = {t for t in graph.inputs if t in last_read}
    folded = graph.constant_ops
    found = set()
    for i, op in enumerate(graph.ops):
        live = {t for t in live if last_read.get(t, -1) > i}
        if op.key in folded:
            continue
        live |= {t for t in op.outputs if last_read.get(t, -1) > i}
        if len(op.outputs) == 1 and live == set(op.outputs) and op.outputs[0] not in graph.outputs:
            found.add(op.key)
    return frozenset(found)


# ---- clipped


def _clipped(graph: Graph) -> Iterator[Advice]:
    """Sigmoids and softmaxes right behind an activation that is never negative, where nothing else reads that."""
    for op in graph.ops:
        before = _kind(op)
        if before not in _CLIPS and before != "softmax":
            continue
        after = next_op(graph, op)
        while after is not None and after.op == "reshape":
            after = next_op(graph, after)
        if after is None or _kind(after) not in ("sigmoid", "softmax"):
            continue
        if before == "softmax" and _kind(after) == "sigmoid":
            continue
        yield _advice(
            (op, after),
            op,
            f"{_kind(after)} gets only what {before} lets through, which is never negative: "
            f"it can say at most half of what it could, and its gradient is small",
        )


def _kind(op: Op) -> str:
    return str(op.attrs.get("fn")) if op.op == "activation" else op.op
