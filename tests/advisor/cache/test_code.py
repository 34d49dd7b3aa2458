"""What of a text matters, and where it went."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cache.code import Code, may_reach, reads_source, significant
from advisor.cache.moves import moves

NET = '''\
"""A net."""
import torch
from torch import nn

WIDTH = 8


class Net(nn.Module):
    """Two layers."""

    def __init__(self, width=WIDTH):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3)
        self.second = nn.Sequential(
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.second(self.first(x))


def train(model, epochs=3):
    for _ in range(epochs):
        print("loss", model)


if __name__ == "__main__":
    train(Net())
'''


def same(a: str, b: str, **options: object) -> bool:
    return significant(a, **options).digest == significant(b, **options).digest  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import torch\n", "import torch  # the library\n"),
        ("import torch\n", "\n\n# torch\nimport torch\n\n"),
        ("WIDTH = 8", "WIDTH=8"),
        ("WIDTH = 8", "WIDTH   =   8  "),
        ("nn.Conv2d(3, width, 3)", "nn.Conv2d( 3,width,3 ) # first"),
        ('print("loss", model)', 'print("other", epochs, model)\n        break'),
        ("    train(Net())\n", "    net = Net(3)\n    train(net)\n"),
        ("\n", "\r\n"),
    ],
)
def test_what_does_not_matter(old: str, new: str) -> None:
    assert old in NET
    assert same(NET, NET.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("WIDTH = 8", "WIDTH = 9"),
        ('"""Two layers."""', '"""Two  layers."""'),
        ('"""A net."""', "'''A net.'''"),
        ("nn.ReLU(),", "nn.ReLU()"),
        ("epochs=3", "epochs=4"),
        ("def train", "def trained"),
        ("        return self", "    \treturn self"),
        ("nn.Conv2d(3, width, 3)", "nn.Conv2d(\n            3, width, 3)"),
        ("class Net", "def first():\n    print(1)\n\n\nclass Net"),
        ('if __name__ == "__main__":\n', 'if __name__ != "__main__":\n'),
        ("    train(Net())\n", "    train(Net())\nelse:\n    WIDTH = 9\n"),
        ('print("loss", model)', "return\n    break"),  # no valid Python, although it parses
    ],
)
def test_what_matters(old: str, new: str) -> None:
    assert old in NET
    assert not same(NET, NET.replace(old, new))


@pytest.mark.parametrize(
    "uses",
    [
        "train(None)\n",
        "TABLE = {'f': train}\n",
        "getattr(nn, WIDTH)\n",
        "globals()[WIDTH]()\n",
        "exec(WIDTH)\n",
        "import inspect\n",
        "__all__ = ['train']\n",
        "getattr(self.ns, WIDTH)\n",
        "nn.__getattribute__(WIDTH)\n",
        "from pydoc import locate\n",
        "from pkgutil import resolve_name\n",
        "import pickle\n",
        "\uff47etattr(nn, WIDTH)\n",
    ],
)
def test_a_body_that_something_may_reach_matters(uses: str) -> None:
    text = NET + uses
    assert not same(text, text.replace('"loss"', '"gain"'))


def test_a_body_that_is_used_from_elsewhere_matters() -> None:
    changed = NET.replace('"loss"', '"gain"')
    assert same(NET, changed)
    assert not same(NET, changed, keep={"train"})
    assert not same(NET, changed, leave_out=False)
    assert significant(NET).unused == ["train"]


def test_a_decorated_function_matters() -> None:
    text = NET.replace("def train", "@torch.no_grad()\ndef train")
    assert not same(text, text.replace('"loss"', '"gain"'))


@pytest.mark.parametrize(
    "reads",
    ["import linecache\n", "torch.jit.script(Net())\n", "import inspect\ninspect.getsource(Net)\n", "open(__file__)\n"],
)
def test_every_comment_of_a_file_that_reads_source_matters(reads: str) -> None:
    text = NET + reads
    assert same(text, text)
    assert not same(text, text + "# the end\n")


def test_a_comment_that_hides_a_function_from_the_worker_matters() -> None:
    inside = NET.replace("        super()", "# outdented\n        super()")
    assert not same(NET, inside)
    assert same(NET, NET.replace("        super()", "        # indented\n        super()"))


def test_a_name_is_found_however_it_is_written() -> None:
    text = "def \u00b5():\n    return 8\nW = \u03bc()\n"
    assert not same(text, text.replace("8", "16"))
    assert may_reach("W = net.\u00b5", ["\u03bc"])


@pytest.mark.parametrize(
    "bound", ["for __name__ in ['__main__']: pass\n", "(__name__, x) = '__main__', 1\n", "import a as __name__\n"]
)
def test_a_module_that_names_itself_runs_its_main_block(bound: str) -> None:
    text = bound + NET + '"""\nlogging.getLogger(__name__)\n"""\n'
    assert not same(text, text.replace("train(Net())", "train(Net)"))
    assert same(text.removeprefix(bound), text.removeprefix(bound).replace("train(Net())", "train(Net)"))


@pytest.mark.parametrize("between", ["\n", "# c\n", "  \n", "\f\n"])
def test_an_empty_line_ends_a_line_that_goes_on(between: str) -> None:
    assert not same(f"W = 16 \\\n{between}-8\n", "W = 16 \\\n-8\n")
    assert same("W = 16 \\\n-8 # c\n", "W = 16 \\\n-8\n")


def test_a_point_after_a_number() -> None:
    assert not same("x = 1 .e5\n", "x = 1.e5\n")


@pytest.mark.parametrize(
    "text",
    [
        """d={}\nW = f"{'}' + d["a # b"]}"\n""",
        """W = f"{'{' + d["a # b"]}}"\n""",
        """W = f"{d["a # b"] + '}'}"\n""",
        """W = f'''{'}' + d['''a # b''']}'''\n""",
    ],
)
def test_an_f_string_whose_quotes_are_within_braces_too(text: str) -> None:
    assert not same(text, text.replace("# b", "# c"))


