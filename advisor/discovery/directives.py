"""Comments that speak to the advisor: how to build a model, and which findings to leave out.

A **directive** stands above a class or function (between them only comments and decorators) or at the end of its
``class``/``def`` line::

    # advisor: args=(10,) kwargs={'width': 1.0} input=(1, 3, 32, 32)

``args`` and ``kwargs`` are what the constructor is called with, ``input`` what ``forward`` gets. Values are literals,
never evaluated. An input is a shape with an optional dtype, ``(1, 16):int64`` (without one, the model's own); several
are a tuple of them, ``((1, 3, 32, 32), (1, 16):int64)``, whose plain numbers are passed as they are; keyword inputs
are a dict, ``{'ids': (1, 16):int64, 'scale': 2}``. Lists and dicts within one are lists and dicts of inputs,
``{'batch': {'image': (1, 3, 32, 32)}}``.

A **suppression** silences codes, ``# advisor: ignore[CHN101, MEM401]``: at the end of a line for findings on that line,
on a line of its own for the next line of code. Prefixes silence families (``ignore[CHN]``). A bare ``ignore`` is a
problem: it would hide what nobody has seen yet.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..graph import Span
from .located import literal
from .source import Problem, Source

_MARK = re.compile(r"#\s*advisor\s*:\s*(.*)$")
_IGNORE = re.compile(r"ignore\b\s*(?:\[([^\]]*)\])?\s*(.*)$")
_CODE = re.compile(r"[A-Z]{3,4}[0-9]{0,3}$")
_DTYPE = re.compile(r",?\s*([)\]])\s*:\s*(\w+)")
DTYPES = frozenset(
    {
        *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
        *("int8", "int16", "int32", "int64", "uint8", "bool"),
    }
)
_KEYS = ("args", "kwargs", "input")
_KNOWN = f"there are {', '.join(_KEYS)} and ignore[CODE]"
_EXAMPLE = "write for example `# advisor: args=(10,) input=(1, 3, 32, 32)`"


@dataclass(frozen=True, slots=True)
class Suppression:
    """``codes`` are silenced for findings whose span covers line ``applies_to``; ``span`` is the comment."""

    codes: tuple[str, ...]
    applies_to: int
    span: Span


@dataclass(frozen=True, slots=True)
class Directive:
    """How to build the class or function defined on ``line``, as plain values; None where not said.

    ``inputs`` has the format of INPUTS' ``args`` and ``kwargs`` (see :mod:`.request`).
    """

    line: int
    span: Span
    args: tuple[Any, ...] | None = None
    kwargs: dict[str, Any] | None = None
    inputs: tuple[list[dict[str, Any]], dict[str, dict[str, Any]]] | None = None


@dataclass(slots=True)
class Directives:
    """Everything a file's comments say to the advisor. ``models``: definition line → directive."""

    models: dict[int, Directive] = field(default_factory=dict)
    suppressions: list[Suppression] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class DirectiveError(ValueError):
    """A directive that does not follow the grammar; the message says what to write."""


def directives(source: Source) -> Directives:
    """The directives, suppressions and problems of a file."""
    out = Directives()
    if "advisor" not in source.text:
        return out
    definitions = _definitions(source)
    for token in _comments(source):
        match = _MARK.match(token.string)
        if match is None:
            continue
        line, column = token.start
        span = Span(str(source.path), line, column + 1, line, column + 1 + len(token.string))
        text = match.group(1).strip()
        if text.startswith("ignore"):
            _suppression(source, out, text, span)
            continue
        try:
            here = _Where(span.file, line, column + 1 + match.start(1))
            directive = _directive(text, _target(source, definitions, line, column), span, here)
        except DirectiveError as e:
            out.problems.append(Problem("directive", f"this advisor comment has no effect: {e}", span))
            continue
        out.models[directive.line] = directive
    return out


def _comments(source: Source) -> list[tokenize.TokenInfo]:
    """The comment tokens. The file has been parsed, so it tokenises; an exception of the tokenizer ends the list."""
    out: list[tokenize.TokenInfo] = []
    try:
        out.extend(t for t in tokenize.generate_tokens(io.StringIO(source.text).readline) if t.type == tokenize.COMMENT)
    except (tokenize.TokenError, SyntaxError):
        return out
    return out


def _suppression(source: Source, out: Directives, text: str, span: Span) -> None:
    match = _IGNORE.match(text)
    codes = tuple(c.strip() for c in (match.group(1) or "").split(",") if c.strip()) if match else ()
    if not codes:
        message = "a bare ignore would hide every finding: name the codes, `# advisor: ignore[CHN101]`"
        out.problems.append(Problem("bare-ignore", message, span))
        return
    wrong = [c for c in codes if not _CODE.match(c)]
    if wrong:
        out.problems.append(Problem("directive", f"{wrong[0]!r} is not a code such as CHN101 or CHN", span))
        return
    own_line = not source.lines[span.line - 1][: span.column - 1].strip()
    applies = span.line
    if own_line:
        applies = next(
            (n for n in range(span.line + 1, len(source.lines) + 1) if _is_code(source.lines[n - 1])), span.line
        )
    out.suppressions.append(Suppression(codes, applies, span))


def _is_code(line: str) -> bool:
    text = line.strip()
    return bool(text) and not text.startswith("#")


def _definitions(source: Source) -> dict[int, int]:
    """First line (decorators included) and ``class``/``def`` line of every definition → its ``class``/``def`` line."""
    out: dict[int, int] = {}
    for node in source.nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for line in (node.lineno, *(d.lineno for d in node.decorator_list)):
                out[line] = node.lineno
    return out


