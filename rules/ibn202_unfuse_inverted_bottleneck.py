from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from advisor.moves import UnfuseIBN, find_ibn
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule
from advisor.units import percent, time


class UnfuseInvertedBottleneck(Rule):
    """
    ## What it does
    Finds fused inverted bottlenecks (k×k expansion, 1×1 projection) that would run faster with a 1×1 expansion and a
    depthwise k×k convolution on the target.

    ## Why is this bad?
    With many channels the dense k×k convolution has several times the work of the pair, more than even a large
    array makes good; its weights, k² times those of the 1×1, have to be fetched too. That is so in late layers, and
    in all layers of devices with small arrays.

    ## Example
    On `ethos-u55-128`:
    ```python
    nn.Sequential(
        nn.Conv2d(160, 960, 3, padding=1),
        nn.BatchNorm2d(960),
        nn.ReLU6(),
        nn.Conv2d(960, 160, 1),
        nn.BatchNorm2d(160),
    )
    ```

    ## Use instead
    ```python
    nn.Sequential(
        nn.Conv2d(160, 960, 1),
        nn.BatchNorm2d(960),
        nn.ReLU6(),
        nn.Conv2d(960, 960, 3, padding=1, groups=960),
        nn.BatchNorm2d(960),
        nn.ReLU6(),
        nn.Conv2d(960, 160, 1),
        nn.BatchNorm2d(160),
    )
    ```

    ## Fix safety
    Unsafe: the network becomes another one, with fewer parameters, and has to be trained.
    """

    code = "IBN202"
    name = "unfuse-inverted-bottleneck"
    summary = "A fused inverted bottleneck is faster unfused on the target."

    evidence = (
        Evidence(
            target="ethos-u55-128",
            dtype="int8",
            shapes="(H, C) = (112, 16), (56, 24), (28, 32), (14, 96), (7, 160), expansion 6, whole block",
            effect="cycles fused / inverted 1.15, 2.02, 1.57, 3.09, 4.14",
            sample="5 shapes",
            source="Vela 5.2.0 internal compiler estimate, measured for this project",
        ),
        Evidence(
            target="ethos-u85-1024, ethos-u85-2048",
            dtype="int8",
            shapes="(14, 96) and (7, 160) of the same, in context",
            effect="2.05, 2.50 and 2.02, 2.10: late layers lose by fusion on large arrays too",
            sample="2 shapes on each target",
            source="Vela 5.2.0 internal compiler estimate, measured for this project",
        ),
        Evidence(
            target="TPU",
            dtype="bfloat16",
            shapes="EfficientNetV2-like, stages fused: 1-3, 1-5, all",
            effect="362, 327, 254 images/s per core: unfusing the late stages gains",
            sample="3 networks",
            source="Tan & Le, EfficientNetV2, arXiv 2104.00298, table 3",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.expand = nn.Sequential(\n"
                "            nn.Conv2d(160, 960, 3, padding=1, bias=False), nn.BatchNorm2d(960), nn.ReLU6())\n"
                "        self.project = nn.Sequential(nn.Conv2d(960, 160, 1, bias=False), nn.BatchNorm2d(160))\n"
                "    def forward(self, x):\n"
                "        return x + self.project(self.expand(x))\n"
            ),
            input=(1, 160, 7, 7),
            target="ethos-u55-128",
            move={"kind": "unfuse_ibn"},
            line=5,
            fixed=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.expand = nn.Sequential(\n"
                "            nn.Conv2d(160, 960, 1, bias=False),\n"
                "            nn.BatchNorm2d(960),\n"
                "            nn.ReLU6(),\n"
                "            nn.Conv2d(960, 960, 3, padding=1, bias=False, groups=960), "
                "nn.BatchNorm2d(960), nn.ReLU6())\n"
                "        self.project = nn.Sequential(nn.Conv2d(960, 160, 1, bias=False), nn.BatchNorm2d(160))\n"
                "    def forward(self, x):\n"
                "        return x + self.project(self.expand(x))\n"
            ),
        ),
    )
    valid = (
        Case(
            source=invalid[0].source.replace("960", "96").replace("160", "16"),
            input=(1, 16, 112, 112),
            target="ethos-u85-1024",
        ),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        for ibn in find_ibn(look.graph):
            if not ibn.fused:
                continue
            parts = (ibn.expand, ibn.expand_norm, ibn.expand_act)
            yield Advice(
                op=ibn.expand,
                moves=(UnfuseIBN(ibn.expand),),
                explain=partial(_message, look, ibn.expand),
                layers=(ibn.expand, ibn.project),
                block=True,
                bound_us=sum(k.latency_us for k in look.kernels(k for k in parts if k is not None)),
            )


def _message(look: Look, expand: int, outcomes: Sequence[Outcome]) -> str | None:
    (outcome,) = outcomes
    kernel = "×".join(map(str, look.graph.by_key[expand].attrs["kernel"]))
    return (
        f"splitting the {kernel} expansion into a 1×1 and a depthwise convolution saves {time(outcome.gain_us)} "
        f"({percent(outcome.gain_percent)}) on {look.target.name}"
    )
