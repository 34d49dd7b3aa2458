from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from advisor.costs import Kernel
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule
from advisor.units import margin, percent, time

NAMED = 3
"""How many places are named besides the costliest."""


class LatencyBudget(Rule):
    """
    ## What it does
    Compares a model's latency on each target with `latency-budget`, where one is configured. It stands on the call
    whose layers take most, and names those that come next.

    ## Why is this bad?
    A model that is over its budget is of no use where the budget is real: a frame rate, a control loop, the time that a
    person waits. Parameters and MACs do not tell: networks of the same MACs differ by half in latency.

    Operations that the target's cost model does not count are missing in the latency, so a model may be over its budget
    without this finding where a report says `uncounted`.

    ## Example
    With `latency-budget = "1 ms"`, on cpu-x86 at 256×256:
    ```python
    self.body = nn.Conv2d(64, 64, 3, padding=1)
    ```

    ## Use instead
    ```python
    self.body = nn.Conv2d(64, 64, 3, stride=2, padding=1)
    ```

    ## Fix safety
    No fix is offered: the other findings say what saves time and what that changes. What is left has to be decided by
    the task.
    """

    code = "LAT601"
    name = "latency-budget"
    summary = "A model's latency exceeds the budget."

    evidence = (
        Evidence(
            target="Google Pixel 1, one big core",
            dtype="float32",
            shapes="MobileNetV1 and NASNet-A at 224×224",
            effect="with 575 M and 564 M MACs they take 113 ms and 183 ms: only a latency can be held against a budget",
            sample="two networks of the paper",
            source="Tan et al., MnasNet, arXiv 1807.11626, table 1",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 16, 3, padding=1)\n"
                "        self.b = nn.Conv2d(16, 256, 3, padding=1)\n"
                "    def forward(self, x):\n"
                "        return self.b(self.a(x))\n"
            ),
            input=(1, 3, 256, 256),
            target="cpu-x86",
            line=5,
            latency_budget=100.0,
        ),
    )
    valid = (
        Case(source=invalid[0].source, input=(1, 3, 256, 256), target="cpu-x86"),
        Case(source=invalid[0].source, input=(1, 3, 256, 256), target="cpu-x86", latency_budget=1e9),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        costs, budget = look.costs, look.limits.latency_us
        if budget is None or costs.latency_us <= budget:
            return
        first, *others = _places(look)[: NAMED + 1]
        message = (
            f"the model takes {time(costs.latency_us)}{margin(costs.latency_us, costs.low_us, costs.high_us)} on "
            f"{costs.target}, {time(costs.latency_us - budget)} over the budget of {time(budget)}; "
            f"{_what(first)} here takes most, {_share(first, look)}"
        )
        yield Advice(
            op=first[0].ops[0],
            moves=(),
            explain=partial(_said, message),
            layers=[kernel.ops[0] for kernel in first],
            keep=True,
            related=[(place[0].ops[0], f"next: {_what(place)}, {_share(place, look)}") for place in others],
        )


def _said(message: str, outcomes: Sequence[Outcome]) -> str | None:
    return message


def _places(look: Look) -> list[list[Kernel]]:
    """The kernels that take time by what their layers are made in, the costliest place first, as its kernels are."""
    modules = look.graph.modules
    found: dict[object, list[Kernel]] = {}
    for kernel in sorted(look.costs.kernels, key=lambda k: -k.latency_us):
        op = look.graph.by_key[kernel.ops[0]]
        chain = modules[op.path].created if op.module and op.path in modules else ()
        if kernel.latency_us > 0:
            found.setdefault(chain or op.call or op.key, []).append(kernel)
    return sorted(found.values(), key=lambda kernels: -sum(k.latency_us for k in kernels))


def _what(kernels: Sequence[Kernel]) -> str:
    return "what is made" if len(kernels) > 1 else "the layer"


def _share(kernels: Sequence[Kernel], look: Look) -> str:
    taken = sum(kernel.latency_us for kernel in kernels)
    return f"{time(taken)} ({percent(100 * taken / look.costs.latency_us)})"
