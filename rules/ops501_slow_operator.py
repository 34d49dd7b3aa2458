from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from advisor.graph import Op
from advisor.moves import SwapActivation
from advisor.moves.activation import MODULES
from advisor.operators import function
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule
from advisor.targets import Special
from advisor.units import percent, time


class SlowOperator(Rule):
    """
    ## What it does
    Finds operators that the target cannot run, or runs much slower than others of their kind, and names the cheaper
    equivalent where the target knows one. Activation functions that have one come with the re-estimated gain.

    ## Why is this bad?
    An operator that the accelerator lacks runs on the host: the pipeline stops, its tensors are copied out and back,
    and the cost is unknown here (the report lists it as uncounted, not as free). A slow one may cost more than the
    convolution before it. Which operators these are is a fact of the target, stated with its source in the target's
    file. An activation function that the file neither lists nor gives a rate takes the rate that it names for all
    others, or is not counted; either is said here.

    ## Example
    On an integer accelerator without a sigmoid unit:
    ```python
    self.act = nn.SiLU()
    ```

    ## Use instead
    ```python
    self.act = nn.ReLU6()
    ```

    ## Fix safety
    Unsafe: another activation function is another network; it has to be trained or at least fine-tuned.
    """

    code = "OPS501"
    name = "slow-operator"
    summary = "An operator is slow or unsupported on the target."

    evidence = (
        Evidence(
            target="Edge TPU",
            dtype="int8",
            shapes="EfficientNet",
            effect="swish and squeeze-and-excite are left out of EfficientNet-EdgeTPU, ReLU taken instead",
            sample="1 family of networks",
            source="Gupta & Tan, EfficientNet-EdgeTPU, Google AI blog, August 2019",
        ),
        Evidence(
            target="ZCU102 and VCK190 (FPGA), A100, TPUv2",
            dtype="as published",
            shapes="MnasNet space; squeeze-and-excite in all 7 blocks against none, at equal MACs",
            effect="latency × 2.16 and × 1.62; throughput × 0.85 and × 0.91: hardly felt, or twice as slow",
            sample="3,526 to 3,556 networks; least squares of log latency on log MACs and the share of blocks with SE",
            source="Accel-NASBench records (Apache-2.0)",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 64, 1)\n"
                "        self.act = nn.SiLU()\n"
                "    def forward(self, x):\n"
                "        return self.act(self.a(x)).mean((2, 3))\n"
            ),
            input=(1, 3, 64, 64),
            target="ethos-u55-128",
            move={"kind": "swap_activation", "fn": "relu6"},
            line=5,
            fixed=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 64, 1)\n"
                "        self.act = nn.ReLU6()\n"
                "    def forward(self, x):\n"
                "        return self.act(self.a(x)).mean((2, 3))\n"
            ),
        ),
    )
    valid = (
        Case(source=invalid[0].source.replace("SiLU", "ReLU6"), input=(1, 3, 64, 64), target="ethos-u55-128"),
        Case(source=invalid[0].source.replace("SiLU", "Hardswish"), input=(1, 3, 64, 64), target="cpu-x86"),
        Case(source=invalid[0].source.replace("SiLU", "PReLU"), input=(1, 3, 64, 64), target="ethos-u55-128"),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        graph = look.graph
        folded = graph.constant_ops if look.target.constant_folding else frozenset()
        found: dict[tuple[Special, str], list[Op]] = {}
        for op in graph.ops:
            called = function(op, graph.tensors)
            special = look.target.special(op.op, called or None)
            if special is not None and op.key not in folded:
                found.setdefault((special, called or op.op), []).append(op)
        for (special, called), ops in found.items():
            yield _advice(look, special, called, ops)


def _advice(look: Look, special: Special, called: str, ops: list[Op]) -> Advice:
    """One piece of advice for all the ops that one entry of the target's file is about: they are swapped alike."""
    keys = tuple(op.key for op in ops)
    latency = sum(look.costs.op_latency_us.get(k, 0.0) for k in keys)
    unsupported = special.elements_per_cycle is None  # what is not counted has no gain either
    swap = ops[0].op == "activation" and special.instead in MODULES and not unsupported
    return Advice(
        op=keys[0],
        moves=[SwapActivation(keys, special.instead)] if swap else [],
        explain=partial(_message, look, special, called, latency),
        layers=keys,
        keep=not swap,
        bound_us=None if unsupported else sum(k.latency_us for k in look.kernels(keys)),
        related=[(k, f"{called} here too") for k in _elsewhere(look, ops)],
    )


def _elsewhere(look: Look, ops: list[Op]) -> list[int]:
    """The first op at each further source place."""
    places = {look.graph.site(op): op.key for op in reversed(ops)}
    places.pop(look.graph.site(ops[0]), None)
    return sorted(key for site, key in places.items() if site is not None)


def _message(look: Look, special: Special, called: str, latency: float, outcomes: Sequence[Outcome]) -> str | None:
    target = look.target.name
    if special.elements_per_cycle is None:
        instead = f"; use {special.instead} instead" if special.instead else ""
        lacks = "cannot run" if special.fn or special.op != "activation" else "has no rate for"
        return f"{target} {lacks} {called}, which is not counted here: {special.why}{instead}"
    if outcomes:
        gain = f"{time(outcomes[0].gain_us)} ({percent(outcomes[0].gain_percent)})"
        return f"{called} is slow on {target} ({special.why}): {special.instead} saves {gain}"
    if latency < look.min_gain * look.costs.latency_us:
        return None
    instead = f"; cheaper: {special.instead}" if special.instead else ""
    share = percent(100 * latency / look.costs.latency_us)
    return f"{called} is slow on {target} ({special.why}) and takes {time(latency)} ({share}){instead}"
