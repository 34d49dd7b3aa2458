"""Arguments of calls, and edits of them: nothing else changes, and what comes out is the call that was meant."""

from __future__ import annotations

import ast

import pytest

from advisor.fixes.edits import apply
from advisor.fixes.proposal import Unfixable
from advisor.fixes.structure.calls import Call
from advisor.fixes.structure.imports import reach
from advisor.fixes.structure.parsed import Parsed
from advisor.graph import Span

FILE = "/net.py"


def call(text: str, function: str) -> Call:
    file = Parsed(FILE, text)
    return next(c for n in file.nodes if hasattr(n, "func") and (c := Call(file, n)).function == function)  # type: ignore[arg-type]


ADDED = {
    "positional": ("x = nn.Conv2d(3, 8, 3)\n", "x = nn.Conv2d(3, 8, 3, bias=False)\n"),
    "nothing": ("x = nn.Conv2d()\n", "x = nn.Conv2d(bias=False)\n"),
    "nothing but blanks": ("x = nn.Conv2d( )\n", "x = nn.Conv2d( bias=False)\n"),
    "trailing comma": ("x = nn.Conv2d(3, 8, 3,)\n", "x = nn.Conv2d(3, 8, 3, bias=False,)\n"),
    "astral": ("x = '🙂', nn.Conv2d(3, 8, 3)\n", "x = '🙂', nn.Conv2d(3, 8, 3, bias=False)\n"),
    "unpacked": ("x = nn.Conv2d(*a, **b)\n", "x = nn.Conv2d(*a, **b, bias=False)\n"),
    "lines": (
        "x = nn.Conv2d(\n    3,  # rgb\n    8,  # wide\n    3,  # odd\n)\n",
        "x = nn.Conv2d(\n    3,  # rgb\n    8,  # wide\n    3,  # odd\n    bias=False,\n)\n",
    ),
    "lines without a trailing comma": (
        "x = nn.Conv2d(\n\t3,\n\t8,\n\t3  # odd\n)\n",
        "x = nn.Conv2d(\n\t3,\n\t8,\n\t3,  # odd\n\tbias=False\n)\n",
    ),
    "lines without comments": (
        "x = nn.Conv2d(\n    3,\n    8\n)\n",
        "x = nn.Conv2d(\n    3,\n    8,\n    bias=False\n)\n",
    ),
    "hanging": ("x = nn.Conv2d(3,\n              8, 3)\n", "x = nn.Conv2d(3,\n              8, 3, bias=False)\n"),
    "passed by name": ("x = nn.Conv2d(3, 8, 3, bias = True )\n", "x = nn.Conv2d(3, 8, 3, bias = False )\n"),
    "passed by position": (
        "x = nn.Conv2d(3, 8, 3, 1, 0, 1, 1, (True), 'zeros')\n",
        "x = nn.Conv2d(3, 8, 3, 1, 0, 1, 1, (False), 'zeros')\n",
    ),
}


@pytest.mark.parametrize(("text", "expected"), ADDED.values(), ids=ADDED)
def test_an_argument_is_set(text: str, expected: str) -> None:
    edits = call(text, "Conv2d").setting("bias", "False")
    assert apply(text, edits) == expected
    assert apply(text, edits[::-1]) == expected, "the order of edits means nothing"
    ast.parse(expected)


REMOVED = {
    "last": ("x = nn.Conv2d(8, 8, 3, groups=8)\n", "x = nn.Conv2d(8, 8, 3)\n"),
    "in the middle": ("x = nn.Conv2d(8, 8, 3, groups=8, bias=False)\n", "x = nn.Conv2d(8, 8, 3, bias=False)\n"),
    "trailing comma": ("x = nn.Conv2d(8, 8, 3, groups=8 ,)\n", "x = nn.Conv2d(8, 8, 3 ,)\n"),
    "alone": ("x = nn.Conv2d(groups=8, )\n", "x = nn.Conv2d( )\n"),
    "first": ("x = nn.Conv2d(groups=8, bias=False)\n", "x = nn.Conv2d(bias=False)\n"),
    "followed by others": (
        "x = nn.Conv2d(8, 8, 3, 1, 1, 1, 8, False)\n",
        "x = nn.Conv2d(8, 8, 3, 1, 1, 1, 1, False)\n",
    ),
    "last by position": ("x = nn.Conv2d(8, 8, 3, 1, 1, 1, 8)\n", "x = nn.Conv2d(8, 8, 3, 1, 1, 1)\n"),
    "a line": (
        "x = nn.Conv2d(\n    8, 8, 3,\n    groups=8,  # each its own\n    # no bias\n    bias=False,\n)\n",
        "x = nn.Conv2d(\n    8, 8, 3,\n    # no bias\n    bias=False,\n)\n",
    ),
    "the last line": (
        "x = nn.Conv2d(\n    8, 8, 3,  # square\n    groups=8\n)\n",
        "x = nn.Conv2d(\n    8, 8, 3,  # square\n)\n",
    ),
    "with the parenthesis": (
        "x = nn.Conv2d(8, 8, 3,  # square\n              groups=8)\n",
        "x = nn.Conv2d(8, 8, 3,  # square\n              )\n",
    ),
    "a comma on the next line": ("x = nn.Conv2d(8, 8, 3\n    , groups=8\n    , bias=False)\n", None),
    "not passed": ("x = nn.Conv2d(8, 8, 3)\n", "x = nn.Conv2d(8, 8, 3)\n"),
}


