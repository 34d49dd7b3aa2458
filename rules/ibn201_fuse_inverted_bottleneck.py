from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from advisor.moves import FuseIBN, find_ibn
from advisor.moves.chain import in_channels
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule
from advisor.units import percent, time

from .floor import conv_us

VELA = "Vela 5.2.0 internal compiler estimate, measured for this project"


class FuseInvertedBottleneck(Rule):
    """
    ## What it does
    Finds inverted bottlenecks (1×1 expansion, depthwise k×k, 1×1 projection) whose expansion and depthwise
    convolution would run faster as one k×k convolution on the target.

    ## Why is this bad?
    A depthwise convolution gives a MAC array almost nothing to share between channels, so a large array idles;
    and the wide tensor between the two layers is written and read. One dense k×k convolution does several
    times the MACs, yet on a large array it is faster where channels are few and images large: in early layers. Late
    layers and small arrays lose by it, so every block is re-estimated on each target.

    ## Example
    On `ethos-u85-1024`, at 56×56:
    ```python
    nn.Sequential(
        nn.Conv2d(24, 144, 1),
        nn.BatchNorm2d(144),
        nn.ReLU6(),
        nn.Conv2d(144, 144, 3, padding=1, groups=144),
        nn.BatchNorm2d(144),
        nn.ReLU6(),
        nn.Conv2d(144, 24, 1),
        nn.BatchNorm2d(24),
    )
    ```

    ## Use instead
    ```python
    nn.Sequential(
        nn.Conv2d(24, 144, 3, padding=1),
        nn.BatchNorm2d(144),
        nn.ReLU6(),
        nn.Conv2d(144, 24, 1),
        nn.BatchNorm2d(24),
    )
    ```

    ## Fix safety
    Unsafe: the network becomes another one, with more parameters and MACs, and has to be trained.
    """

    code = "IBN201"
    name = "fuse-inverted-bottleneck"
    summary = "An inverted bottleneck is faster fused on the target."

    evidence = (
        Evidence(
            target="ethos-u85-1024, ethos-u85-2048",
            dtype="int8",
            shapes="(H, C) = (112, 16), (56, 24), (28, 32), (14, 96), (7, 160), expansion 6, in context",
            effect="cycles fused / inverted 0.59, 0.77, 1.17, 2.05, 2.50 and 0.68, 0.82, 0.76, 2.02, 2.10",
            sample="5 shapes on each target",
            source=VELA,
        ),
        Evidence(
            target="ethos-u55-128",
            dtype="int8",
            shapes="the same five, whole block",
            effect="1.15, 2.02, 1.57, 3.09, 4.14: fusing does not pay on a small array",
            sample="5 shapes",
            source=VELA,
        ),
        Evidence(
            target="ethos-u85-2048",
            dtype="int8",
            shapes="MobileNetV2, 320×320",
            effect="fusing blocks 1-6 and 13, chosen greedily: −40 % cycles",
            sample="1 network, 17 blocks tried",
            source=VELA,
        ),
        Evidence(
            target="TPU",
            dtype="bfloat16",
            shapes="EfficientNetV2-like, stages fused: none, 1-3, 1-5, all",
            effect="262, 362, 327, 254 images/s per core: early stages gain, all stages lose",
            sample="4 networks",
            source="Tan & Le, EfficientNetV2, arXiv 2104.00298, table 3",
        ),
        Evidence(
            target="CPU (i9-10940X, i7-12700H), GPU (RTX 3090)",
            dtype="float32 (CPU), mixed float16 (GPU)",
            shapes="efficientnet_es (fused blocks, no SE, ReLU) against efficientnet_b0, 224×224: 4.5 times the MACs",
            effect="6.98 against 9.95 ms (i9) and 15.3 against 10.7 ms (i7) at batch 1, 209.8 against 147.9 ms (GPU, "
            "NCHW) at batch 1024: the same change helps one device and hurts another",
            sample="2 networks on 3 devices",
            source="timm's benchmark results (Apache-2.0), PyTorch 2.4",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.block = nn.Sequential(\n"
                "            nn.Conv2d(16, 96, 1, bias=False), nn.BatchNorm2d(96), nn.ReLU6(),\n"
                "            nn.Conv2d(96, 96, 3, padding=1, groups=96, bias=False), nn.BatchNorm2d(96), nn.ReLU6(),\n"
                "            nn.Conv2d(96, 16, 1, bias=False), nn.BatchNorm2d(16))\n"
                "    def forward(self, x):\n"
                "        return x + self.block(x)\n"
            ),
            input=(1, 16, 112, 112),
            target="ethos-u85-1024",
            move={"kind": "fuse_ibn"},
            line=5,
            fixed=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.block = nn.Sequential(\n"
                "            nn.Conv2d(16, 96, 3, padding=1, bias=False), nn.BatchNorm2d(96), nn.ReLU6(),\n"
                "            nn.Conv2d(96, 16, 1, bias=False), nn.BatchNorm2d(16))\n"
                "    def forward(self, x):\n"
                "        return x + self.block(x)\n"
            ),
        ),
    )
    valid = (
        Case(source=invalid[0].source, input=(1, 16, 112, 112), target="ethos-u55-128"),
        Case(
            source=invalid[0].source.replace("96", "960").replace("16,", "160,").replace("(16)", "(160)"),
            input=(1, 160, 7, 7),
            target="ethos-u85-1024",
        ),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        for ibn in find_ibn(look.graph):
            if ibn.depthwise is None:
                continue
            parts = (ibn.expand, ibn.expand_norm, ibn.expand_act)
            parts += (ibn.depthwise, ibn.depthwise_norm, ibn.depthwise_act)
            now = sum(k.latency_us for k in look.kernels(k for k in parts if k is not None))
            yield Advice(
                op=ibn.expand,
                moves=(FuseIBN(ibn.expand, ibn.depthwise),),
                explain=partial(_message, look, ibn.depthwise),
                layers=(ibn.expand, ibn.depthwise),
                block=True,
                bound_us=now - _fused_us(look, ibn.expand, ibn.depthwise),
            )


def _fused_us(look: Look, expand: int, depthwise: int) -> float:
    graph = look.graph
    first, second = graph.by_key[expand], graph.by_key[depthwise]
    return conv_us(look, graph.shape(second.outputs[0]), in_channels(graph, first), second.attrs["kernel"])


def _message(look: Look, depthwise: int, outcomes: Sequence[Outcome]) -> str | None:
    (outcome,) = outcomes
    kernel = "×".join(map(str, look.graph.by_key[depthwise].attrs["kernel"]))
    return (
        f"fusing the 1×1 expansion and the depthwise {kernel} convolution into one saves {time(outcome.gain_us)} "
        f"({percent(outcome.gain_percent)}) on {look.target.name}, for {outcome.after.macs / look.costs.macs:.2f} "
        "times the model's MACs"
    )
