"""What a person does to a text of Python: each change is the texts that it passes through, key by key or at once.

All are functions of a text and a source of chance. Those of :data:`WHOLE` end with a text that may well be a model,
those of :data:`BROKEN` with one that a person would not leave so.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

Change = Callable[[str, random.Random], Sequence[str]]
"""The texts that a change passes through, the last one included; none where there is nothing to change so."""

_NUMBERS = (1, 2, 3, 4, 6, 8, 12, 16, 17, 20, 24, 31, 32, 33, 40, 48, 60, 64, 65, 96)
_ACTS = ("nn.ReLU()", "nn.SiLU()", "nn.GELU()", "nn.Hardswish()", "nn.ReLU6()", "nn.Sigmoid()")
_LITERAL = re.compile(r"(?<![\w.\"'])\d+(?![\w.])")
_ACT = re.compile("|".join(map(re.escape, _ACTS)))
_ATTRIBUTE = re.compile(r"^( +)self\.\w+ = nn\..*\n", re.MULTILINE)
_ITEM = re.compile(r"^( +)nn\.\w+\(.*\),\n", re.MULTILINE)
_NOTES = ("# narrow", "# wärmer, größer", "# 😀 fast", "# advisor: ignore[CHN101]", "# advisor: ignore[OPS]", "# x" * 9)


def literal(text: str, chance: random.Random) -> Sequence[str]:
    """Another number; half of the time digit by digit."""
    found = [m for m in _LITERAL.finditer(text) if "#" not in _line(text, m.start())]
    if not found:
        return ()
    old = chance.choice(found)
    new = str(chance.choice(_NUMBERS))
    if chance.random() < 0.5:
        return (_put(text, old, new),)
    emptied = _put(text, old, "")
    return [emptied, *(emptied[: old.start()] + new[:n] + emptied[old.start() :] for n in range(1, len(new) + 1))]


def activation(text: str, chance: random.Random) -> Sequence[str]:
    """Another activation."""
    found = list(_ACT.finditer(text))
    return (_put(text, chance.choice(found), chance.choice(_ACTS)),) if found else ()


def added(text: str, chance: random.Random) -> Sequence[str]:
    """A layer more, typed in pieces: an attribute that nothing uses, or an item of a sequence."""
    found = [*_ATTRIBUTE.finditer(text), *_ITEM.finditer(text)]
    if not found:
        return ()
    after = chance.choice(found)
    a, b = chance.choice(_NUMBERS), chance.choice(_NUMBERS)
    layer = chance.choice((f"nn.Conv2d({a}, {b}, 3, padding=1)", f"nn.BatchNorm2d({a})", "nn.ReLU()", "nn.Identity()"))
    attribute = after[0].lstrip().startswith("self.")
    line = f"{after[1]}self.more{chance.randrange(100)} = {layer}\n" if attribute else f"{after[1]}{layer},\n"
    return _typed(text, after.end(), line, chance)


def removed(text: str, chance: random.Random) -> Sequence[str]:
    """A layer's line less."""
    found = [*_ATTRIBUTE.finditer(text), *_ITEM.finditer(text)]
    return (_put(text, chance.choice(found), ""),) if found else ()


def commented(text: str, chance: random.Random) -> Sequence[str]:
    """A comment more, typed in pieces, behind a line or on its own."""
    lines = text.split("\n")
    row = chance.randrange(len(lines))
    note = chance.choice(_NOTES)
    at = sum(len(line) + 1 for line in lines[:row])
    if lines[row].strip() and chance.random() < 0.5 and "#" not in lines[row]:
        return _typed(text, at + len(lines[row]), f"  {note}", chance)
    indent = lines[row][: len(lines[row]) - len(lines[row].lstrip())]
    return _typed(text, at, f"{indent}{note}\n", chance)


def uncommented(text: str, chance: random.Random) -> Sequence[str]:
    """A comment less."""
    found = list(re.finditer(r" *#.*", text))
    return (_put(text, chance.choice(found), ""),) if found else ()