@pytest.mark.parametrize(("text", "expected"), REMOVED.values(), ids=REMOVED)
def test_an_argument_is_taken_away(text: str, expected: str | None) -> None:
    after = apply(text, call(text, "Conv2d").without("groups", "1"))
    if expected is not None:
        assert after == expected
    (left,) = (n for n in ast.walk(ast.parse(after)) if isinstance(n, ast.Call))
    (before,) = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call))
    assert "groups" not in {k.arg for k in left.keywords}
    others = [ast.dump(k) for k in before.keywords if k.arg != "groups"]
    assert [ast.dump(k) for k in left.keywords] == others


def test_arguments_of_what_the_file_defines_have_names() -> None:
    text = (
        "class Block(nn.Sequential):\n    def __init__(self, inp, hidden, use_se=True): pass\n"
        "class Other(Block): pass\n"
        "class Same(nn.Conv2d): pass\n"
        "def make(a, *, b=2): pass\n"
        "x = [Block(1, 2), Other(3, 4, False), Same(5, 6, 7), make(8, b=9), unknown(10)]\n"
    )
    file = Parsed(FILE, text)
    calls = {c.callee: c for n in file.nodes if n.__class__.__name__ == "Call" and (c := Call(file, n))}  # type: ignore[arg-type]
    assert [a.name for a in calls["Other"].arguments] == ["inp", "hidden", "use_se"]
    assert [a.name for a in calls["Same"].arguments] == ["in_channels", "out_channels", "kernel_size"]
    assert [a.name for a in calls["make"].arguments] == ["a", "b"]
    assert [a.name for a in calls["unknown"].arguments] == [""]
    default = calls["Block"].default("use_se")
    assert default is not None and file.written(default) == "True"


def test_a_call_is_found_by_the_graphs_span_also_where_python_begins_it_at_the_method() -> None:
    file = Parsed(FILE, "x = ('é' +\n  (a.b\n    .c(1)).d(2))\n")
    assert (found := file.call_node(Span(FILE, 3, 6, 3, 10))) is not None and file.written(found).endswith(".c(1)")
    assert (found := file.call_node(Span(FILE, 2, 3, 3, 16))) is not None and file.written(found).endswith(".d(2)")
    assert file.call_node(Span(FILE, 1, 5, 1, 8)) is None


def test_what_cannot_be_parsed_says_where() -> None:
    with pytest.raises(Unfixable, match=r"net\.py cannot be edited: line 2"):
        Parsed(FILE, "x = 1\ny = (\n")


def test_nothing_stands_beside_a_generator() -> None:
    text = "x = nn.Sequential(f(i) for i in y)\n"
    with pytest.raises(Unfixable, match="generator"):
        call(text, "Sequential").adding("bias", "False")


IMPORTS = {
    "nn": ("import torch.nn as nn\n", "nn.ReLU", ""),
    "from torch": ("from torch import nn\n", "nn.ReLU", ""),
    "torch": ("import torch\n", "torch.nn.ReLU", ""),
    "the very name": ("from torch.nn import Conv2d, ReLU as R\n", "R", ""),
    "another name": ("from torch.nn import Conv2d\n", "nn.ReLU", "from torch import nn"),
    "all names": ("from torch.nn import *\n", "ReLU", ""),
    "none": ('"""Doc."""\n\nx = 1\n', "nn.ReLU", "from torch import nn"),
    "no statement": ("# nothing\n", "nn.ReLU", "from torch import nn"),
    "taken": ("nn = 2\n", "torch.nn.ReLU", "import torch.nn"),
    "in a function only": ("def f():\n    from torch import nn as m\n", "nn.ReLU", "from torch import nn"),
}


@pytest.mark.parametrize(("text", "name", "added"), IMPORTS.values(), ids=IMPORTS)
def test_what_torch_has_is_named_as_the_file_names_it(text: str, name: str, added: str) -> None:
    written, edits = reach(Parsed(FILE, text), "torch.nn", "ReLU")
    assert written == name
    after = apply(text, edits)
    assert not added or added in after.split("\n")
    assert bool(edits) == bool(added)
    scope: dict[str, object] = {}
    exec(compile(after + f"\nfound = {written}\n", FILE, "exec"), scope)
    assert str(scope["found"]) == "<class 'torch.nn.modules.activation.ReLU'>"


def test_an_import_stands_after_a_docstring_and_the_imports_from_the_future() -> None:
    text = '"""Doc."""\nfrom __future__ import annotations\n\nx = 1\n'
    _, edits = reach(Parsed(FILE, text), "torch.nn", "ReLU")
    assert apply(text, edits) == '"""Doc."""\nfrom __future__ import annotations\nfrom torch import nn\n\nx = 1\n'
