from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from advisor.graph import Graph, Op, Span
from advisor.moves import Move, RemoveBias, Together, find_redundant_bias
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule

_STAGES = (
    "class Model(nn.Module):\n"
    "    def __init__(self):\n"
    "        super().__init__()\n"
    "        layers = []\n"
    "        for inputs, outputs in ((3, 64), (64, 32)):\n"
    "            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]\n"
    "        self.layers = nn.Sequential(*layers)\n"
    "    def forward(self, x):\n"
    "        return self.layers(x)\n"
)


class WastedParameters(Rule):
    """
    ## What it does
    Finds parameters without any effect on the output: the bias of a convolution or linear layer right before a
    normalisation that subtracts the mean of each channel (BatchNorm, InstanceNorm).

    ## Why is this bad?
    The normalisation subtracts whatever the bias added; its own shift takes the bias's part. The parameters, their
    gradients and their optimizer state are stored and moved for nothing. In inference they are folded into the weights
    by most deployments, so the latency hardly changes: this is about parameters, not time.

    ## Example
    ```python
    nn.Conv2d(16, 32, 3), nn.BatchNorm2d(32)
    ```

    ## Use instead
    ```python
    nn.Conv2d(16, 32, 3, bias=False), nn.BatchNorm2d(32)
    ```

    ## Fix safety
    Safe for a network to be trained: it computes the same function. Existing checkpoints hold the bias: fold it into
    the normalisation's running mean (`running_mean -= bias`) when loading them.
    """

    code = "OPS503"
    name = "wasted-parameters"
    summary = "A bias is cancelled by the normalisation right after it."
    any_target = True

    evidence = (
        Evidence(
            target="any",
            dtype="any",
            shapes="any",
            effect="(x + b) − mean(x + b) = x − mean(x): exact, whatever the shapes",
            sample="algebra",
            source="Ioffe & Szegedy, Batch Normalization, arXiv 1502.03167, section 3.2",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 64, 3)\n"
                "        self.n = nn.BatchNorm2d(64)\n"
                "    def forward(self, x):\n"
                "        return self.n(self.a(x)).relu()\n"
            ),
            input=(1, 3, 32, 32),
            target="cpu-x86",
            move={"kind": "remove_bias"},
            line=4,
            fixed=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 64, 3, bias=False)\n"
                "        self.n = nn.BatchNorm2d(64)\n"
                "    def forward(self, x):\n"
                "        return self.n(self.a(x)).relu()\n"
            ),
        ),
        Case(
            source=_STAGES,
            input=(1, 3, 32, 32),
            target="cpu-x86",
            move={"kind": "remove_bias"},
            line=6,
            fixed=_STAGES.replace("padding=1)", "padding=1, bias=False)"),
        ),
    )
    valid = (
        Case(source=invalid[0].source.replace("64, 3)", "64, 3, bias=False)"), input=(1, 3, 32, 32), target="cpu-x86"),
        Case(
            source=invalid[0].source.replace("self.n(self.a(x)).relu()", "self.n(self.a(x).relu())"),
            input=(1, 3, 32, 32),
            target="cpu-x86",
        ),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        graph = look.graph
        cancelled = set(find_redundant_bias(graph))
        biased = [op for op in graph.ops if op.op in ("conv", "linear") and "bias" in op.weights]
        mixed = {_place(graph, op) for op in biased if op.key not in cancelled}
        places: dict[object, list[Sequence[int]]] = {}
        for bias in dict.fromkeys(op.weights["bias"] for op in biased if op.key in cancelled):
            readers = graph.weight_readers[bias]
            if cancelled.issuperset(readers):  # a layer called twice has one bias: all calls have to agree
                op = graph.by_key[readers[0]]
                place = _place(graph, op)
                if place in mixed:  # no edit there does for all of it: who else made the layer tells it from others
                    place = _chain(graph, op)
                places.setdefault(place or op.key, []).append(readers)
        for layers in places.values():  # of one place, which is edited once for all
            ops = [readers[0] for readers in layers]
            biases = [graph.by_key[key].weights["bias"] for key in ops]
            yield Advice(
                op=ops[0],
                moves=(_removal([key for readers in layers for key in readers]),),
                explain=partial(_message, [graph.tensors[bias].numel for bias in biases]),
                layers=ops,
                keep=True,
                severity="information",
            )


def _chain(graph: Graph, op: Op) -> tuple[Span, ...]:
    """The calls that made a layer, innermost first; the call of a function."""
    if op.module and op.path in graph.modules:
        return graph.modules[op.path].created
    return () if op.call is None else (op.call,)


def _place(graph: Graph, op: Op) -> Span | None:
    """The innermost call that made a layer of those in the file where its making began: what a helper from elsewhere
    builds for calls that stand apart is edited at each of these. None where nobody saw the layer made."""
    chain = _chain(graph, op)
    return next((span for span in chain if span.file == chain[-1].file), None)


def _removal(readers: Sequence[int]) -> Move:
    moves = tuple(map(RemoveBias, readers))
    return moves[0] if len(moves) == 1 else Together(moves)


def _message(counts: Sequence[int], outcomes: Sequence[Outcome]) -> str | None:
    if not outcomes:
        return None
    wasted = f"{sum(counts)} wasted parameters"
    if len(counts) == 1:
        return f"the normalisation after this layer cancels its bias: {wasted}"
    return f"the normalisation after each of these {len(counts)} layers cancels its bias: {wasted}"