@pytest.mark.parametrize("said", ["""f"{d['a']}" """, """f'{{{x!r:>{w}}' """, 1, """f"{'}'}" """])
def test_an_f_string_whose_end_is_certain(said: str) -> None:
    assert same(f"x = {said}  # one\n", f"x = {said}\n")


def test_an_encoding_matters() -> None:
    assert not same(NET, "# -*- coding: latin-1 -*-\n" + NET)


@pytest.mark.parametrize(
    "text", ["x = '''a\n# b\n'''\n", "x = \"# a\" + '#' # c\n", "x = r'\\'  'b' # c\n", "x = f'{1} # 2'\n"]
)
def test_strings_are_no_comments(text: str) -> None:
    assert not same(text, text.replace("#", "%"))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="f-strings may hold their own quotes from Python 3.12 on")
def test_quotes_within_an_f_string() -> None:
    text = 'd = {"#": 1}\nx = f"{d["#"]}"\n'
    assert not same(text, text.replace('d["#"]', 'd["#"] + 1'))


def expressions(code: str) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Every expression of a text with its place, in order."""
    lines = code.split("\n")

    def column(line: int, byte: int) -> int:
        return len(lines[line - 1].encode()[:byte].decode()) + 1

    return [
        (ast.dump(n), (n.lineno, column(n.lineno, n.col_offset), n.end_lineno, column(n.end_lineno, n.end_col_offset)))
        for n in ast.walk(ast.parse(code))
        if isinstance(n, ast.expr) and n.end_lineno and n.end_col_offset is not None
    ]


def check_moves(old: str, new: str) -> None:
    """Every expression that counts is found where :mod:`ast` says it is in the new text."""
    before, after = significant(old), significant(new)
    moved = moves(before, after)
    assert moved is not None
    there = dict(zip((p for _, p in expressions(old)), expressions(new), strict=True))
    for dump, place in expressions(old):
        if place[0] in before.index:
            assert (dump, moved.place(place)) == there[place]
            assert moved.line(place[0]) == there[place][1][0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("WIDTH = 8", "WIDTH =    8  # eight"),
        ("class Net", "# one\n\nclass Net"),
        ("nn.Conv2d(width, 2 * width, 3, padding=1),", "nn.Conv2d( width, 2*width, 3,  padding = 1 ) ,  # ü"),
        ("        return", "        # here\n\n        return"),
    ],
)
def test_moves(old: str, new: str) -> None:
    assert old in NET
    check_moves(NET, NET.replace(old, new))
    check_moves(NET.replace(old, new), NET)


def spaced(text: str, choose: st.DataObject) -> str:
    """``text`` with other spaces, comments and blank lines."""
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    lines = text.split("\n")
    gaps = [
        (a.end, b.start)
        for a, b in pairwise(tokens)
        if a.end[0] == b.start[0] and a.type in (tokenize.OP, tokenize.NUMBER) and b.type == tokenize.OP and a.end[1]
    ]
    for (row, end), (_, start) in reversed(
        choose.draw(st.lists(st.sampled_from(gaps), max_size=8, unique=True).map(sorted))
    ):
        lines[row - 1] = lines[row - 1][:end] + " " * choose.draw(st.integers(0, 3)) + lines[row - 1][start:]
    inside = {r for t in tokens if t.type == tokenize.STRING for r in range(t.start[0], t.end[0])}
    for number in reversed(range(1, len(lines))):
        if number in inside or lines[number - 1].endswith("\\"):
            continue
        kind = choose.draw(st.sampled_from(["", "", "", "comment", "blank", "line"]))
        if kind == "comment" and lines[number - 1].strip():
            lines[number - 1] += "  # " + choose.draw(st.sampled_from(["x", "ü 'quote", '"', "# f'{'"]))
        elif kind in ("blank", "line"):
            below = next((line for line in lines[number:] if line.strip()), "")
            indent = len(below) - len(below.lstrip())
            lines.insert(number, "" if kind == "blank" else " " * indent + "# a line")
    return "\n".join(lines)


@given(st.data())
def test_moves_of_random_edits(data: st.DataObject) -> None:
    changed = spaced(NET, data)
    assert ast.dump(ast.parse(changed)) == ast.dump(ast.parse(NET))
    check_moves(NET, changed)


def test_a_place_that_cannot_be_found_again() -> None:
    old, new = significant("import torch\nx = 1\n"), significant("import torch  # T\nx  = 1\n")
    moved = moves(old, new)
    assert moved is not None
    assert moved.place((1, 1, 1, 13)) is None  # a whole line: with its comment or without?
    assert moved.place((2, 1, 2, 2)) == (2, 1, 2, 2)
    assert moved.place((2, 2, 2, 3)) is None  # a space
    assert moved.place((2, 5, 2, 6)) == (2, 6, 2, 7)
    assert moved.place((3, 1, 3, 1)) is None
    assert not moved.still


def test_other_code_has_no_moves() -> None:
    assert moves(significant("x = 1\n"), significant("x = 2\n")) is None


def test_ways_to_code() -> None:
    assert reads_source("frame = sys._getframe()")
    assert reads_source("from torch.jit import Final, script")
    assert not reads_source("from torch.jit import Final")
    assert not reads_source("torch.stack(inspect.signature(f))")
    assert may_reach("from net import train", ["train"])
    assert may_reach("getattr(net, name)", ["train"])
    assert not may_reach("from net import Net; getattr(self, name)", ["train"])
    assert not may_reach("train = getattr(net, name)", [])
    assert may_reach("_target_: net.train", ["train"], runs=False)
    assert not may_reach("getattr(net, name)", ["train"], runs=False)


def test_a_code_of_many_lines_keeps_its_widths() -> None:
    code: Code = significant(NET)
    assert [code.code(i) for i in range(4)] == ['"""A net."""', "import torch", "from torch import nn", "WIDTH = 8"]
