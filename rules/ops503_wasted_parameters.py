from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from advisor.moves import Move, RemoveBias, Together, find_redundant_bias
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule


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
        biases = dict.fromkeys(op.weights["bias"] for op in graph.ops if op.key in cancelled)
        for bias in biases:
            readers = graph.weight_readers[bias]
            if cancelled.issuperset(
                readers
            ):  # a layer called twice has one bias, which goes only where all calls agree
                yield Advice(
                    op=readers[0],
                    moves=(_removal(readers),),
                    explain=partial(_message, graph.tensors[bias].numel),
                    layers=readers[:1],
                    keep=True,
                    severity="information",
                )


def _removal(readers: Sequence[int]) -> Move:
    moves = tuple(map(RemoveBias, readers))
    return moves[0] if len(moves) == 1 else Together(moves)


def _message(count: int, outcomes: Sequence[Outcome]) -> str | None:
    return f"the normalisation after this layer cancels its bias: {count} wasted parameters" if outcomes else None
