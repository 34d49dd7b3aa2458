from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from advisor.moves import SetWidth
from advisor.rule import Advice, Case, Evidence, Look, Outcome, Rule
from advisor.units import percent, time

from .alignment import free_groups, misaligned, neighbours, saving_bound, touched

SAME = 0.5
"""A change of the model's latency by less than this many percent is called the same."""

STEP = 0.5
"""A channel more may cost this share of what a channel less saves for the width to count as wasteful."""

LEAST = 0.05
"""A narrower width that saves less than this many percent is not worth naming."""


class MisalignedChannels(Rule):
    """
    ## What it does
    Finds channel groups (all the dimensions that have to change together) whose width is no multiple of what the
    target's MAC array processes at a time, and says both what rounding up costs and what rounding down saves.

    ## Why is this bad?
    The array pads every layer to its own multiple: the lanes between the width and that multiple compute nothing but
    take the time. Whether that matters depends on the layer: one that waits for memory gains nothing in compute, and a
    wider layer moves more data. So both neighbours are re-estimated, and the finding is silent where the
    narrower one saves less than `min-gain`, or where there is no step between the two: where a channel more costs
    more than half of what a channel less saves. On targets without such a multiple the rule never fires.

    ## Example
    On `ethos-u85-1024`:
    ```python
    self.conv1 = nn.Conv2d(60, 60, 3, padding=1)
    self.conv2 = nn.Conv2d(60, 60, 3, padding=1)
    ```

    ## Use instead
    ```python
    self.conv1 = nn.Conv2d(64, 64, 3, padding=1)  # no slower, more capacity
    self.conv2 = nn.Conv2d(64, 64, 3, padding=1)
    ```
    or 48, where the accuracy allows it.

    ## Fix safety
    Unsafe: the network becomes another one and has to be trained. Rounding up keeps at least the capacity.
    """

    code = "CHN101"
    name = "misaligned-channels"
    summary = "A channel count wastes lanes of the target's MAC array."

    evidence = (
        Evidence(
            target="ethos-u55-128",
            dtype="int8",
            shapes="3×3 convolution, 32×32, C in = C out = 16, 20, 32, 36",
            effect="26, 76, 75 and 188 k-cycles: 20 channels cost what 32 do, 36 cost 2.5 times as much as 32",
            sample="4 compilations",
            source="Vela 5.2.0 internal compiler estimate, measured for this project",
        ),
        Evidence(
            target="ethos-u85-2048",
            dtype="int8",
            shapes="a table-driven network of inverted bottlenecks with odd widths",
            effect="every stage down to a multiple of 8: −28 % cycles for −21 % MACs; up: +0.9 % for +13 % MACs",
            sample="1 network, 3 versions",
            source="Vela 5.2.0 internal compiler estimate, measured for this project",
        ),
        Evidence(
            target="ethos-u85-1024, ethos-u55-128",
            dtype="int8",
            shapes="the same network",
            effect="u85-1024: down to 8 saves 36 %, to 16 only 16 %; u55-128: up to 16 costs 19 %: no blanket multiple",
            sample="1 network, 4 versions",
            source="Vela 5.2.0 internal compiler estimate, measured for this project",
        ),
    )
    invalid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 68, 3, padding=1)\n"
                "        self.b = nn.Conv2d(68, 64, 3, padding=1)\n"
                "    def forward(self, x):\n"
                "        return self.b(self.a(x).relu()).mean((2, 3))\n"
            ),
            input=(1, 3, 64, 64),
            target="ethos-u85-1024",
            move={"kind": "set_width", "width": 64},
            line=4,
            fixed=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 64, 3, padding=1)\n"
                "        self.b = nn.Conv2d(64, 64, 3, padding=1)\n"
                "    def forward(self, x):\n"
                "        return self.b(self.a(x).relu()).mean((2, 3))\n"
            ),
        ),
    )
    valid = (
        Case(
            source=(
                "class Model(nn.Module):\n"
                "    def __init__(self):\n"
                "        super().__init__()\n"
                "        self.a = nn.Conv2d(3, 64, 3, padding=1)\n"
                "        self.b = nn.Conv2d(64, 64, 3, padding=1)\n"
                "    def forward(self, x):\n"
                "        return self.b(self.a(x).relu()).mean((2, 3))\n"
            ),
            input=(1, 3, 64, 64),
            target="ethos-u85-1024",
        ),
    )

    def check(self, look: Look) -> Iterable[Advice]:
        for group in free_groups(look):
            multiples = misaligned(look, group)
            widths = neighbours(group, multiples)
            if not widths or widths[0] > group.width:
                continue
            yield Advice(
                op=group.key,
                moves=[SetWidth(group.key, w) for w in widths],
                explain=partial(_message, look.target.name, group.width),
                layers=group.producers,
                bound_us=saving_bound(look, group, touched(look, group), widths[0], multiples[-1]),
                number=group.width,
            )


def _message(target: str, width: int, outcomes: Sequence[Outcome]) -> str | None:
    widths = {o.move.width: o for o in outcomes if isinstance(o.move, SetWidth)}
    if not _steps(width, widths):
        return None
    same = [w for w in widths if w > width and _same(widths[w])]
    told = [w for w in sorted(widths, reverse=True) if w > width or widths[w].gain_percent >= LEAST]
    parts = ", ".join(_part(w, widths[w]) for w in told if w not in same[1:])
    if not same:
        return f"{width} channels suit {target} badly: {parts}"
    return f"{width} channels waste {percent(100 * (1 - width / min(same)))} of {target}: {parts}"


def _steps(width: int, widths: Mapping[int, Outcome]) -> bool:
    """Whether latency rises in a step here: slowly up to a wider neighbour, fast from a narrower one."""
    per_channel = {w: -o.gain_us / (w - width) for w, o in widths.items()}
    below = max((us for w, us in per_channel.items() if w < width), default=0.0)
    above = min((us for w, us in per_channel.items() if w > width), default=0.0)
    return below > 0 and above <= STEP * below


def _same(outcome: Outcome) -> bool:
    return abs(outcome.gain_percent) <= SAME


def _part(width: int, outcome: Outcome) -> str:
    if _same(outcome) and outcome.gain_us <= 0:
        return f"{width} costs the same"
    verb = "saves" if outcome.gain_us >= 0 else "costs"
    return f"{width} {verb} {time(abs(outcome.gain_us))} ({percent(abs(outcome.gain_percent))})"
