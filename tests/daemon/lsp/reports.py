"""Real models, audited once for all tests of what the editor shows."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import advisor
from advisor.daemon.lsp.documents import Elsewhere, Opened
from advisor.daemon.lsp.texts import Codec, Encoding
from advisor.daemon.view import View
from advisor.daemon.viewing import view

NET = '''\
import torch
from torch import nn


def conv_bn(c_in, c_out, stride=1):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, stride, 1),
        nn.BatchNorm2d(c_out),  # 🙂 astral
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        """🙂"""; self.stem = conv_bn(3, 60, 2)
        self.body = nn.Sequential(conv_bn(60, 60), nn.ReLU(), conv_bn(60, 64))
        self.head = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.stem(x)).mean((2, 3)))


class Needy(nn.Module):
    def __init__(self, width, *, groups):
        super().__init__()
        self.conv = nn.Conv2d(width, width.no_such_thing, groups.neither)

    def forward(self, x):
        return self.conv(x)
'''

TARGETS = ("cpu-x86", "ethos-u85-1024")


@cache
def seen(text: str, targets: tuple[str, ...] = TARGETS) -> tuple[Path, View]:
    """The view of ``text`` in a file of its own. Not to be changed."""
    file = Path(tempfile.mkdtemp(prefix="advisor-seen-")) / "net.py"
    file.write_text(text, encoding="utf-8")
    report = advisor.audit(file, target=list(targets))
    return file, view(report.files[0], text, targets, "traced")


def opened(text: str = NET, encoding: Encoding = "utf-16", targets: tuple[str, ...] = TARGETS) -> Opened:
    """``text`` as a client that counts in ``encoding`` has it open."""
    file, found = seen(text, targets)
    document = Opened(file.as_uri(), file, 1, text, Elsewhere(Codec(encoding), lambda _: None))
    document.view = found
    return document
