"""Libraries that a request names for import before the fork."""

from __future__ import annotations

from pathlib import Path

from advisor.discovery.project import Project
from advisor.discovery.request import discover

from .helpers import found, write

NET = """
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return x
"""


def preload(text: str, folder: Path, others: dict[str, str] | None = None) -> list[str]:
    request = found(folder, text + NET, others).request
    assert request is not None
    return request["preload"]


def test_imports_anywhere_in_the_file(tmp_path: Path) -> None:
    text = "import timm.layers as tl\nfrom einops.layers.torch import Rearrange\ndef late():\n    import torchvision\n"
    assert preload(text, tmp_path) == ["einops", "timm", "torchvision"]


def test_others_are_left_alone(tmp_path: Path) -> None:
    assert preload("import json, torch, somebodys_package\n", tmp_path) == []


def test_files_of_the_project_are_followed(tmp_path: Path) -> None:
    others = {
        "lib/__init__.py": "",
        "lib/blocks.py": "from .deep import f\n",
        "lib/deep.py": "from scipy import signal\n",
        "unused.py": "import timm\n",
    }
    assert preload("from lib import blocks\n", tmp_path, others) == ["scipy"]


def test_what_the_project_provides_itself_is_no_library(tmp_path: Path) -> None:
    assert preload("from timm import models\n", tmp_path, {"timm/__init__.py": "", "timm/models.py": ""}) == []


def test_a_file_of_an_installed_library_has_that_library_alone(tmp_path: Path) -> None:
    folder = write(
        tmp_path, {"site-packages/timm/__init__.py": "", "site-packages/timm/net.py": "import numpy\n" + NET}
    )
    path = folder / "site-packages" / "timm" / "net.py"
    request = discover(path, Project(folder / "site-packages")).request
    assert request is not None
    assert request["preload"] == ["timm"]
