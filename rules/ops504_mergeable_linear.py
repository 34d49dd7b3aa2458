from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from advisor.moves import MergeLinear, find_mergeable
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule
from advisor.units import percent, time


class MergeableLinear(Rule):
    """
    ## What it does
    Finds two linear operators in a row (linear layers, or a convolution and a 1×1 convolution, perhaps with a
    BatchNorm between) that would run faster as one.

    ## Why is this bad?
    Without a nonlinearity between them the two are one linear map: `W₂(W₁x + b₁) + b₂ = (W₂W₁)x + (W₂b₁ + b₂)`. The
    second is paid for and represents nothing that the product could not. Often an activation was forgotten. A
    deliberately narrow middle (a low-rank factorisation) is faster than its product; the rule is silent there, as the
    re-estimate shows no gain.

    ## Example
    ```python
    nn.Conv2d(64, 128, 1), nn.Conv2d(128, 128, 1)
    ```

    ## Use instead
    ```python
    nn.Conv2d(64, 128, 1)
    ```
    or an activation between the two, if one was meant.

    ## Fix safety
    Safe in inference: the merged weights are the product of the two. In training the two layers take
    different steps than the one; and if an activation was forgotten, merging keeps the mistake.
    """

    code = "OPS504"
    name = "mergeable-linear"
    summary = "Two adjacent linear operators would be faster as one."

    evidence = (
        Evidence(
            target="any",
            dtype="floating point; quantised up to rounding",
            shapes="any; a gain where the middle is wider than the product is costly, by re-estimate",
            effect="one operator for two with the same function",
            sample="algebra",
            source="Ding et al., RepVGG, arXiv 2101.03697, section 3.3 (folding linear operators)",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(64, 128, 1)\n"
                "        self.b = nn.Conv2d(128, 128, 1)\n"
                "    def forward(self, x):\n"
                "        return self.b(self.a(x)).relu()\n"
            ),
            input=(1, 64, 56, 56),
            target="cpu-x86",
            move={"kind": "merge_linear"},
            line=4,
            fixed=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.b = nn.Conv2d(64, 128, 1)\n"
                "    def forward(self, x):\n"
                "        return self.b(x).relu()\n"
            ),
        ),
    )
    valid = (
        Case(
            source=invalid[0].source.replace("self.b(self.a(x))", "self.b(self.a(x).relu())"),
            input=(1, 64, 56, 56),
            target="cpu-x86",
        ),
        Case(
            source=invalid[0]
            .source.replace("Conv2d(64, 128, 1)", "Linear(1024, 16)")
            .replace("Conv2d(128, 128, 1)", "Linear(16, 1024)"),
            input=(196, 1024),
            target="cpu-x86",
        ),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        for first, second in find_mergeable(look.graph):
            yield Advice(
                op=first,
                moves=(MergeLinear(first, second),),
                explain=partial(_message, look, first),
                layers=(first, second),
                bound_us=sum(k.latency_us for k in look.kernels([first, second])),
            )


def _message(look: Look, first: int, outcomes: Sequence[Outcome]) -> str | None:
    (outcome,) = outcomes
    op = look.graph.by_key[first]
    shape = look.graph.shape(op.outputs[0])
    made = f"{shape[1]} channels" if op.op == "conv" else f"{shape[-1]} features"
    return (
        f"this layer makes {made} that go into another linear layer with nothing nonlinear between: merging the two "
        f"saves {time(outcome.gain_us)} ({percent(outcome.gain_percent)}) "
        f"on {look.target.name}"
    )
