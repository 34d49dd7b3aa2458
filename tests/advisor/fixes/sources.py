"""Generated model files: the ways that people write widths, and all that formatting may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hypothesis import strategies as st

WIDTHS = (20, 30, 36, 44, 60, 68, 100)
ACTIVATIONS = ("nn.ReLU()", "nn.SiLU()", "nn.Hardswish(inplace = True)", "nn.ReLU6(True)")
WORDS = ("plain", "größer als zuvor", "🙂 wide", "advisor is not meant", "nn.Conv2d(3, 60, 3)", "名前 # twice")


class File(NamedTuple):
    """A generated file: its text as Python sees it, and as it stands on the disk."""

    text: str
    data: bytes


class _Writer:
    """Draws how things are written."""

    def __init__(self, draw: Callable[..., object]) -> None:
        self.draw = draw
        self.comments = 0

    def one(self, *choices: str) -> str:
        return str(self.draw(st.sampled_from(choices)))

    def gap(self) -> str:
        return self.one("", " ", " ", "  ")

    def comment(self) -> str:
        """A comment that no other is like, or none."""
        if self.one("yes", "no", "no") == "no":
            return ""
        self.comments += 1
        return f"{self.one('  ', ' ')}# {self.one(*WORDS)} {self.comments}"

    def number(self, value: int) -> str:
        """A number as people write it: perhaps worked out."""
        forms = [str(value), str(value), f"({value})", f"int({value} * 1.0)", f"{value}{self.gap()}*{self.gap()}1"]
        if value % 2 == 0:
            forms += [f"{value // 2} * 2", f"2*{value // 2}"]
        return self.one(*forms, hex(value))

    def arguments(self, *given: str) -> str:
        """What stands between the parentheses of a call, on one line or on several."""
        comma = self.one("", ",")
        if self.one("line", "line", "lines") == "line":
            return f",{self.gap()}".join(given) + (f"{self.gap()}{comma}" if comma else "")
        rows = [f"\n>{arg}{',' if arg is not given[-1] or comma else ''}{self.comment()}" for arg in given]
        return "".join(rows) + "\n<"


@st.composite
def calls(draw: st.DrawFn) -> str:
    """A statement with a call of ``nn.Conv2d``, by position and by name, with and without what may be left out."""
    w = _Writer(draw)
    positional = draw(st.integers(1, 4))
    given = [w.number(n) for n in (3, 60, 3, 2)][:positional]
    names = draw(st.lists(st.sampled_from(("padding", "groups", "bias", "dilation")), unique=True))
    given += [f"{name}{w.gap()}={w.gap()}{w.one('1', '(1)', 'F(x, 1)')}" for name in names]
    made = w.arguments(*given, *w.one("", "", "**more").split())
    return _indented(f"if x:{w.comment()}\n>y = '🙂',{w.gap()}nn.Conv2d({made}){w.comment()}\n", "    ")


@st.composite
def files(draw: st.DrawFn) -> File:
    """A file with a model ``Net`` of a few blocks, whose widths and settings come from anywhere."""
    w = _Writer(draw)
    name = w.one("Block", "Блок", "ConvBN_1")
    inp, oup = w.one("inp", "größe_ein", "i"), w.one("oup", "größe_aus", "o")
    widths = draw(st.lists(st.sampled_from(WIDTHS), min_size=2, max_size=3))
    act = w.one(*ACTIVATIONS)
    source = w.one(*_STYLES)
    parts = [
        f'"""Model {w.one(*WORDS)}."""{w.comment()}',
        "from dataclasses import dataclass",
        w.one("import torch.nn as nn", "from torch import nn"),
        "",
        _block(w, name, inp, oup, act),
        _STYLES[source](w, name, widths),
        w.one("", "", f"TEXT = '''{w.one(*WORDS)}\n    60,{w.one('', '  ')}\n'''"),
    ]
    text = _indented("\n".join(parts), w.one("    ", "  ", "\t")) + w.one("\n", "", "\n\n")
    newline, mark = w.one("\n", "\n", "\r\n"), draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
    return File(text, mark + text.replace("\n", newline).encode())


def _block(w: _Writer, name: str, inp: str, oup: str, act: str) -> str:
    conv = w.arguments(inp, oup, "3", w.one("padding=1", "padding = 1"), *w.one("", "bias=False", "bias=True").split())
    return (
        f"class {name}(nn.Sequential):{w.comment()}\n"
        f">def __init__(self,{w.gap()}{inp}, {oup}):\n"
        f">>super().__init__(\n"
        f">>>nn.Conv2d({conv.replace(chr(10), chr(10) + '>>>')}),{w.comment()}\n"
        f">>>nn.Sequential(nn.BatchNorm2d({oup}),{w.gap()}{act}),{w.comment()}\n"
        f">>)\n"
    )


def _net(w: _Writer, body: str, parameters: str = "") -> str:
    return (
        f"# advisor: input=(1, 3, 32, 32)\n"
        f"class Net(nn.Module):{w.comment()}\n"
        f">def __init__(self{parameters}):\n"
        f">>super().__init__()\n{body}"
        f">def forward(self,{w.gap()}x):\n"
        f">>return self.body(x).mean((2,{w.gap()}3)){w.comment()}\n"
    )


def _looped(w: _Writer, name: str, rows: str, width: str) -> str:
    return _net(
        w,
        f">>blocks,{w.gap()}last = [], 3{w.comment()}\n"
        f">>for row in {rows}:\n"
        f">>>blocks.append({name}({w.arguments('last', width).replace(chr(10), chr(10) + '>>>')})){w.comment()}\n"
        f">>>last = {width}\n"
        f">>self.body = nn.Sequential(*blocks)\n",
    )


def _table(w: _Writer, name: str, widths: Sequence[int]) -> str:
    rows = "".join(f">[{w.gap()}{w.number(n)},{w.gap()}1],{w.comment()}\n" for n in widths)
    return f"ROWS = [{w.comment()}\n{rows}]\n\n\n" + _looped(w, name, "ROWS", "row[0]")


def _records(w: _Writer, name: str, widths: Sequence[int]) -> str:
    made = [w.one(f"Row({w.number(n)})", f"Row(width{w.gap()}={w.gap()}{w.number(n)}, label='🙂')") for n in widths]
    return (
        f"@dataclass{w.comment()}\nclass Row:\n>width: int\n>label: str = 'é'\n\n\n"
        f"ROWS = ({', '.join(made)},)\n\n\n" + _looped(w, name, "ROWS", "row.width")
    )


def _defaults(w: _Writer, name: str, widths: Sequence[int]) -> str:
    names = [f"w{i}" for i in range(len(widths))]
    given = "".join(f", {n}{w.one('=', ' = ')}{w.number(v)}" for n, v in zip(names, widths, strict=True))
    built = [f"{name}({a},{w.gap()}{b})" for a, b in zip(["3", *names], names, strict=False)]
    return _net(w, f">>self.body = nn.Sequential({', '.join(built)}){w.comment()}\n", given)


def _written(w: _Writer, name: str, widths: Sequence[int]) -> str:
    built = [f"{name}({w.number(a)}, {w.number(b)})" for a, b in zip([3, *widths], widths, strict=False)]
    rows = "".join(f">>>{b},{w.comment()}\n" for b in built)
    return _net(w, f">>self.body = nn.Sequential(\n{rows}>>)\n")


def _settings(w: _Writer, name: str, widths: Sequence[int]) -> str:
    items = "".join(f">{w.one(chr(39), chr(34))}w{i}': {w.number(n)},{w.comment()}\n" for i, n in enumerate(widths))
    items = items.replace('"w', "'w")
    built = ", ".join(f"{name}({a}, {b})" for a, b in zip(["3", *_keys(widths)], _keys(widths), strict=False))
    return f"CONFIG = {{\n{items}}}\n\n\n" + _net(w, f">>self.body = nn.Sequential({built})\n")


def _keys(widths: Sequence[int]) -> list[str]:
    return [f"CONFIG['w{i}']" for i in range(len(widths))]


_STYLES: dict[str, Callable[[_Writer, str, Sequence[int]], str]] = {
    "table": _table,
    "records": _records,
    "defaults": _defaults,
    "written": _written,
    "settings": _settings,
}


def _indented(text: str, indent: str) -> str:
    """``>`` at the beginning of a line is one level; ``<`` none at all (after a line break within parentheses)."""
    lines = []
    for line in text.split("\n"):
        level = len(line) - len(line.lstrip(">"))
        rest = line[level:]
        lines.append(rest[1:] if rest.startswith("<") else indent * level + rest)
    return "\n".join(lines)
