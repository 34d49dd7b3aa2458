"""The code that matters of a Python file.

What a file's models come to does not depend on its comments, on blank lines, on spaces between tokens, on what stands
below ``if __name__ == "__main__":`` (a file that is imported never runs it) or on the bodies of functions that nothing
can call. :func:`significant` leaves these out; two texts with one digest are the same code with the same tokens on
each of its lines, so that :mod:`.moves` can say where every place of the one is in the other.

Where in doubt something matters: a file that may read source text, be it its own, matters to the last comment, and so
does one that cannot be taken apart with certainty.
"""

from __future__ import annotations

import ast
import hashlib
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.abc import InspectLoader
from itertools import pairwise, zip_longest

from .. import syntax

_NEWLINE = re.compile(r"\r\n?")
_WHOLE_STRING = (
    r'"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""'
    r"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
    r"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'"
)
_TOKEN = re.compile(rf"(?P<string>{_WHOLE_STRING})|(?P<comment>\#[^\n]*)|[\"']", re.DOTALL)
_LITERAL_BRACE = re.compile(r"\{\{|\}\}")
_IN_EXPRESSION = re.compile(_WHOLE_STRING, re.DOTALL)
"""Braces of an f-string that are no expression's, and whole strings within an expression."""
_STRING, _COMMENT, _GOES_ON, _END = "\0", "\1", "\2", "\3"
"""What stands for a string, a comment and a further line of a string while a text is taken apart."""
_CONTROL = re.compile("[\0-\10\13\14\16-\37]")
_SPACES = re.compile(r"(?<=[^\s\w])[ \t]+|(?<=\w)[ \t]+(?![\w.])")
"""Spaces that separate nothing. With those of the line's beginning left alone, texts that both parse have the same
tokens when they differ in these only. One before a point may: ``1 .e5`` is no number."""
_CODING = re.compile(r"(?:[^\n]*\n)?[ \t\f]*#.*?coding[:=]")

