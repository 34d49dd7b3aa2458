from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from advisor.costs import MemoryPeak
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule
from advisor.units import size

NAMED = 4
"""How many tensors a message names."""


class PeakMemory(Rule):
    """
    ## What it does
    Compares the peak of the memory that activations take with `memory-budget`, where one is configured, else with
    the memory that the target keeps for them. It names the operation that runs at the peak and the tensors alive then.

    ## Why is this bad?
    Activations that do not fit do not run at all on a device without a memory behind the fast one; where there is one
    (then the finding is information only), they move out and back. Narrowing any other layer does not help: only the
    tensors alive at the peak count, with the weights that are fetched ahead and the buffers that an operation works in.
    Caches are no limit: a target whose fast memories hold activations and weights alike is judged by the budget alone.

    ## Example
    With a budget of 1 MiB, at 224×224:
    ```python
    self.stem = nn.Conv2d(3, 64, 3, padding=1)  # 64 × 224 × 224 bytes in int8 are 3.1 MiB
    ```

    ## Use instead
    ```python
    self.stem = nn.Conv2d(3, 64, 3, stride=4, padding=1)
    ```

    ## Fix safety
    No fix is offered: which of the tensors can be smaller depends on the task.
    """

    code = "MEM401"
    name = "peak-memory"
    summary = "Peak activation memory exceeds the target's memory or the budget."

    evidence = (
        Evidence(
            target="microcontrollers",
            dtype="int8",
            shapes="MobileNetV2 and other networks in stages of falling resolution",
            effect="the first blocks need an order of magnitude more memory than the others and decide whether it fits",
            sample="the networks of the paper",
            source="Lin et al., MCUNetV2, arXiv 2110.15352",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 64, 3, padding=1)\n"
                "        self.b = nn.Conv2d(64, 64, 3, padding=1)\n"
                "    def forward(self, x):\n"
                "        return self.b(self.a(x)).mean((2, 3))\n"
            ),
            input=(1, 3, 512, 512),
            target="npu-64",
            line=5,
        ),
    )
    valid = (
        Case(source=invalid[0].source, input=(1, 3, 32, 32), target="npu-64"),
        Case(source=invalid[0].source, input=(1, 3, 512, 512), target="cpu-x86"),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        peak = look.costs.peak
        limit = look.limits.exceeded(peak.bytes)
        if limit is None or peak.op is None:
            return
        fit = "the model does not fit: " if limit.hard else ""
        message = (
            f"{fit}{size(peak.bytes)} of memory are taken here, {size(peak.bytes - limit.bytes)} over "
            f"{limit.name} of {size(limit.bytes)}: {'; '.join(_taken(look, peak))}"
        )

        def explain(outcomes: Sequence[Outcome]) -> str | None:
            return message

        related = [
            (maker.key, f"alive at the peak: {_tensor(look, t)}")
            for t in peak.alive
            if (maker := look.graph.producer.get(t)) is not None and maker.key != peak.op
        ]
        severity = "warning" if limit.hard else "information"
        yield Advice(op=peak.op, moves=(), explain=explain, keep=True, severity=severity, related=related)


def _taken(look: Look, peak: MemoryPeak) -> Iterator[str]:
    """What is in memory at the peak, the largest first: tensors, and what is left of the bytes."""
    sizes = {t: _bytes(look, t) for t in peak.alive}
    largest = sorted(peak.alive, key=lambda t: -sizes[t])
    for t in largest[:NAMED]:
        yield f"{_tensor(look, t)} ({size(sizes[t])})"
    if others := largest[NAMED:]:
        yield f"{len(others)} more ({size(sum(sizes[t] for t in others))})"
    if (left := peak.bytes - sum(sizes.values())) > 0:
        yield f"{size(left)} of weights fetched ahead and of working buffers"


def _bytes(look: Look, key: int) -> int:
    tensor = look.graph.tensors[key]
    return tensor.numel * look.target.size_of(tensor.dtype, tensor.precision)


def _tensor(look: Look, tensor: int) -> str:
    shape = "×".join(map(str, look.graph.shape(tensor)))
    maker = look.graph.producer.get(tensor)
    name = look.graph.tensors[tensor].name or "input" if maker is None else maker.path or maker.target
    return f"{name} {shape}"
