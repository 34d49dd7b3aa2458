"""Typing stays smooth: from a key to the painted frame, the extension may add a tenth. Both sides of the ratio are
measured in turns, in one run. With ``--benchmark-enable`` it is held; else one block is typed, for what happens."""

from __future__ import annotations

import json
import re
import shutil
import statistics
from pathlib import Path

import advisor
from advisor.units import time

LINES = 2000
BLOCKS = 8
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
    held = request.config.getoption("benchmark_enable")
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
        blocks=BLOCKS if held else 1,
        latency=time(next(iter(costs.values())).latency_us),
    )
    (line,) = re.findall(r"^times (.*)$", said, re.MULTILINE)
    times = json.loads(line)
    pairs = [(statistics.median(a), statistics.median(b)) for a, b in zip(times["on"], times["off"], strict=True)]
    ratio = statistics.median(a / b for a, b in pairs)
    blocks = ", ".join(f"{a:.1f}/{b:.1f}" for a, b in pairs)
    told = (
        f"key to paint, with the extension / without, ms, medians of {len(times['on'][0])} keys: {blocks}; {ratio:.3f}"
    )
    print(told)
    assert len(pairs) == (BLOCKS if held else 1)
    assert ratio <= LIMIT or not held, told
