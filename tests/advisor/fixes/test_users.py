"""Who uses whom is what their imports say."""

from __future__ import annotations

import pytest

from advisor.discovery.index import Index
from advisor.fixes.users import Users

FILES = {
    "pkg/__init__.py": "",
    "pkg/widths.py": "LAST = 68\n",
    "pkg/blocks.py": "from .widths import LAST\n",
    "pkg/net.py": "from . import blocks\n",
    "pkg/star.py": "from pkg.blocks import *\n",
    "pkg/late.py": "def build():\n    from pkg.net import Net\n    return Net()\n",
    "pkg/alone.py": "import torch\n",
    "pkg/settings.py": "import yaml\nC = yaml.safe_load(open('net.yaml'))\n",
    "pkg/over.py": "from pkg.settings import C\n",
    "pkg/round.py": "import pkg.about\n",
    "pkg/about.py": "import pkg.round\n",
    "net.yaml": "width: 68\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("edited", "using"),
    [
        ("pkg/widths.py", {"widths", "blocks", "net", "star", "late"}),
        ("pkg/net.py", {"net", "late"}),
        ("pkg/alone.py", {"alone"}),
        ("net.yaml", {"settings", "over"}),
        ("pkg/about.py", {"about", "round"}),
    ],
)
def test_files_use_what_they_import_or_name(folder, edited, using):
    files = [folder / name for name in FILES if name.endswith(".py")]
    users = Users(files, Index())
    assert {f.stem for f in files if users.uses(f, [folder / edited])} == using
