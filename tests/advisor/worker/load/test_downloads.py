"""Constructors that fetch weights by whatever road are built without any."""

from __future__ import annotations

import pytest

from ..audits import Auditor, attempt, candidate

NET = """
import io, urllib.request
from pathlib import Path
import torch
from torch import nn
{imports}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        {fetch}

    def forward(self, x):
        return self.conv(x)
"""
URL = '"https://example.org/net.pth"'
ROADS = {
    "urlopen": ("", f"self.load_state_dict(torch.load(io.BytesIO(urllib.request.urlopen({URL}).read())))"),
    "urlopen in a with block": ("", f"with urllib.request.urlopen({URL}) as r: self.load_state_dict(torch.load(r))"),
    "urlopen by its name": (
        "from urllib.request import urlopen",
        f"Path('w.pth').write_bytes(urlopen({URL}).read()); self.load_state_dict(torch.load('w.pth'))",
    ),
    "urlretrieve": ("", f"urllib.request.urlretrieve({URL}, 'w.pth'); self.load_state_dict(torch.load('w.pth'))"),
    "torch.hub": ("", f"torch.hub.download_url_to_file({URL}, 'w.pth'); self.load_state_dict(torch.load('w.pth'))"),
}


@pytest.mark.parametrize(("imports", "fetch"), ROADS.values(), ids=ROADS)
def test_weights_are_fetched_by_no_road(auditor: Auditor, imports: str, fetch: str) -> None:
    path = auditor.write("net.py", NET.format(imports=imports, fetch=fetch))
    [model] = [
        e for e in auditor.run(path, candidate("Net", attempts=[attempt(source="default")])) if e["event"] == "model"
    ]
    assert model["status"] == "ok", model["error"]


def test_requests_are_answered_with_nothing(auditor: Auditor) -> None:
    """By the shape of the library: the class that every function of it goes through."""
    auditor.write(
        "requests/__init__.py", "from .sessions import Session\n\ndef get(url): return Session().request('GET', url)\n"
    )
    auditor.write("requests/sessions.py", "class Session:\n    def request(self, *args): raise OSError('no network')\n")
    fetch = f"r = requests.get({URL}); r.raise_for_status(); self.load_state_dict(torch.load(io.BytesIO(r.content)))"
    path = auditor.write("net.py", NET.format(imports="import requests", fetch=fetch))
    [model] = [
        e for e in auditor.run(path, candidate("Net", attempts=[attempt(source="default")])) if e["event"] == "model"
    ]
    assert model["status"] == "ok", model["error"]
