from __future__ import annotations

from pathlib import Path

import pytest

from advisor.discovery.directives import Directives, directives
from advisor.discovery.source import Source, parse

from .helpers import found


def read(text: str) -> Directives:
    source = parse(Path("net.py"), text)
    assert isinstance(source, Source)
    return directives(source)


def test_arguments_and_input_above_a_decorated_class() -> None:
    out = read(
        "# advisor: args=(10, 'a b'), kwargs={'w': [1, 2]} input=(1, 3, 32, 32)\n#\n@register(1)\nclass Net: pass\n"
    )
    [directive] = out.models.values()
    assert directive.line == 4
    assert (directive.args, directive.kwargs) == ((10, "a b"), {"w": [1, 2]})
    assert directive.inputs == ([{"shape": [1, 3, 32, 32]}], {})
    assert out.problems == []


@pytest.mark.parametrize(
    ("text", "args", "kwargs"),
    [
        ("(1, 16):int64", [{"shape": [1, 16], "dtype": "int64"}], {}),
        (
            "((1, 3), (16,):bool, 7)",
            [{"shape": [1, 3]}, {"shape": [16], "dtype": "bool"}, {"value": 7}],
            {},
        ),
        (
            "((1, 3), ((1, 4), {'s': 2}))",
            [{"shape": [1, 3]}, {"list": [{"shape": [1, 4]}, {"dict": {"s": {"value": 2}}}]}],
            {},
        ),
        ("{'batch': {'ids': (1, 16):int64}}", [], {"batch": {"dict": {"ids": {"shape": [1, 16], "dtype": "int64"}}}}),
        ("{'ids': [1, 16]:int64, 'n': 2}", [], {"ids": {"shape": [1, 16], "dtype": "int64"}, "n": {"value": 2}}),
    ],
)
def test_inputs(text: str, args: list, kwargs: dict) -> None:
    out = read(f"def net(): pass  # advisor: input={text}\n")
    assert out.problems == []
    assert out.models[1].inputs == (args, kwargs)


@pytest.mark.parametrize(
    ("comment", "says"),
    [
        ("args=(open('x'),)", "not a literal"),
        ("args=10", "tuple"),
        ("kwargs={1: 2}", "names as keys"),
        ("input=(0, 3)", "positive"),
        ("input=(1, 3):float99", "unknown dtype"),
        ("inputs=(1, 3)", "unknown key 'inputs'"),
        ("frobnicate", "unknown word 'frobnicate': there are args, kwargs, input"),
        ("skip input=(1, 3)", "unknown word 'skip'"),
        ("", "write for example"),
        ("input=[(1, 16), 'int64']", "write (1, 16):int64"),
        ("args=(1,) args=(2,)", "twice"),
        ("args=(1", "do not close"),
        ("please help", "write for example"),
        ("args=(1,) = 3", "not a literal"),
    ],
)
def test_mistakes_are_problems_that_name_the_remedy(comment: str, says: str) -> None:
    out = read(f"x = 1\n# advisor: {comment}\nclass Net: pass\n")
    [problem] = out.problems
    assert (problem.kind, problem.span.line, problem.span.column) == ("directive", 2, 1)
    assert says in problem.message
    assert out.models == {}


@pytest.mark.parametrize("text", ["# advisor: args=(1,)\nx = 1\n", "x = 1  # advisor: args=(1,)\n"])
def test_a_directive_needs_a_definition(text: str) -> None:
    [problem] = read(text).problems
    assert "class or function" in problem.message


def test_suppressions_apply_to_their_line_or_the_next_code() -> None:
    out = read("a = 1  # advisor: ignore[CHN101, MEM401]\n# advisor: ignore[CHN]\n\n# why\nb = 2\n")
    assert [(s.codes, s.applies_to) for s in out.suppressions] == [(("CHN101", "MEM401"), 1), (("CHN",), 5)]


def test_bare_ignore_is_a_problem() -> None:
    assert [p.kind for p in read("a = 1  # advisor: ignore\n").problems] == ["bare-ignore"]
    assert [p.kind for p in read("a = 1  # advisor: ignore[]\n").problems] == ["bare-ignore"]
    assert [p.kind for p in read("a = 1  # advisor: ignore[chn101]\n").problems] == ["directive"]


def test_strings_are_no_comments() -> None:
    out = read("a = '# advisor: ignore'\nb = '''\n# advisor: args=(1,)\n'''\n")
    assert out == Directives()


def test_a_comment_at_what_is_no_model_is_told(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from torch import nn
        # advisor: args=(3,)
        class Plain: pass
        # advisor: args=(3,)
        def number(width): return width
        # advisor: args=(3,)
        class Net(nn.Module):
            def __init__(self, width): super().__init__()
            def forward(self, x): return x
        """,
    )
    assert [(p.kind, p.span.line) for p in discovery.problems] == [("directive", 3), ("directive", 5)]
    assert "derived from torch.nn.Module" in discovery.problems[0].message
