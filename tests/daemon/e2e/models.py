"""Models that are opened, and what is known of them."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

NET = '''\
"""A net with one layer that is too wide by one."""

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, padding=1)
        self.wide = nn.Conv2d(32, 65, 3, padding=1)
        self.head = nn.Conv2d(65, 64, 3, padding=1)

    def forward(self, x):
        return self.head(self.wide(self.stem(x).relu()).relu())
'''
"""On ``cpu-x86``, which is the default, its only finding is CHN101 at ``NUMBER`` in ``WIDE``."""
WIDE = "nn.Conv2d(32, 65, 3, padding=1)"
NUMBER = "65"


def mobilenet() -> str:
    """torchvision's MobileNetV2, as a file of a project instead of the library's own."""
    package = importlib.util.find_spec("torchvision")
    assert package is not None and package.origin is not None
    text = Path(package.origin).with_name("models").joinpath("mobilenetv2.py").read_text(encoding="utf-8")
    text = re.sub(r"^from \.\.", "from torchvision.", text, flags=re.MULTILINE)
    text = re.sub(r"^from \.", "from torchvision.models.", text, flags=re.MULTILINE)
    return re.sub(r"^@register_model.*\n", "", text, flags=re.MULTILINE)
