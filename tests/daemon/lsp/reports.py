"""Real models, audited once for all tests of what the editor shows."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import advisor
from advisor.daemon.lsp.documents import Elsewhere, Opened
from advisor.daemon.lsp.texts import Codec, Encoding
from advisor.daemon.view import View
from advisor.daemon.viewing import view

from .client import PULL, Editor, FakeLanes, editing

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

MIXED = (
    NET.replace("stride=1):", "stride=1, norm=nn.BatchNorm2d):")
    .replace("nn.BatchNorm2d(c_out),", "norm(c_out),")
    .replace("conv_bn(60, 64))", "conv_bn(60, 64), conv_bn(64, 64, 1, nn.Identity))")
)
"""With a fourth layer made on line 7 whose bias counts: those of the three others are findings of their own there."""

_FOLDER = tempfile.TemporaryDirectory(prefix="advisor-seen-")
"""Gone when the tests are over."""

TARGETS = ("cpu-x86", "ethos-u85-1024")


@cache
def seen(text: str) -> tuple[Path, View]:
    """The view of ``text`` in a file of its own. Not to be changed."""
    file = Path(tempfile.mkdtemp(dir=_FOLDER.name)) / "net.py"
    file.write_text(text, encoding="utf-8")
    report = advisor.audit(file, target=list(TARGETS))
    return file, view(report.files[0], text, TARGETS, "traced")


def opened(text: str = NET, encoding: Encoding = "utf-16") -> Opened:
    """``text`` as a client that counts in ``encoding`` has it open."""
    file, found = seen(text)
    document = Opened(file.as_uri(), file, 1, text, Elsewhere(Codec(encoding), lambda _: None))
    document.view = found
    return document


@asynccontextmanager
async def shown(
    capabilities: dict[str, Any] | None = None, text: str = NET, lanes: FakeLanes | None = None, **options: Any
) -> AsyncIterator[tuple[Editor, str]]:
    """An editor that has ``text`` open in a trusted workspace, once it is traced; and the uri."""
    file, found = await asyncio.to_thread(seen, text)
    lanes = lanes or FakeLanes()
    lanes.answers["warm"] = lambda _: {}
    async with editing(lanes, cwd=file.parent) as editor:
        await editor.initialize(file.parent, capabilities or PULL, **{"trusted": True, **options})
        editor.open(file.as_uri(), text)
        (await lanes.next(0)).answer(found.to_plain())
        await editor.settled()
        yield editor, file.as_uri()


async def diagnostics(editor: Editor, uri: str, code: str) -> list[dict[str, Any]]:
    """Those of a code that the editor gets when it asks."""
    report = await editor.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}})
    return [d for d in report["items"] if d["code"] == code]
