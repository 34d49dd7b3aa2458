"""What a literal is written in."""

from __future__ import annotations

import pytest

from advisor.advice.surroundings import Around, Text
from advisor.graph import Span

SOURCE = """\
WIDTH = 61
TABLE = [
    [6, 62, 4, 2],  # é
]
NAMES = {"small": (63, 3), "é": 64}
BLOCKS = ["ir_r2_c65"]


class Net(Base):
    def __init__(self, width=66, *, depth=67):
        self.a = nn.Conv2d(3, 68 * 2,
                           kernel_size=3)
        if width:
            return 69 + width
        self.cfg: int = 70
"""


@pytest.mark.parametrize(
    ("number", "around"),
    [
        ("61", Around("WIDTH = 61")),
        ("62", Around("[6, 62, 4, 2]", 2)),
        ("63", Around("(63, 3)", 1)),
        ("64", Around('"é": 64')),
        ("65", Around('"ir_r2_c65"')),
        ("66", Around("width=66")),
        ("67", Around("depth=67")),
        ("68", Around("nn.Conv2d(3, 68 * 2, kernel_size=3)")),
        ("69", Around("return 69 + width")),
        ("70", Around("self.cfg: int = 70")),
    ],
)
def test_what_it_is_written_in(number: str, around: Around):
    lines = SOURCE.split("\n")
    line = next(n for n, text in enumerate(lines, 1) if number in text)
    column = lines[line - 1].index(number) + 1
    assert Text(lines).around(Span("net.py", line, column, line, column + 2)) == around


def test_a_file_of_another_language_gives_its_line():
    text = Text(["stem: [1, 2]", "  width: 60  # channels"])
    assert text.around(Span("net.yaml", 2, 10, 2, 12)) == Around("width: 60 # channels")
    assert text.around(Span("net.yaml", 7, 1, 7, 2)) == Around("")
