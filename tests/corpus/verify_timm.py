"""Long check: one timm model for every family, and torchvision's models, traced and compared with torch itself.

For each: the graph is complete and connected, its MACs are half of what ``torch.utils.flop_counter`` counts on meta,
and (for models small enough to run) every layer's output shapes are those of a real forward with forward hooks. Run
``python tests/corpus/verify_timm.py [--output docs/verify-timm.md] [--only NAME]``; it exits with 1 when a requirement
fails.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from advisor import live
from advisor.graph import Graph
from advisor.macs import op_macs
from advisor.worker.load import torchvision_ops

torchvision_ops.install()

REAL_PARAMETERS = 12_000_000
REAL_MACS = 1_500_000_000
"""Models above either are not run for real: the check has to end on a small machine."""


@dataclass
class Row:
    """What was found for one model."""

    name: str
    rung: str = ""
    status: str = ""
    ops: int = 0
    connected: bool = False
    macs: int = 0
    flops: int | None = None
    shapes: str = ""
    others: set[str] = field(default_factory=set)
    unobserved: int = 0
    milliseconds: float = 0.0
    problem: str = ""

    @property
    def macs_equal(self) -> bool | None:
        """None where the flop counter cannot run."""
        return None if self.flops is None else 2 * self.macs == self.flops


Case = tuple[str, Callable[[], nn.Module], tuple[int, ...]]


def timm_cases() -> Iterator[Case]:
    """The first model of every family that timm names."""
    import timm

    for family in timm.list_modules():
        names = timm.list_models(module=family)
        if names:
            yield f"timm/{family}/{names[0]}", lambda name=names[0]: timm.create_model(name), ()


def torchvision_cases() -> Iterator[Case]:
    """torchvision's classification, segmentation and detection models; detectors run for real, on a small input."""
    import torchvision

    models = torchvision.models
    for name in models.list_models(module=models):
        size = 299 if "inception" in name else 224
        yield f"torchvision/{name}", lambda name=name: models.get_model(name, weights=None), (1, 3, size, size)
    for name in models.list_models(module=models.segmentation):
        yield f"torchvision/segmentation/{name}", lambda name=name: _segmenter(name), (1, 3, 224, 224)
    for name in models.list_models(module=models.detection):
        yield f"torchvision/detection/{name}", lambda name=name: _detector(name), (3, 160, 160)


def _segmenter(name: str) -> nn.Module:
    import torchvision

    return torchvision.models.get_model(name, weights=None, weights_backbone=None)


def _detector(name: str) -> nn.Module:
    import torchvision

    sizes = {} if name.startswith("ssd") else {"min_size": 160, "max_size": 200}
    return torchvision.models.get_model(name, weights=None, weights_backbone=None, **sizes)


def verify(case: Case, run: bool = True) -> Row:
    """Trace one model and compare; with ``run`` also with a real forward, where the model is small."""
    name, make, shape = case
    row = Row(name)
    model = construct(make)
    if not shape:
        shape = (1, *model.pretrained_cfg["input_size"])  # pyright: ignore[reportIndexIssue, reportCallIssue]
    inputs: Any = ([torch.rand(shape)],) if len(shape) == 3 else torch.empty(shape, device="meta")
    if len(shape) == 3:  # a detector reads what it finds
        torch.manual_seed(0)
        model = make().eval()
    started = time.perf_counter()
    graph, info = live.trace(model, inputs)
    row.milliseconds = (time.perf_counter() - started) * 1e3
    row.rung, row.status, row.unobserved = info.rung, info.status, info.unobserved
    row.problem = info.failure.message.splitlines()[0] if info.failure else ""
    row.ops, row.connected = len(graph.ops), graph.connected()
    counts = [op_macs(graph, op) for op in graph.ops]
    row.macs = sum(c for c in counts if c)
    row.others = {op.attrs["fn"] for op in graph.ops if op.op == "other"}
    if len(shape) == 4:
        row.flops = counted_flops(model, inputs)
        if run:
            row.shapes = compare_shapes(make, graph, shape, row.macs)
    return row