def spaced(text: str, chance: random.Random) -> Sequence[str]:
    """A blank line more or less."""
    blank = list(re.finditer(r"\n(?=\n\n)", text))
    if blank and chance.random() < 0.5:
        return (_put(text, chance.choice(blank), ""),)
    ends = list(re.finditer(r"\n", text))
    return (_put(text, chance.choice(ends), "\n\n"),) if ends else ()


def moved(text: str, chance: random.Random) -> Sequence[str]:
    """A function or class stands elsewhere."""
    blocks = text.strip("\n").split("\n\n\n")
    if len(blocks) < 3:
        return ()
    block = blocks.pop(chance.randrange(1, len(blocks)))
    blocks.insert(chance.randrange(1, len(blocks) + 1), block)
    return ("\n\n\n".join(blocks) + "\n",)


def renamed(text: str, chance: random.Random) -> Sequence[str]:
    """A layer's name, everywhere."""
    names = sorted(set(re.findall(r"self\.(\w+) = ", text)))
    if not names:
        return ()
    name = chance.choice(names)
    return (re.sub(rf"\bself\.{name}\b", f"self.{name.rstrip('0123456789')}{chance.randrange(10)}", text),)


def cut(text: str, chance: random.Random) -> Sequence[str]:
    """The rest of a line, or of the file, is gone."""
    at = chance.randrange(len(text)) if text else 0
    end = text.find("\n", at) if chance.random() < 0.8 else len(text)
    return (text[:at] + text[end:],) if end >= 0 else ()


def half(text: str, chance: random.Random) -> Sequence[str]:
    """A line that was begun and not ended."""
    ends = list(re.finditer(r"\n", text))
    if not ends:
        return ()
    line = chance.choice(("        self.next = nn.Conv2d(", "    def ", "from nets.", "x = [", '"""', "        nn."))
    return _typed(text, chance.choice(ends).end(), f"{line}\n", chance)


def bracket(text: str, chance: random.Random) -> Sequence[str]:
    """A bracket less."""
    found = list(re.finditer(r"[][(){}]", text))
    return (_put(text, chance.choice(found), ""),) if found else ()


def indented(text: str, chance: random.Random) -> Sequence[str]:
    """A line stands further right."""
    found = list(re.finditer(r"^ +(?=\S)", text, re.MULTILINE))
    return (_put(text, chance.choice(found), "          "),) if found else ()


def undefined(text: str, chance: random.Random) -> Sequence[str]:
    """A name that there is not: the file can be read, and not imported or not run."""
    found = list(re.finditer(r"\b(WIDTH|nn|act|width|cin)\b", text))
    return (_put(text, chance.choice(found), "nowhere"),) if found else ()


WHOLE: dict[str, tuple[Change, float]] = {
    "number": (literal, 6),
    "activation": (activation, 2),
    "layer added": (added, 2),
    "layer removed": (removed, 0.7),
    "comment": (commented, 2),
    "comment removed": (uncommented, 1.5),
    "blank line": (spaced, 1),
    "block moved": (moved, 1),
    "layer renamed": (renamed, 0.7),
}
BROKEN: dict[str, tuple[Change, float]] = {
    "cut": (cut, 1),
    "half typed": (half, 1),
    "bracket": (bracket, 1),
    "indentation": (indented, 0.5),
    "unknown name": (undefined, 1),
}
"""Kinds of changes with how often they come."""


def _typed(text: str, at: int, more: str, chance: random.Random) -> Sequence[str]:
    """``more`` comes into the text at an offset, in pieces of some characters."""
    cuts, done = [], 0
    while done < len(more):
        done += chance.randint(2, 14)
        cuts.append(min(done, len(more)))
    return [text[:at] + more[:n] + text[at:] for n in cuts]


def _put(text: str, match: re.Match[str], new: str) -> str:
    return text[: match.start()] + new + text[match.end() :]


def _line(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 : at]
