"""Comments that are written for a person: they work, and change nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from advisor.discovery.directives import directives
from advisor.discovery.source import Source, read
from advisor.findings import Finding
from advisor.fixes import comments
from advisor.fixes.comments import Ignore, Insertion, Tell, Written
from advisor.graph import Span
from advisor.suppressions import silence

FILE = "/net.py"

PLACES = {
    "a line": ("x = 1\ny = f(2)\n", "f(2)", "y = f(2)  # advisor: ignore[CHN101]"),
    "no line end": ("y = f(2)", "f(2)", "y = f(2)  # advisor: ignore[CHN101]"),
    "a call over lines": ("y = f(\n    2,\n)\n", "f(\n    2,\n)", "y = f(  # advisor: ignore[CHN101]\n    2,\n)"),
    "blanks at the end": ("y = f(2)   \n", "f(2)", "y = f(2)  # advisor: ignore[CHN101]   "),
    "astral": ("y = f('🙂', 2)\n", "f('🙂', 2)", "y = f('🙂', 2)  # advisor: ignore[CHN101]"),
    "another comment": ("if z:\n    y = f(2)  # noqa\n", "f(2)", "    # advisor: ignore[CHN101]\n    y = f(2)  # noqa"),
    "a text that goes on": ('y = f("""a\nb""")\n', 'f("""a\nb""")', 'b""")  # advisor: ignore[CHN101]'),
    "a text on all lines": ('y = f("""a\nb""") + """\n"""\n', 'f("""a\nb""")', "# advisor: ignore[CHN101]\ny = f("),
    "a backslash": ("y = f(2) \\\n    + 1\n", "f(2)", "# advisor: ignore[CHN101]\ny = f(2) \\"),
    "ignored for another code": (
        "y = f(2)  # advisor: ignore[MEM401]  # why\n",
        "f(2)",
        "y = f(2)  # advisor: ignore[MEM401, CHN101]  # why",
    ),
    "ignored above": (
        "# advisor: ignore[MEM401,]\ny = f(2)\n",
        "f(2)",
        "# advisor: ignore[MEM401, CHN101]\ny = f(2)",
    ),
    "a tab": ("if z:\n\ty = f(2)  # type: ignore\n", "f(2)", "\t# advisor: ignore[CHN101]\n\ty"),
}


def ignoring(text: str, span: Span, code: str) -> Insertion | None:
    return Written(Path(FILE), text).insertions([Ignore(span, code)])[0]


def telling(text: str, name: Span, built: bool, shown: str) -> Insertion | None:
    return Written(Path(FILE), text).insertions([Tell(name, built, shown)])[0]


def span_of(text: str, words: str) -> Span:
    def at(offset: int) -> tuple[int, int]:
        before = text[:offset]
        return before.count("\n") + 1, len(before) - before.rfind("\n")

    start = text.index(words)
    return Span(FILE, *at(start), *at(start + len(words)))


def parsed(text: str) -> Source:
    source = read(Path(FILE), text)
    assert isinstance(source, Source)
    return source


def silenced(text: str) -> bool:
    """Whether CHN101 is silenced at the only call in the text, and another code is not."""
    source = parsed(text)
    call = source.span(next(n for n in ast.walk(source.tree) if isinstance(n, ast.Call)))
    kept, _ = silence([Finding(c, "", call) for c in ("CHN101", "DWC301")], lambda _: directives(source).suppressions)
    return [f.code for f in kept] == ["DWC301"]


@pytest.mark.parametrize(("text", "words", "expected"), PLACES.values(), ids=PLACES)
def test_the_comment_silences_this_code_there_and_changes_no_code(text: str, words: str, expected: str) -> None:
    insertion = ignoring(text, span_of(text, words), "CHN101")
    assert insertion is not None
    after = insertion.applied(text)
    assert expected in after
    assert silenced(after)
    assert ast.dump(parsed(after).tree) == ast.dump(parsed(text).tree)


@pytest.mark.parametrize(
    ("text", "words"),
    [("y = f(2\n", "f(2"), ("x = \\\n    f('''\n''') \\\n    + 1\n", "f('''\n''')")],
    ids=["no Python", "no room for a comment"],
)
def test_where_no_comment_works_there_is_none(text: str, words: str) -> None:
    assert ignoring(text, span_of(text, words), "CHN101") is None


