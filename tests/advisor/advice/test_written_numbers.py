"""Findings about widths stand on the number that somebody wrote, whichever file it is in."""

from __future__ import annotations

from pathlib import Path

import pytest

import advisor

BLOCK = """\
from torch import nn


class Small(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 2, 1)
        self.body = nn.Sequential(*(nn.Conv2d(width, width, 3, 1, 1) for _ in range(depth)))
        self.head = nn.Conv2d(width, 16, 1)

    def forward(self, x):
        return self.head(self.body(self.stem(x)))
"""
CONFIGURED = BLOCK.replace("width, depth):", "path=CONFIG):").replace(
    "super().__init__()", "super().__init__()\n        width, depth = yaml.safe_load(path.read_text())['small']"
)
CONFIG = "import pathlib\nimport yaml\nCONFIG = pathlib.Path(__file__).parent / 'small.yaml'\n"

PROJECTS = {
    "a call in another file": (
        {"block.py": BLOCK, "train.py": "from block import Small\nnet = Small(68, depth=4)\n"},
        "train.py",
        2,
    ),
    "a comment": ({"block.py": BLOCK.replace("class", "# advisor: args=(68, 4)\nclass", 1)}, "block.py", 4),
    "a configuration": ({"block.py": CONFIG + CONFIGURED, "small.yaml": "# wide\nsmall: [68, 4]\n"}, "small.yaml", 2),
    "a default": ({"block.py": BLOCK.replace("width, depth", "width=68, depth=4")}, "block.py", 5),
    "a string": ({"block.py": BLOCK + '\n\nnet = Small(*map(int, "68_4".split("_")))\n'}, "block.py", 15),
}


@pytest.mark.parametrize("project", PROJECTS)
def test_where_a_width_is_written(tmp_path: Path, project: str):
    files, file, line = PROJECTS[project]
    for name, text in {"pyproject.toml": "", **files}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    report = advisor.audit(tmp_path / "block.py", target="ethos-u85-1024", min_gain=0, select=["CHN101"])
    places = {f.span for f in report.findings() if f.message.startswith("68 channels")}
    assert len(places) == 1
    (span,) = places
    written = (tmp_path / file).read_text(encoding="utf-8").splitlines()[span.line - 1]
    assert (Path(span.file).name, span.line) == (file, line)
    assert written[span.column - 1 : span.end_column - 1] == "68"
