"""One process that imports timm, builds one model for each of N families on meta, and runs or audits each.

    python -m tests.benchmarks.families forward|audit [N]

``forward`` is the yardstick: one forward each. ``audit`` is the advisor's full report instead. Prints the seconds from
before the imports to the end, and how many models it did.
"""

from __future__ import annotations

import sys
import time


def main(mode: str, count: int) -> None:
    started = time.perf_counter()
    import torch

    torch.set_num_threads(1)

    from advisor.worker.load import torchvision_ops

    torchvision_ops.install()
    import timm

    import advisor

    done = 0
    for name in family_models(timm, count):
        with torch.device("meta"):
            model = timm.create_model(name).eval()
        shape = (1, *model.default_cfg["input_size"])
        if mode == "audit":
            report = advisor.audit(model, shape, target="npu-64")
            assert report.models[0].costs, name
        else:
            with torch.no_grad():
                model(torch.empty(shape, device="meta"))
        done += 1
    print(time.perf_counter() - started, done)


def family_models(timm, count: int) -> list[str]:
    """The first model of each of ``count`` families, evenly spread over the alphabet of timm's modules."""
    modules = [m for m in timm.list_modules() if timm.list_models(module=m)]
    step = max(1, len(modules) // count)
    return [timm.list_models(module=m)[0] for m in modules[::step]][:count]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 50)
