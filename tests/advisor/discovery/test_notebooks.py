"""Notebooks as Python modules: every line in its place, IPython's own out of the way."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from advisor.discovery.notebooks import NotebookError, cells, joined, python
from advisor.discovery.project import Project
from advisor.discovery.request import discover
from advisor.discovery.source import Problem, Source, read

MODEL = "import torch.nn as nn\n%matplotlib inline\nclass Net(nn.Module):\n    def forward(self, x):\n        return x"


def notebook(*sources: str | list[str], **more: Any) -> dict[str, Any]:
    code = [{"cell_type": "code", "source": s, "outputs": [], "metadata": {}} for s in sources]
    return {"cells": [{"cell_type": "markdown", "source": "# not code"}, *code], "nbformat": 4, **more}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%matplotlib inline\nimport torch", "# %matplotlib inline\nimport torch"),
        ("!pip install timm\nx = 1", "# !pip install timm\nx = 1"),
        ("?Net\nNet?\nNet.forward??", "# ?Net\n# Net?\n# Net.forward??"),
        ("files = !ls\na, b = %pair", "files = None  # !ls\na, b = None  # %pair"),
        ("if x:\n    !ls", "if x:\n    pass  # !ls"),
        ("%%bash\nfor x in *; do\n  rm $x\ndone", "# %%bash\n# for x in *; do\n#   rm $x\n# done"),
        ("\n%%time\nx = f(", "\n# %%time\nx = f("),
        ("s = '''\n%a\n!b\n'''\nx = (7\n% 2)", "s = '''\n%a\n!b\n'''\nx = (7\n% 2)"),
        ("s = '''\n%a\n'''\n%time f()", "s = '''\n%a\n'''\n# %time f()"),
        ("x = (7\n% 2)\n%time f()\n!ls", "x = (7\n% 2)\n# %time f()\n# !ls"),
        ("a = 1\r\n%b\r\n", "a = 1\n# %b\n"),
        ("class Net(:", "class Net(:"),
        ("", ""),
    ],
)
def test_ipythons_lines_become_comments_and_no_line_moves(cell: str, expected: str) -> None:
    assert python(cell) == expected


def test_cells_are_joined_and_each_is_found_again() -> None:
    sources = [["a = 1\n", "b = 2\n"], "", "c = 3\n%d\ne = 5"]
    text, offsets = joined(cells(json.dumps(notebook(*sources))))
    lines = text.split("\n")
    assert [lines[offset] for offset in offsets] == ["a = 1", "", "c = 3"]
    assert lines[offsets[2] + 2] == "e = 5"
    assert isinstance(ast.parse(text), ast.Module)
    assert joined([]) == ("\n", [])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no cells"),
        ('{"worksheets": []}', "no cells"),
        (json.dumps({"cells": [3]}), "no cells"),
        (json.dumps(notebook(metadata={"kernelspec": {"language": "R"}})), "written in r, not in Python"),
    ],
)
def test_what_is_no_python_notebook_is_told(tmp_path: Path, data: str, words: str) -> None:
    with pytest.raises(NotebookError, match=words):
        cells(data)
    path = tmp_path / "x.ipynb"
    path.write_text(data)
    problem = read(path)
    assert isinstance(problem, Problem)
    assert (problem.kind, problem.span.line) == ("notebook", 1)


def test_a_notebook_on_the_disk_is_read_as_its_python_and_goes_to_the_worker_so(tmp_path: Path) -> None:
    path = tmp_path / "net.ipynb"
    path.write_text(json.dumps(notebook("x = 1\n", MODEL)))
    source = read(path)
    assert isinstance(source, Source)
    found = discover(path, Project(tmp_path))
    assert found.request is not None
    assert [(c.name, c.span.line) for c in found.candidates] == [("Net", 5)]
    assert found.request["buffers"] == {str(path): source.text}


def test_an_open_notebooks_text_is_python_already(tmp_path: Path) -> None:
    source = read(tmp_path / "open.ipynb", "x = 1\n")
    assert isinstance(source, Source)
    assert source.text == "x = 1\n"