def construct(make: Callable[[], nn.Module]) -> nn.Module:
    """The model on meta; some constructors compute with tensors' values and get real ones."""
    try:
        with torch.device("meta"):
            return make().eval()
    except NotImplementedError:
        return make().eval()


def counted_flops(model: nn.Module, x: torch.Tensor) -> int | None:
    """torch's own count on meta."""
    counter = FlopCounterMode(display=False)
    model.requires_grad_(False)  # its module tracker looks for gradient functions, which views of leaves lack
    with torch.no_grad(), counter:
        model.to("meta")(x)
    return counter.get_total_flops()


def compare_shapes(make: Callable[[], nn.Module], graph: Graph, shape: tuple[int, ...], macs: int) -> str:
    """Compare each torch layer's output shapes with a real forward's."""
    parameters = sum(graph.tensors[t].numel for t in graph.parameter_ids())
    if parameters > REAL_PARAMETERS or macs > REAL_MACS:
        return "not run"
    model = make().eval()
    seen: dict[str, list[tuple[int, ...]]] = {}
    for path, module in model.named_modules():
        leaf = type(module).__module__.startswith("torch.nn.modules") and not module._modules
        if leaf and not isinstance(module, nn.Sequential):

            def hook(_module: nn.Module, _args: Any, output: Any, path: str = path) -> None:
                if isinstance(output, torch.Tensor):
                    seen.setdefault(path, []).append(tuple(output.shape))

            module.register_forward_hook(hook)
    with torch.no_grad():
        model(torch.rand(shape))
    traced: dict[str, list[tuple[int, ...]]] = {}
    for op in graph.ops:
        if op.module and op.path in seen:
            traced.setdefault(op.path, []).append(graph.shape(op.outputs[0]))
    wrong = [path for path, shapes in seen.items() if traced.get(path) != shapes]
    return f"equal in {len(seen)} layers" if not wrong else f"differ in {wrong[:3]}"


def table(rows: list[Row]) -> str:
    """The committed page."""
    done = [r for r in rows if r.status == "ok"]
    counted = [r for r in done if r.macs_equal is not None]
    compared = [r for r in done if r.shapes.startswith(("equal", "differ"))]
    lines = [
        "# Tracing timm and torchvision",
        "",
        "Written by `python tests/corpus/verify_timm.py --output docs/verify-timm.md`.",
        "",
        f"- models: {len(rows)}, traced to the end: {len(done)}, connected: {sum(r.connected for r in rows)}",
        f"- MACs equal to half of `torch.utils.flop_counter` on meta: {sum(bool(r.macs_equal) for r in counted)}"
        f" of {len(counted)} where it runs",
        f"- layer shapes equal to a real forward: {sum(r.shapes.startswith('equal') for r in compared)}"
        f" of {len(compared)} small enough to run",
        f"- tensors without a known producer: {sum(r.unobserved for r in rows)}",
        "",
        "| model | rung | status | ops | connected | MACs (M) | = flop counter | shapes | uncounted ops |",
        "|---|---|---|---:|---|---:|---|---|---|",
    ]
    for r in rows:
        equal = {True: "yes", False: f"**no** ({(r.flops or 0) / 2e6:.1f})", None: "-"}[r.macs_equal]
        lines.append(
            f"| {r.name} | {r.rung} | {r.status} {r.problem} | {r.ops} | {'yes' if r.connected else '**no**'} "
            f"| {r.macs / 1e6:.1f} | {equal} | {r.shapes or '-'} | {', '.join(sorted(r.others)) or '-'} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, help="write the table to this Markdown file")
    parser.add_argument("--only", default="", help="only models whose name contains this")
    options = parser.parse_args()
    rows: list[Row] = []
    for cases in (timm_cases, torchvision_cases):
        for case in cases():
            if options.only not in case[0]:
                continue
            try:
                row = verify(case)
            except Exception as e:  # one model's failure is a row, not the end of the check
                row = Row(
                    case[0], status="failed", problem=f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}"
                )
            rows.append(row)
            print(row, flush=True)
    text = table(rows)
    print("\n".join(text.splitlines()[4:8]))
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    enough = sum(r.connected for r in rows) >= 0.98 * len(rows)
    return 0 if enough and all(r.macs_equal is not False and not r.shapes.startswith("differ") for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
