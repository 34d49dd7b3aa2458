from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from advisor.moves import DepthwiseToStandard
from advisor.moves.chain import in_channels, is_depthwise
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule
from advisor.units import percent, time

from .floor import conv_us


class DepthwiseConvolution(Rule):
    """
    ## What it does
    Finds depthwise convolutions that would run faster as standard ones, which mix all channels, on the target.

    ## Why is this bad?
    MAC arrays get their speed from using each input for many outputs. A depthwise convolution uses it for one
    channel only, so most of the array idles: with few channels, the standard convolution does more work in less time,
    and it can represent more. With many channels its work grows with their square and the depthwise one wins. Where
    the two meet depends on the array: on some targets they cost the same with eight channels, and the rule is silent.
    Each layer is re-estimated on each target.

    ## Example
    On `ethos-u85-256`, at 112×112:
    ```python
    self.filter = nn.Conv2d(8, 8, 5, padding=2, groups=8)
    ```

    ## Use instead
    ```python
    self.filter = nn.Conv2d(8, 8, 5, padding=2)
    ```

    ## Fix safety
    Unsafe: the network becomes another one, with more parameters, and has to be trained. (A standard convolution
    can start as the depthwise one: its weights on the diagonal, zeros elsewhere.)
    """

    code = "DWC301"
    name = "depthwise-to-standard"
    summary = "A depthwise convolution is slower than a standard one on the target."

    evidence = (
        Evidence(
            target="Edge TPU, DSP and CPU of phones",
            dtype="int8 (Edge TPU, DSP), float32 (CPU)",
            shapes="SSDLite detectors at 320×320, searched with standard convolutions among the choices",
            effect="mAP over MobileNetV2+SSDLite at no more latency: Edge TPU +3.7, DSP +3.4, CPU +1.9",
            sample="1 searched network a device",
            source="Xiong et al., MobileDets, arXiv 2004.14525",
        ),
        Evidence(
            target="ethos-u85-256",
            dtype="int8",
            shapes="depthwise 3×3 and 5×5 between a 3×3 stem and a 1×1, at 112×112 and 56×56, 8, 16 and 32 channels",
            effect="as a standard one, cycles of the whole: 8 channels −18 % and −28 %; 16 channels +27 to +49 %; "
            "32 channels +87 to +149 %",
            sample="12 pairs of compilations",
            source="Vela 5.2.0 internal compiler estimate, measured for this project",
        ),
        Evidence(
            target="ethos-u55-128, ethos-u55-256, ethos-u85-1024-shared",
            dtype="int8",
            shapes="the same",
            effect="8 channels cost the same, to within 1 %; 16 channels +11 to +50 %; 32 channels +52 to +150 %",
            sample="12 pairs of compilations on each target",
            source="Vela 5.2.0 internal compiler estimate, measured for this project",
        ),
        Evidence(
            target="ethos-u85-1024, ethos-u85-2048",
            dtype="int8",
            shapes="1×1 expansion and depthwise 3×3 against one standard 3×3, (H, C) = (112, 16), (56, 24), (14, 96)",
            effect="cycles 0.59, 0.77, 2.05 and 0.68, 0.82, 2.02 times as many: pays with few channels only",
            sample="3 shapes on each target",
            source="Vela 5.2.0 internal compiler estimate, measured for this project",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)\n"
                "        self.filter = nn.Conv2d(8, 8, 5, padding=2, groups=8)\n"
                "        self.mix = nn.Conv2d(8, 32, 1)\n"
                "    def forward(self, x):\n"
                "        return self.mix(self.filter(self.stem(x).relu()).relu())\n"
            ),
            input=(1, 3, 224, 224),
            target="ethos-u85-256",
            move={"kind": "depthwise_to_standard"},
            line=5,
            fixed=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)\n"
                "        self.filter = nn.Conv2d(8, 8, 5, padding=2)\n"
                "        self.mix = nn.Conv2d(8, 32, 1)\n"
                "    def forward(self, x):\n"
                "        return self.mix(self.filter(self.stem(x).relu()).relu())\n"
            ),
        ),
    )
    valid = (
        Case(source=invalid[0].source.replace("8", "16"), input=(1, 3, 224, 224), target="ethos-u85-256"),
        Case(source=invalid[0].source, input=(1, 3, 224, 224), target="ethos-u55-128"),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        graph = look.graph
        for op in graph.ops:
            if not is_depthwise(graph, op) or op.attrs["transposed"]:
                continue
            channels = in_channels(graph, op)
            standard = conv_us(look, graph.shape(op.outputs[0]), channels, op.attrs["kernel"])
            yield Advice(
                op=op.key,
                moves=(DepthwiseToStandard(op.key),),
                explain=partial(_message, look, channels),
                bound_us=sum(k.latency_us for k in look.kernels([op.key])) - standard,
            )


def _message(look: Look, channels: int, outcomes: Sequence[Outcome]) -> str | None:
    (outcome,) = outcomes
    return (
        f"depthwise over {channels} channels leaves the array of {look.target.name} idle: "
        f"a standard convolution saves {time(outcome.gain_us)} ({percent(outcome.gain_percent)})"
    )