_READS_SOURCE = (
    *("getsource", "getcomments", "getblock", "findsource", "linecache", "import tokenize", "loader.get_data"),
    *("lineno", "co_lines", "co_positions", "co_code", "_getframe", "currentframe", "traceback", "stacklevel"),
    *("ScriptModule", "ScriptFunction", "type_comments"),
)
"""What stands in code that comes to know the text, or the lines, of other code."""
_SCRIPTS = re.compile(r"\bjit\s*\.\s*script|\bjit\s+import\b(?:\s*[(\\]|[^\n]*\bscript)|\bimport\s+jit\b|\bjit\s+as\b")
_INSPECTS = re.compile(
    r"\bfrom\s+inspect\b|\bimport\s+inspect\s+as\b"
    r"|\binspect\s*\.\s*(?!(?:is\w+|[sS]ignature|Parameter|getfullargspec|getmembers|getmro|unwrap|cleandoc)\b)"
)
_OWN_FILE = re.compile(r"\b__(?:file|spec|loader)__\b")
_OPENS = re.compile(r"\b(?:open\w*|read\w*|load\w*|run_path|get_source|glob|parse)\s*\(")
_DYNAMIC = frozenset(
    {
        *("exec", "globals", "locals", "vars", "dir", "__import__", "__dict__", "__globals__"),
        *("import_module", "inspect", "attrgetter", "methodcaller", "getattr_static", "__getattribute__"),
        *("locate", "resolve_name", "pickle", "dill", "cloudpickle", "joblib", "weights_only"),
    }
)
_MAYBE_DYNAMIC = {
    "eval": re.compile(r"(?<![.\w])eval\b"),
    "getattr": re.compile(r"\bgetattr\b(?!\s*\(\s*self\s*,)"),
    "modules": re.compile(r"\bmodules\s*(?!\()"),
}
"""Ways to a function other than by its name: words, and words as they have to stand."""
_MAIN = re.compile(r"^if\b.*__main__", re.MULTILINE)
_FUNCTION = re.compile(r"^(?:async\s+)?def\s", re.MULTILINE)
_NAME_SET = re.compile(r"__name__\s*(?::|=(?!=))")
_NAME_READ = re.compile(r"(?:^if[ \t]+|\.[ \t]*|\bgetLogger[ \t]*\([ \t]*)__name__\b", re.MULTILINE)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Code:
    """What matters of ``text``: its ``digest``, and ``whole``, the digest with only comments and spaces left out.

    ``lines`` are the numbers of the lines that count for ``digest``, ``widths`` the length of the code on each.
    ``unused`` names the functions whose bodies were left out.
    """

    text: str
    digest: str
    whole: str
    lines: Sequence[int]
    widths: Sequence[int]
    unused: Collection[str] = ()

    @cached_property
    def raw(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def index(self) -> dict[int, int]:
        """Line → its place in :attr:`lines`."""
        return {line: i for i, line in enumerate(self.lines)}

    def code(self, index: int) -> str:
        """The code of one of :attr:`lines`, without a comment at its end."""
        return self.raw[self.lines[index] - 1][: self.widths[index]]


def significant(text: str, keep: Collection[str] = (), leave_out: bool = True) -> Code:
    """What matters of ``text``, which parses.

    ``keep`` are names that are used from elsewhere. ``leave_out``: whether bodies that never run are left out, which
    presumes that the interpreter that imports the file agrees with this one about what is valid Python.
    """
    text = _NEWLINE.sub("\n", text)
    parts = _Parts.of(text)
    if (
        parts is None
        or parts.breaks_off
        or reads_source(parts.code)
        or (_OWN_FILE.search(parts.code) and _OPENS.search(parts.code))
    ):
        return _verbatim(text)
    whole = _digest(parts, _lines(parts, frozenset()))
    bodies, unused = _idle(parts, keep) if leave_out else ([], [])
    idle = frozenset(line for first, last in bodies for line in range(first, last + 1))
    lines = _lines(parts, idle)
    return Code(
        text,
        _digest(parts, lines, idle) if idle else whole,
        whole,
        lines,
        [len(parts.bare[line - 1]) for line in lines],
        unused,
    )


def reads_source(code: str) -> bool:
    """Whether ``code`` mentions a way to read the text or the line numbers of code."""
    code = _plain(code)
    if any(said in code for said in _READS_SOURCE):
        return True
    ways = (("inspect", _INSPECTS), ("jit", _SCRIPTS))
    return any(word in code and way.search(code) is not None for word, way in ways)


def may_reach(code: str, names: Collection[str], runs: bool = True) -> bool:
    """Whether the text of another file mentions one of ``names`` or, where it ``runs``, being Python, a way to a
    function that needs no name."""
    if not names:
        return False
    code = _plain(code)
    words = set(_WORD.findall(code))
    return not words.isdisjoint(names) or (runs and _is_dynamic(code, words))


def _plain(code: str) -> str:
    """``code`` with its names as Python knows them."""
    return code if code.isascii() else unicodedata.normalize("NFKC", code)


def _is_dynamic(code: str, words: Collection[str]) -> bool:
    return not _DYNAMIC.isdisjoint(words) or any(
        word in words and way.search(code) for word, way in _MAYBE_DYNAMIC.items()
    )


def _verbatim(text: str) -> Code:
    raw = text.split("\n")
    digest = hashlib.sha256(b"verbatim\0" + text.encode(errors="surrogatepass")).hexdigest()
    return Code(text, digest, digest, range(1, len(raw) + 1), [len(line) for line in raw])


# ---- taking a text apart


@dataclass
class _Parts:
    """A text as lines. ``squeezed`` has signs for strings and comments and no idle spaces, ``bare`` only lacks comments
    and spaces at the end, ``strings`` are those of each line that has any."""

    text: str
    code: str
    squeezed: list[str]
    bare: list[str]
    strings: dict[int, str]

    @property
    def breaks_off(self) -> bool:
        """Whether a line goes on after a backslash, but the next one is empty: that ends it, so empty lines matter."""
        return any(
            line.endswith("\\") and not following.strip(f" \t\f{_COMMENT}")
            for line, following in pairwise(self.squeezed)
        )

    @classmethod
    def of(cls, text: str) -> _Parts | None:
        """None where it cannot be told with certainty what is a string."""
        if _CONTROL.search(text):
            return None
        signs: list[str] = []
        bare: list[str] = []
        strings: list[str] = []
        at = 0
        for found in _TOKEN.finditer(text):
            start, end = found.span()
            between = text[at:start]
            signs.append(between)
            bare.append(between)
            token = found["string"]
            if token is not None:
                if _splits(text, start, token):
                    return None
                strings.append(token)
                bare.append(token)
                signs.append(_STRING + f"\n{_GOES_ON}" * token.count("\n"))
            elif found["comment"] is not None:
                signs.append(_COMMENT)
            else:
                return None
            at = end
        signs.append(text[at:])
        bare.append(text[at:])
        code = "".join(bare)
        squeezed = _SPACES.sub("", "".join(signs)).split("\n")
        return cls(text, code, squeezed, [line.rstrip() for line in code.split("\n")], _by_line(squeezed, strings))


def _by_line(squeezed: list[str], strings: list[str]) -> dict[int, str]:
    out: dict[int, str] = {}
    at = 0
    for number, line in enumerate(squeezed, 1):
        if count := line.count(_STRING):
            out[number] = _END.join(strings[at : at + count])
            at += count
    return out


def _splits(text: str, start: int, token: str) -> bool:
    """Whether a string may be the first part of an f-string that has its own quotes within braces (Python 3.12): then
    it ends within an expression."""
    if not {*text[max(0, start - 2) : start]} & {*"fFtT"} or "{" not in token:
        return False
    quotes = 3 if token[:3] in ('"""', "'''") else 1
    inside = token[quotes:-quotes]
    depth = at = 0
    while at < len(inside):
        found = _IN_EXPRESSION.match(inside, at) if depth else _LITERAL_BRACE.match(inside, at)
        if found is not None:
            at = found.end()
            continue
        character = inside[at]
        if depth and character in "\"'#":
            return True
        depth += (character == "{") - (character == "}")
        at += 1
    return depth != 0 or ("}}" in token and ":{" in token)


def _lines(parts: _Parts, idle: frozenset[int]) -> list[int]:
    return [n for n, line in enumerate(parts.squeezed, 1) if n not in idle and line.rstrip(f" \t{_COMMENT}")]


def _digest(parts: _Parts, lines: list[int], idle: frozenset[int] = frozenset()) -> str:
    """Of lines and what they say, without their numbers."""
    squeezed, strings = parts.squeezed, parts.strings
    said = [f"{squeezed[n - 1].rstrip(_COMMENT)}{_END}{strings.get(n, '')}" for n in lines]
    said += _outdented(parts, lines, idle)
    if _CODING.match(parts.text):
        said += parts.text.split("\n", 2)[:2]
    return hashlib.sha256("\n".join(said).encode(errors="surrogatepass")).hexdigest()


def _outdented(parts: _Parts, lines: list[int], idle: frozenset[int]) -> Iterator[str]:
    """Comments that stand further left than the code around them: they keep the source of one function from being
    parsed by itself, which the worker does to see how its parameters are used."""
    ends = (*lines[1:], len(parts.squeezed) + 1)
    for index, (line, following) in enumerate(zip_longest(lines, ends, fillvalue=0)):
        if following == line + 1:
            continue
        next_indent = indent(parts.squeezed[following - 1]) if following <= len(parts.squeezed) else 0
        least = min(indent(parts.squeezed[line - 1]), next_indent)
        for between in range(line + 1, following):
            text = parts.squeezed[between - 1]
            if between not in idle and text.endswith(_COMMENT) and indent(text) < least:
                yield f"{index} {indent(text)}"


def indent(line: str) -> int:
    """How many spaces a line begins with."""
    return len(line) - len(line.lstrip())


# ---- what never runs


def _idle(parts: _Parts, keep: Collection[str]) -> tuple[list[tuple[int, int]], list[str]]:
    """First and last lines of bodies that never run, and the names of the functions among them."""
    if not _MAIN.search(parts.code) and not _FUNCTION.search(parts.code):
        return [], []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about users' strings
            tree = syntax.module(parts.text)
            found = [*_main_blocks(tree, parts), *_unused(tree, parts, keep)]
            idle = ast.Module([node for node, _ in found], [])
            InspectLoader.source_to_code(idle)  # compiled only: what parses may still be no valid Python
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [], []  # that matters too
    bodies = [body for _, body in found]
    return bodies, sorted(node.name for node, _ in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _main_blocks(tree: ast.Module, parts: _Parts) -> Iterator[tuple[ast.stmt, tuple[int, int]]]:
    if _NAME_SET.search(parts.code) or len(_NAME_READ.findall(parts.code)) < parts.code.count("__name__"):
        return  # it may be given another value: ``for __name__ in``, say
    for node in tree.body:
        if not isinstance(node, ast.If) or node.orelse or not _is_main(node.test):
            continue
        if (body := _body(node, parts)) is not None:
            yield node, body


def _is_main(test: ast.expr) -> bool:
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    name, value = test.left, test.comparators[0]
    return (
        isinstance(name, ast.Name)
        and name.id == "__name__"
        and isinstance(value, ast.Constant)
        and value.value == "__main__"
    )


def _unused(
    tree: ast.Module, parts: _Parts, keep: Collection[str]
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, tuple[int, int]]]:
    """Functions that nothing names, besides themselves and what is below ``if __name__ == "__main__":``."""
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and not n.decorator_list]
    if not functions:
        return
    code = _plain(parts.code)
    count = Counter(_WORD.findall(code))
    if _is_dynamic(code, count.keys()):
        return
    ranges = [(node.lineno, node.end_lineno or node.lineno) for node, _ in _main_blocks(tree, parts)]
    known = {_plain(word) for word in keep}
    for function in functions:
        if function.name.startswith("__") or function.name in known:
            continue
        own = [(function.lineno, function.end_lineno or function.lineno), *ranges]
        inside = (word for a, b in own for word in _WORD.findall(_plain("\n".join(parts.bare[a - 1 : b]))))
        if sum(word == function.name for word in inside) < count[function.name]:
            continue
        if (body := _body(function, parts)) is not None:
            yield function, body


def _body(node: ast.If | ast.FunctionDef | ast.AsyncFunctionDef, parts: _Parts) -> tuple[int, int] | None:
    """The lines of a body that begins on a line of its own."""
    first = node.body[0]
    decorators = getattr(first, "decorator_list", ())
    start = min([first.lineno, *(d.lineno for d in decorators)])
    line = parts.squeezed[start - 1]
    above = parts.bare[start - 1].encode()[: first.col_offset] if not decorators else b""
    if start == node.lineno or line.startswith(_GOES_ON) or above.strip():
        return None
    return start, node.end_lineno or start
