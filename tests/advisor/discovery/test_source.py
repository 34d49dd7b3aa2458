from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from advisor.discovery.source import Problem, Source, parse, read


@pytest.mark.parametrize(
    ("data", "kind", "line"),
    [
        (b"x = (\n", "syntax", 1),
        (b"a = 1\nb = = 2\n", "syntax", 2),
        (b"ok = 1\n# caf\xe9\n", "encoding", 2),
        (b"# -*- coding: no-such-codec -*-\n", "encoding", 1),
        (b"x = '\0'\n", "syntax", 1),
        (b"x = " + b"(" * 20_000 + b")" * 20_000, ("nesting", "syntax"), 1),
        (b"#" * 2_000_001, "too-large", 1),
    ],
)
def test_unreadable_files_are_problems_with_a_place(tmp_path: Path, data: bytes, kind: str, line: int) -> None:
    path = tmp_path / "net.py"
    path.write_bytes(data)
    problem = read(path)
    assert isinstance(problem, Problem)
    assert problem.kind in kind
    assert (problem.span.file, problem.span.line) == (str(path), line)
    assert problem.message


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    problem = read(tmp_path / "none.py")
    assert isinstance(problem, Problem)
    assert problem.kind == "unreadable"


def test_what_is_no_file_is_a_problem_and_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "device.py").symlink_to("/dev/zero")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "dangling.py").symlink_to("gone.py")
    (tmp_path / "folder.py").mkdir()
    for name, why in {
        "pipe": "a pipe",
        "device": "a device",
        "loop": "links",
        "dangling": "No such",
        "folder": "a folder",
    }.items():
        problem = read(tmp_path / f"{name}.py")
        assert isinstance(problem, Problem)
        assert problem.kind == "unreadable" and why in problem.message


@pytest.mark.parametrize(
    "data",
    ["é = 1\n".encode(), b"\xef\xbb\xbfx = 1\r\ny = 2\r", "# coding: latin-1\nx = 'é'\n".encode("latin-1")],
)
def test_declared_encodings_and_line_ends_are_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "net.py"
    path.write_bytes(data)
    source = read(path)
    assert isinstance(source, Source)
    assert "\r" not in source.text
    assert not source.text.startswith("\ufeff")


def test_spans_count_code_points_from_one() -> None:
    source = parse(Path("net.py"), "名前 = '🙂'; layer = Conv(3)\n")
    assert isinstance(source, Source)
    call = next(n for n in ast.walk(source.tree) if isinstance(n, ast.Call))
    span = source.span(call)
    assert (span.line, span.column, span.end_column) == (1, 19, 26)
    assert source.lines[0][span.column - 1 : span.end_column - 1] == "Conv(3)"


def test_definition_span_is_the_name() -> None:
    source = parse(Path("net.py"), "@register\nclass Net(Base):\n    pass\n")
    assert isinstance(source, Source)
    node = source.tree.body[0]
    assert isinstance(node, ast.ClassDef)
    assert source.definition(node)[1:] == (2, 7, 2, 10)


def test_fifty_thousand_lines_are_read() -> None:
    source = parse(Path("net.py"), "x = 1\n" * 50_000)
    assert isinstance(source, Source)
    assert len(source.tree.body) == 50_000


def test_the_column_of_an_error_is_that_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("x = f(\n")  # a shorter line than the unsaved one
    problem = read(path, "a_longer_name = some.function(\n")
    assert isinstance(problem, Problem)
    assert (problem.message, problem.span.column) == ("syntax error: '(' was never closed", 30)