def _target(source: Source, definitions: dict[int, int], line: int, column: int) -> int:
    if source.lines[line - 1][:column].strip():  # a trailing comment
        if line in definitions:
            return definitions[line]
        raise DirectiveError("it stands at the end of a line that is no class or function")
    following = line + 1
    while following <= len(source.lines) and source.lines[following - 1].lstrip().startswith("#"):
        following += 1
    if following in definitions:
        return definitions[following]
    raise DirectiveError("put it directly above a class or function")


class _Where(NamedTuple):
    """Where the text of a directive begins."""

    file: str
    line: int
    column: int


def _directive(text: str, line: int, span: Span, here: _Where) -> Directive:
    parts = _parts(text)
    args = kwargs = inputs = None
    if "args" in parts:
        args = _placed("args", parts["args"], here)
        if not isinstance(args, tuple | list):
            raise DirectiveError("args is a tuple, `args=(10,)`: mind the comma")
        args = tuple(args)
    if "kwargs" in parts:
        kwargs = _placed("kwargs", parts["kwargs"], here)
        if not isinstance(kwargs, dict) or not all(isinstance(k, str) for k in kwargs):
            raise DirectiveError("kwargs is a dict with names as keys, `kwargs={'width': 1.0}`")
    if "input" in parts:
        inputs = _inputs(_literal("input", _DTYPE.sub(r', "\2"\1', parts["input"][1])))
    return Directive(line, span, args, kwargs, inputs)


def _parts(text: str) -> dict[str, tuple[int, str]]:
    """``key=value`` pairs separated by blanks or commas; values may contain both inside brackets. A value comes with
    where in ``text`` it begins."""
    try:
        tokens = [
            t
            for t in tokenize.generate_tokens(io.StringIO(text).readline)
            if t.type not in (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER, tokenize.INDENT, tokenize.DEDENT)
        ]
    except (tokenize.TokenError, SyntaxError) as e:
        raise DirectiveError(f"brackets or quotes do not close; {_EXAMPLE}") from e
    starts: list[tuple[str, int, int]] = []  # key, its column, its value's column
    depth = 0
    for i, token in enumerate(tokens):
        depth += token.string in ("(", "[", "{")
        depth -= token.string in (")", "]", "}")
        if depth == 0 and token.type == tokenize.NAME and i + 1 < len(tokens) and tokens[i + 1].string == "=":
            starts.append((token.string, token.start[1], tokens[i + 1].end[1]))
    if not starts and not text:
        raise DirectiveError(_EXAMPLE)
    before = (text[: starts[0][1]] if starts else text).split()
    if before:
        raise DirectiveError(f"unknown word {before[0]!r}: {_KNOWN}; {_EXAMPLE}")
    out: dict[str, tuple[int, str]] = {}
    for i, (key, _, begin) in enumerate(starts):
        if key not in _KEYS:
            raise DirectiveError(f"unknown key {key!r}: {_KNOWN}")
        if key in out:
            raise DirectiveError(f"{key} is given twice")
        end = starts[i + 1][1] if i + 1 < len(starts) else len(text)
        value = text[begin:end]
        out[key] = end - len(value.lstrip()), value.strip().removesuffix(",").strip()
    return out


def _placed(key: str, part: tuple[int, str], here: _Where) -> Any:
    """The literal, whose numbers know where they stand."""
    begin, text = part
    return _literal(key, text, lambda t: literal(t, here.file, here.line, here.column + begin))


def _literal(key: str, text: str, read: Callable[[str], Any] = ast.literal_eval) -> Any:
    try:
        return read(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as e:
        raise DirectiveError(f"the value of {key} is not a literal: {text!r}; {_EXAMPLE}") from e


def _inputs(value: Any) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Positional and keyword inputs of a literal in the grammar above, a dtype being the last item of its shape:
    ``((1, 3, 32, 32), (1, 16, "int64"))``. Raises :class:`DirectiveError`."""
    if isinstance(value, dict):
        return [], {str(k): _one_input(v) for k, v in value.items()}
    if not isinstance(value, tuple | list) or not value:
        raise DirectiveError("input is a shape, `input=(1, 3, 32, 32)`, a tuple of shapes or a dict of them")
    if any(isinstance(v, tuple | list | dict) for v in value):
        return [_one_input(v) for v in value], {}
    return [_one_input(value)], {}


def _one_input(value: Any) -> dict[str, Any]:
    """A VALUE of :mod:`.request`: a shape is a tensor; dictionaries, and tuples that hold shapes, are taken apart."""
    if isinstance(value, dict):
        return {"dict": {k: _one_input(v) for k, v in value.items()}}
    if isinstance(value, str) and value in DTYPES:
        raise DirectiveError(f"{value!r} stands beside a shape: write (1, 16):{value}")
    if not isinstance(value, tuple | list):
        return {"value": value}
    if any(isinstance(v, tuple | list | dict) for v in value):
        return {"list": [_one_input(v) for v in value]}
    shape = list(value)
    said: dict[str, str] = {}  # without a dtype, the model's own
    if shape and isinstance(shape[-1], str):
        dtype = said["dtype"] = shape.pop()
        if dtype not in DTYPES:
            raise DirectiveError(f"unknown dtype {dtype!r}: there are {', '.join(sorted(DTYPES))}")
    if not shape or not all(isinstance(d, int) and not isinstance(d, bool) and d > 0 for d in shape):
        raise DirectiveError(
            f"{tuple(value)!r} is not a shape: positive integers, with an optional dtype, (1, 16):int64"
        )
    return {"shape": shape, **said}
