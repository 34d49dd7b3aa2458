from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from advisor.channels import Group
from advisor.costs import Kernel
from advisor.moves import SetWidth
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule
from advisor.units import percent, time

from .alignment import free_groups, padded, saving_bound, steps, touched

FREE = 0.005
"""Wider layers may take this share longer, themselves, and still count as free."""


class FreeCapacity(Rule):
    """
    ## What it does
    Finds channel groups that could be wider at no cost: at the next multiple of the target's MAC array the layers
    concerned take at most 0.5 % longer. It looks at groups that take at least `min-gain` of the model's latency and
    where `CHN101` has no narrower width to offer.

    ## Why is this bad?
    It is not: it is capacity that the target gives away. A layer that pads its channels, or that takes
    its fixed minimum anyway, is as fast with more of them. More capacity usually means more accuracy at the same
    latency; or it pays for narrowing another layer that does cost something.

    ## Example
    On `npu-64`, which pads channels to 64:
    ```python
    self.head = nn.Conv2d(320, 1240, 1)
    ```

    ## Use instead
    ```python
    self.head = nn.Conv2d(320, 1280, 1)
    ```

    ## Fix safety
    Unsafe: the network becomes another one and has to be trained; weights and activations take more memory.
    """

    code = "CHN102"
    name = "free-capacity"
    summary = "A layer could be wider at no cost on the target."

    evidence = (
        Evidence(
            target="ethos-u85-2048",
            dtype="int8",
            shapes="a table-driven network of inverted bottlenecks with odd widths",
            effect="every stage up to a multiple of 8: +0.9 % cycles for +13 % MACs",
            sample="1 network, 2 versions",
            source="Vela 5.2.0 internal compiler estimate, measured for this project",
        ),
        Evidence(
            target="ethos-u55-128",
            dtype="int8",
            shapes="3×3 convolution, 32×32, C in = C out = 20, 32",
            effect="76 and 75 k-cycles for 2.6 times the MACs; the same network's stages up to 16 cost +19 % there",
            sample="2 compilations, and 1 network in 2 versions",
            source="Vela 5.2.0 internal compiler estimate, measured for this project",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(64, 60, 3, padding=1)\n"
                "        self.b = nn.Conv2d(60, 256, 3, padding=1)\n"
                "        self.c = nn.Conv2d(256, 256, 3, padding=1)\n"
                "    def forward(self, x):\n"
                "        return self.c(self.b(self.a(x))).mean((2, 3))\n"
            ),
            input=(1, 64, 64, 64),
            target="npu-64",
            move={"kind": "set_width", "width": 64},
            line=4,
        ),
    )
    valid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(64, 64, 3, padding=1)\n"
                "        self.b = nn.Conv2d(64, 256, 3, padding=1)\n"
                "    def forward(self, x):\n"
                "        return self.b(self.a(x)).mean((2, 3))\n"
            ),
            input=(1, 64, 64, 64),
            target="npu-64",
        ),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        floor = look.min_gain * look.costs.latency_us
        for group in free_groups(look):
            multiples = steps(look, group)
            if not multiples:
                continue
            step = multiples[-1]
            kernels = touched(look, group)
            latency = sum(k.latency_us for k in kernels)
            narrower = group.width // step * step
            if latency < floor or (
                0 < narrower < group.width and saving_bound(look, group, kernels, narrower, step) >= floor
            ):
                continue
            wider = padded(group.width + 1, step)
            if _least_cost(group, kernels, wider, step) > FREE * latency:
                continue
            yield Advice(
                op=group.key,
                moves=(SetWidth(group.key, wider),),
                explain=partial(_message, look.target.name, group.width, wider, latency),
                layers=group.producers,
                keep=True,
                severity="information",
            )


def _least_cost(group: Group, kernels: Sequence[Kernel], wider: int, step: int) -> float:
    """What the compute-bound kernels among ``kernels`` must add, in us: their padded work grows with the width."""
    growth = wider / padded(group.width, step) - 1
    return growth * sum(k.latency_us for k in kernels if k.bound == "compute")


def _message(target: str, width: int, wider: int, latency: float, outcomes: Sequence[Outcome]) -> str | None:
    cost = -outcomes[0].gain_us
    if cost > FREE * latency:
        return None
    more = percent(100 * (wider / width - 1))
    price = "nothing" if cost < FREE * latency / 10 else time(cost)
    return f"{wider} channels instead of {width} ({more} more) cost {price} on {target}"
