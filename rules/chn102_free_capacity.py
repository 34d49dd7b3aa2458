from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from advisor.channels import Group
from advisor.costs import Kernel
from advisor.moves import SetWidth
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule
from advisor.units import percent

from .alignment import free_groups, misaligned, neighbours, padded, steps, touched

FREE = 0.05
"""For each percent of channels more, wider layers may take this many percent longer themselves and count as free."""

LITTLE, RULED_OUT = 0.2, 0.5
"""Shares of what channels cost in proportion: a width is called free only where it is predicted to cost no more than
the first, and where the uncertainty of that rules out the second."""


class FreeCapacity(Rule):
    """
    ## What it does
    Finds channel groups that do not fill the tiles of the target's MAC array and could at no cost: at the next
    multiple (at most a third wider) the layers concerned take at most 0.05 % longer for each percent of channels
    more. It looks at groups that take at least `min-gain` of the model's latency, and says nothing of those that
    `CHN101` speaks of.

    A predicted cost is never exactly zero. There the rule speaks where no cost lies within the predicted one's
    interval, and where that interval rules out half of the cost that channels have in proportion; it says what the
    wider layer may cost at the most (with 95 %). Of a width that is predicted more roughly than that it says nothing.

    ## Why is this bad?
    It is not: it is capacity that the target gives away. A layer that pads its channels, or that takes
    its fixed minimum anyway, is as fast with more of them. More capacity usually means more accuracy at the same
    latency; or it pays for narrowing another layer that does cost something.

    ## Example
    On `npu-64`, which pads channels to 64:
    ```python
    self.conv1 = nn.Conv2d(64, 52, 3, padding=1)
    self.conv2 = nn.Conv2d(52, 256, 3, padding=1)
    ```

    ## Use instead
    ```python
    self.conv1 = nn.Conv2d(64, 64, 3, padding=1)
    self.conv2 = nn.Conv2d(64, 256, 3, padding=1)
    ```

    ## Fix safety
    Unsafe: the network becomes another one and has to be trained; weights and activations take more memory.
    """

    code = "CHN102"
    name = "free-capacity"
    summary = "A layer could be wider at no cost on the target."
    yields_to = ("CHN101",)

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
                "        self.a = nn.Conv2d(64, 52, 3, padding=1)\n"
                "        self.b = nn.Conv2d(52, 256, 3, padding=1)\n"
                "        self.c = nn.Conv2d(256, 256, 3, padding=1)\n"
                "    def forward(self, x):\n"
                "        return self.c(self.b(self.a(x))).mean((2, 3))\n"
            ),
            input=(1, 64, 64, 64),
            target="npu-64",
            move={"kind": "set_width", "width": 64},
            line=4,
            fixed=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(64, 64, 3, padding=1)\n"
                "        self.b = nn.Conv2d(64, 256, 3, padding=1)\n"
                "        self.c = nn.Conv2d(256, 256, 3, padding=1)\n"
                "    def forward(self, x):\n"
                "        return self.c(self.b(self.a(x))).mean((2, 3))\n"
            ),
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
            multiples = misaligned(look, group)
            widths = [w for w in neighbours(group, multiples) if w > group.width]
            kernels = touched(look, group)
            latency = sum(k.latency_us for k in kernels)
            if latency < floor:
                continue
            free = [
                w
                for w in widths
                if _least_cost(group, kernels, w, steps(look, group)[0]) <= _allowed(group, w, latency)
            ]
            if free:
                yield Advice(
                    op=group.key,
                    moves=[SetWidth(group.key, w) for w in reversed(free)],
                    explain=partial(_message, look, group, latency),
                    layers=group.producers,
                    keep=True,
                    severity="information",
                    number=group.width,
                )


def _allowed(group: Group, wider: int, latency: float) -> float:
    """The latency, in us, that the group's layers may add at this width for it to count as free."""
    return FREE * latency * (wider / group.width - 1)


def _least_cost(group: Group, kernels: Sequence[Kernel], wider: int, step: int) -> float:
    """What the compute-bound kernels among ``kernels`` must add, in us: their padded work grows with the width."""
    growth = wider / padded(group.width, step) - 1
    return growth * sum(k.latency_us for k in kernels if k.bound == "compute")


def _free(look: Look, group: Group, latency: float, wider: int, outcome: Outcome) -> bool:
    """Whether the wider group costs nothing as far as can be known: a cost without an interval is compared as it is,
    a predicted one with all that it may be."""
    cost, error = -outcome.gain_us, look.error_us(outcome)
    in_proportion = latency * (wider / group.width - 1)
    little = cost <= LITTLE * in_proportion and cost + error <= RULED_OUT * in_proportion
    return little and cost - error <= _allowed(group, wider, latency)


def _message(look: Look, group: Group, latency: float, outcomes: Sequence[Outcome]) -> str | None:
    """Names every width that is free. Where one is, so is the primary outcome, which gains most (costs least)."""
    widths = {o.move.width: o for o in outcomes if isinstance(o.move, SetWidth)}
    free = sorted(w for w, outcome in widths.items() if _free(look, group, latency, w, outcome))
    if not free:
        return None
    more = percent(100 * (free[-1] / group.width - 1))
    text = f"{' or '.join(map(str, free))} channels instead of {group.width} (up to {more} more) cost"
    most = max(look.error_us(o) - o.gain_us for w, o in widths.items() if w in free)
    if most <= min(_allowed(group, w, latency) for w in free):
        return f"{text} nothing on {look.target.name}"
    return f"{text} little or nothing on {look.target.name}: {percent(100 * most / look.costs.latency_us)} at the most"