def test_a_finding_without_extent_is_silenced_on_its_line() -> None:
    text = "import x\nimport y\n"
    insertion = ignoring(text, Span(FILE, 2, 1, 2, 1), "TRC901")
    assert insertion == Insertion(2, 9, "  # advisor: ignore[TRC901]")


def test_a_finding_beyond_the_text_has_no_place() -> None:
    assert ignoring("x = 1\n", Span(FILE, 9, 1, 9, 4), "CHN101") is None


AROUND = {
    "other statements": ("import x\n\n", "\n\nclass A:\n    pass\n"),
    "on its line": ("a = 1; b = (\n    2)\n", "c = 3; d = 4\n"),
    "a line that goes on": ("a = 1; \\\n", "b = 2\n"),
}


@pytest.mark.parametrize(("before", "after"), AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("line", ["y = f(2)\n", "# advisor: ignore[MEM401]\ny = f(2)\n", "y = f(2)  # noqa\n"])
def test_what_stands_around_it_changes_nothing(before: str, line: str, after: str) -> None:
    text = before + line + after
    insertion = ignoring(text, span_of(text, "f(2)"), "CHN101")
    assert insertion is not None
    new = insertion.applied(text)
    assert silenced(new)
    assert ast.dump(parsed(new).tree) == ast.dump(parsed(text).tree)


def test_a_long_file_is_parsed_once_however_much_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    real = comments.read
    monkeypatch.setattr(comments, "read", lambda path, text: (lengths.append(len(text)), real(path, text))[1])
    text = "".join(f"def f{n}():\n    return g({n})\n" for n in range(500))
    written = Written(Path(FILE), text)
    assert all(written.insertions([Ignore(span_of(text, f"g({n})"), "CHN101") for n in range(200, 240)]))
    assert sum(lengths) < 3 * len(text)


# ---- args and inputs

NET = """\
@decorated
class Net(Base):
    def __init__(self, width, depth=2, *, groups, bias=True):
        pass


def factory(kind, /, n):
    return Net(n)


class Plain(Base):
    pass
"""


def told(text: str, name: str, *, built: bool = False, shown: str = "") -> str:
    insertion = telling(text, span_of(text, name), built, shown)
    assert insertion is not None
    after = insertion.applied(text)
    line = next(n for n, row in enumerate(after.splitlines(), 1) if row.startswith(("class ", "def ")) and name in row)
    found = directives(parsed(after))
    assert line in found.models
    assert not found.problems
    return insertion.text


def test_what_the_constructor_needs_is_named() -> None:
    expected = "# advisor: kwargs={'width': None, 'groups': None} input=(1, 3, 224, 224)\n"
    assert told(NET, "Net") == expected
    assert told(NET, "factory") == "# advisor: args=(None, None) input=(1, 3, 224, 224)\n"
    assert told(NET, "Plain") == "# advisor: args=() input=(1, 3, 224, 224)\n"


def test_the_comment_stands_above_the_decorators() -> None:
    insertion = telling(NET, span_of(NET, "Net"), False, "")
    assert insertion is not None
    assert (insertion.line, insertion.column) == (1, 1)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("(1, 3, 32, 32) float32  # first Conv2d", "input=(1, 3, 32, 32)"),
        ("(1, 16) int64  # literal, line 80", "input=(1, 16):int64"),
        ("(4,)", "input=(4,)"),
        ("(1, 3), (1, 4)", "input=(1, 3, 224, 224)"),
    ],
)
def test_a_model_that_was_built_needs_only_inputs_and_those_known_are_offered(shown: str, said: str) -> None:
    assert told(NET, "Net", built=True, shown=shown) == f"# advisor: {said}\n"


def test_what_is_said_already_is_not_said_again() -> None:
    text = NET.replace("@decorated", "# advisor: args=(3,)\n@decorated")
    assert telling(text, span_of(text, "Net"), False, "") is None


def test_a_name_that_is_no_definition_has_no_comment() -> None:
    assert telling("net = Net()\n", Span(FILE, 1, 1, 1, 4), False, "") is None
