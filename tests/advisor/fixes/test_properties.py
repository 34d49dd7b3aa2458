"""Whatever a model's file looks like: its fixes leave all that they do not name as it was, and are made once.

With more generated files: ``--hypothesis-profile fixes``.
"""

from __future__ import annotations

import ast
import io
import itertools
import re
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.fixes.edits import Edit, apply
from advisor.fixes.engine import Wanted, fix_paths
from advisor.fixes.fixer import Fixer
from advisor.fixes.proposal import Unfixable
from advisor.fixes.structure.calls import Call
from advisor.fixes.structure.parsed import Parsed
from advisor.plan import Plans
from advisor.session import Session
from advisor.texts import Texts

from .sources import File, calls, files

CHECKS = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large)
MOST = settings().max_examples // 25


def examples(most: int) -> settings:
    """The same few files in every run of the tests, many others under the profile."""
    few = most <= 4
    return settings(max_examples=most, deadline=None, suppress_health_check=CHECKS, derandomize=few)


SETTINGS = {"targets": ["npu-64"]}

_LINE_ENDS = re.compile(rb"\r\n|\n|\r")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(Plans(SETTINGS)) as session:
        yield session


def written(file: File, folder: Path) -> Path:
    path = folder / f"net{next(_numbers)}.py"
    path.write_bytes(file.data)
    return path


def offset(text: str, line: int, column: int) -> int:
    """Where a place is in a text, found by counting its lines one after another."""
    at = 0
    for _ in range(line - 1):
        found = re.compile(r"\r\n|\n|\r").search(text, at)
        assert found is not None
        at = found.end()
    return at + column - 1


def outside(text: str, edits: Sequence[Edit]) -> list[str]:
    """What stands before, between and after the edits."""
    kept, at = [], 0
    for edit in sorted(edits, key=lambda e: e.span[1:]):
        kept.append(text[at : offset(text, *edit.span[1:3])])
        at = offset(text, *edit.span[3:])
    return [*kept, text[at:]]


def comments(text: str) -> list[str]:
    return [t.string for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT]


def arguments(text: str) -> tuple[list[str], dict[str | None, str]]:
    """What the call of ``nn.Conv2d`` in a text passes, by position and by name."""
    found = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "nn.Conv2d"]
    (call,) = found
    return [ast.unparse(a) for a in call.args], {k.arg: ast.unparse(k.value) for k in call.keywords}


@settings(max_examples=max(50, MOST), deadline=None, suppress_health_check=CHECKS)
@given(text=calls(), name=st.sampled_from(["stride", "padding", "groups", "bias"]))
def test_an_argument_is_set_and_taken_away_and_no_other(text: str, name: str) -> None:
    file = Parsed("/net.py", text)
    call = next(Call(file, n) for n in file.each(cst.Call) if file.written(n.func) == "nn.Conv2d")
    (positional, named), position = arguments(text), call.names.index(name)
    by_position = position < len(positional)
    after = apply(text, call.setting(name, "77"))
    if by_position:
        assert arguments(after) == ([*positional[:position], "77", *positional[position + 1 :]], named)
    else:
        assert arguments(after) == (positional, {**named, name: "77"})
    assert comments(after) == comments(text)
    without = apply(text, call.without(name, "1"))
    left = {k: v for k, v in named.items() if k != name}
    assert arguments(without) == ([a for i, a in enumerate(positional) if i != position], left)
    kept = iter(comments(text))
    assert all(c in kept for c in comments(without))


@examples(max(3, MOST))
@given(file=files())
def test_a_fix_changes_nothing_but_what_it_names(file: File, session: Session, tmp_path: Path) -> None:
    path = written(file, tmp_path)
    texts = Texts()
    report = session.file(path, texts)
    assert report is not None
    (model,) = report.models
    assert model.status == "ok", model.failure
    fixer = Fixer(session, path, texts)
    for finding in model.findings:
        try:
            fix = fixer.fix(model, finding)
        except Unfixable:
            continue
        for raw in (file.text, file.text.replace("\n", "\r\n")):
            after = apply(raw, fix.edits)
            at = 0
            for kept in outside(raw, fix.edits):  # all of it is still there, in order
                at = after.index(kept, at) + len(kept)
            assert at == len(after)
            ast.parse(after)
        gone = comments(file.text)
        for comment in comments(apply(file.text, fix.edits)):
            gone.remove(comment)
        assert all(any(c in span_text(file.text, e) for e in fix.edits) for c in gone)
        assert fix.edits and apply(file.text, fix.edits) != file.text
    assert fixer.defects == []


def span_text(text: str, edit: Edit) -> str:
    return text[offset(text, *edit.span[1:3]) : offset(text, *edit.span[3:])]


@examples(max(1, MOST // 10))
@given(file=files())
def test_fixing_twice_changes_nothing_the_second_time(file: File, tmp_path: Path) -> None:
    path = written(file, tmp_path)
    wanted = Wanted(unsafe=True)
    fix_paths([path], SETTINGS, wanted)
    once = path.read_bytes()
    ast.parse(once)
    assert once.startswith(b"\xef\xbb\xbf") == file.data.startswith(b"\xef\xbb\xbf")
    assert set(_LINE_ENDS.findall(once)) == set(_LINE_ENDS.findall(file.data))
    again = fix_paths([path], SETTINGS, wanted)
    assert again.changes == {}
    assert path.read_bytes() == once
