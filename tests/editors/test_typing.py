"""Typing stays smooth: from a key to the painted frame, the extension may add a tenth. Both sides of the ratio are
measured in turns, in one run. With ``--typing-table`` it is held; else one block is typed, for what happens."""

from __future__ import annotations

import json
import re
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path

import advisor
from advisor.units import time

LINES = 2000
BLOCKS = 14
LIMIT = 1.1

BLOCK = '''

class Block{n}(nn.Module):
    """Two convolutions with a shortcut, as block {n} of the network has them.

    The first may reduce the resolution; the shortcut follows it by a projection.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first_norm(self.first(x)).relu()
        y = self.second_norm(self.second(y))
        return (y + self.shortcut(x)).relu()
'''


def model() -> str:
    """A network of as many blocks, each a class of its own, as make the file long enough."""
    count = -(-LINES // (BLOCK.count("\n") + 2))
    head = '"""A long file with one network."""\n\nimport torch\nfrom torch import nn\n'
    layers = "".join(f"        self.block{n} = Block{n}({16 if n else 3}, 16)\n" for n in range(count))
    calls = "".join(f"        x = self.block{n}(x)\n" for n in range(count))
    net = f"\n\nclass Net(nn.Module):\n    def __init__(self) -> None:\n        super().__init__()\n{layers}"
    text = head + "".join(BLOCK.format(n=n) for n in range(count)) + net
    return f"{text}\n    def forward(self, x: torch.Tensor) -> torch.Tensor:\n{calls}        return x\n"


def project(server, name: str, text: str) -> Path:
    folder = server.project(name)
    (folder / "net.py").write_text(text, encoding="utf-8")
    return folder


def test_from_a_key_to_the_painted_frame(vscode, code_server, tmp_path, request):
    page: Path | None = request.config.getoption("typing_table")
    text = model()
    assert text.count("\n") >= LINES
    on, off = project(code_server, "typing", text), project(code_server, "typing-off", text)
    shutil.copytree(on, tmp_path / "net")
    costs = advisor.audit(tmp_path / "net" / "net.py").models[0].costs
    said = vscode.outside(
        "ui/typing.ts",
        on,
        300,
        plainUrl=code_server.url(off),
        file="net.py",
        line=text[: text.index("self.block3 =")].count("\n") + 1,
        blocks=BLOCKS if page else 1,
        latency=time(next(iter(costs.values())).latency_us),
    )
    (line,) = re.findall(r"^times (.*)$", said, re.MULTILINE)
    times = json.loads(line)
    pairs = [(statistics.median(a), statistics.median(b)) for a, b in zip(times["on"], times["off"], strict=True)]
    assert len(pairs) == (BLOCKS if page else 1)
    if page is not None:
        ratio = statistics.median(a / b for a, b in pairs)
        page.write_text(table(pairs, ratio, len(times["on"][0]), text.count("\n")), encoding="utf-8")
        assert ratio <= LIMIT, f"see {page}"


def table(pairs: Sequence[tuple[float, float]], ratio: float, keys: int, lines: int) -> str:
    """What was measured, as a page."""
    rows = "".join(f"| {i} | {on:.1f} | {off:.1f} | {on / off:.3f} |\n" for i, (on, off) in enumerate(pairs, 1))
    return (
        "# Typing with the extension and without\n\n"
        f"From a key to the painted frame, in VS Code in a browser, in a model file of {lines:,} lines: medians of\n"
        f"{keys} keys in ms. Two windows of one browser take turns; one of them has extensions off. Written by `make\n"
        "verify-typing` on a machine with two cores that had nothing else to do.\n\n"
        "| turn | with | without | ratio |\n|---:|---:|---:|---:|\n"
        f"{rows}\nMedian of the ratios: **{ratio:.3f}** (required: at most {LIMIT:.2f}).\n"
    )
