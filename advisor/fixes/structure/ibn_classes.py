"""A class or a function for the changed form of a block: derived from the one that there is, and made from the modules
that this one builds, so it serves whatever the block looks like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import indent

import libcst as cst

from ..edits import Edit
from ..proposal import Unfixable
from .ibn_forward import copied, method_around, without_calls
from .ibn_makers import Maker
from .ibn_parts import TORCH, FusePlan, Path, Plan, UnfusePlan
from .parsed import Parsed

Kind = Callable[[Path], str]
"""The type of a module of the block."""

_MODULES = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "hardswish": "Hardswish",
    "silu": "SiLU",
    "gelu": "GELU",
    "sigmoid": "Sigmoid",
    "hardsigmoid": "Hardsigmoid",
    "tanh": "Tanh",
    "mish": "Mish",
    "elu": "ELU",
}
"""torch's layer of an activation without parameters."""


def definition(maker: Maker, base: str, name: str, plans: Sequence[Plan], kind: Kind, nn: str, tab: str) -> str:
    """The text of ``name``, which builds what ``base`` (the maker's name where this stands) builds and changes it as
    ``plans``, all of one kind, say. ``nn`` is how the file calls ``torch.nn``; ``tab`` one step of its indentation.
    Raises :class:`Unfixable`."""
    subject = maker.subject
    forward, dropped = _forward(maker, [p for p in plans if isinstance(p, FusePlan)])
    said = _said(plans[0], base)
    body: list[str] = []
    for plan in reversed(plans):  # what goes from a sequence moves up what comes after it
        if isinstance(plan, FusePlan):
            body += _fusing(maker, plan, kind, nn, tab, [p for p in plan.gone if p in dropped])
        else:
            body += _unfusing(maker, plan, nn, tab)
    if isinstance(maker.node, cst.ClassDef):
        text = (
            f'class {name}({base}):\n{tab}"""{said}"""\n\n'
            f"{tab}def __init__(self, *args, **kwargs):\n{tab}{tab}super().__init__(*args, **kwargs)\n"
            + indent("\n".join(body), tab * 2)
        )
        return text + (f"\n\n{forward}" if forward else "")
    if forward:
        raise Unfixable(f"{base} returns modules, but a function between them would have to go too")
    lines = [f"{subject} = {base}(*args, **kwargs)", *body, f"return {subject}"]
    return f'def {name}(*args, **kwargs):\n{tab}"""{said}"""\n' + indent("\n".join(lines), tab)


def _said(plan: Plan, base: str) -> str:
    if isinstance(plan, FusePlan):
        return f"{base} with one dense convolution in place of its 1x1 expansion and its depthwise convolution."
    return f"{base} with a 1x1 and a depthwise convolution in place of its dense one."


# ---- statements


def reached(subject: str, path: Path) -> str:
    """The expression for a module: ``self.conv[0].norm``."""
    text = subject
    for part in path:
        if not part.isdigit() and not part.isidentifier():
            raise Unfixable(f"a part of the block is called {part!r}, which code cannot name")
        text += f"[{part}]" if part.isdigit() else f".{part}"
    return text


def _fusing(maker: Maker, plan: FusePlan, kind: Kind, nn: str, tab: str, dropped: Sequence[Path]) -> list[str]:
    subject, placed = maker.subject, _placed(maker, "depthwise")
    expand, depthwise = reached(subject, plan.expand), reached(subject, plan.depthwise)
    taken = [f"depthwise.{a}" for a in ("kernel_size", "stride", "padding", "dilation")]
    lines = [f"expand, depthwise = {expand}, {depthwise}"]
    lines += _call(
        f"{reached(subject, plan.made)} = {nn}.Conv{plan.rank}d",
        ["expand.in_channels", "expand.out_channels", *taken, *_bias(plan.bias), *placed],
        tab,
    )
    return lines + _removing(plan.gone, kind, subject, nn, dropped)


def _removing(gone: Sequence[Path], kind: Kind, subject: str, nn: str, dropped: Sequence[Path]) -> list[str]:
    lines: list[str] = []
    in_sequence: dict[Path, list[int]] = {}
    for path in gone:
        if path[-1].isdigit() and kind(path[:-1]) == f"{TORCH}Sequential":
            in_sequence.setdefault(path[:-1], []).append(int(path[-1]))
        elif path not in dropped:
            lines.append(f"{reached(subject, path)} = {nn}.Identity()")
    if dropped:
        lines.append("del " + ", ".join(reached(subject, path) for path in dropped))
    for path, indexes in in_sequence.items():
        for first, last in reversed(_runs(indexes)):
            where = str(first) if first == last else f"{first or ''}:{last + 1}"
            lines.append(f"del {reached(subject, path)}[{where}]")
    return lines


def _runs(indexes: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours, in order."""
    runs: list[tuple[int, int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return runs


def _unfusing(maker: Maker, plan: UnfusePlan, nn: str, tab: str) -> list[str]:
    subject, placed = maker.subject, _placed(maker, "conv")
    lines = [f"conv = {reached(subject, plan.conv)}"]
    channels = ["conv.out_channels", "conv.out_channels"]
    geometry = [f"conv.{a}" for a in ("kernel_size", "stride", "padding", "dilation")]
    more = [*_bias(plan.bias), *placed]
    convolution = f"{nn}.Conv{plan.rank}d"
    lines += _call(f"pointwise = {convolution}", ["conv.in_channels", "conv.out_channels", "1", *more], tab)
    grouped = [*channels, *geometry, "groups=conv.out_channels", *more]
    lines += _call(f"depthwise = {convolution}", grouped, tab)
    between = [f"deepcopy({reached(subject, p)})" for p in (plan.norm, plan.act) if p is not None]
    if plan.fn:
        between.append(f"{nn}.{activation(plan.fn)}()")
    whole = f"{reached(subject, plan.conv)} = {nn}.Sequential"
    return lines + _call(whole, ["pointwise", *between, "depthwise"], tab)


def activation(fn: str) -> str:
    """torch's layer for an activation. Raises :class:`Unfixable` where it has parameters that are not known."""
    if fn not in _MODULES:
        raise Unfixable(f"the activation {fn} is a function for which torch has no layer without parameters")
    return _MODULES[fn]


def _placed(maker: Maker, like: str) -> list[str]:
    """The arguments that put a new layer where ``like`` is, for makers that are told where."""
    return [f"{name}={like}.weight.{name}" for name in maker.parameters if name in ("device", "dtype")]


def _bias(bias: bool) -> list[str]:
    return [] if bias else ["bias=False"]  # torch's layers have one unless they are told not to


def _call(start: str, arguments: Sequence[str], tab: str) -> list[str]:
    one = f"{start}({', '.join(arguments)})"
    if len(one) <= 96:
        return [one]
    return [f"{start}(", *(f"{tab}{a}," for a in arguments), ")"]


# ---- the forward


def _forward(maker: Maker, plans: Sequence[FusePlan]) -> tuple[str, tuple[Path, ...]]:
    """The methods with the calls that have to go left out, as they stand in the class, and the modules that they do
    not call any more; none where no call has to go."""
    spans = [span for plan in plans for span in plan.calls]
    if not spans:
        return "", ()
    file = maker.file
    if not isinstance(maker.node, cst.ClassDef):
        raise Unfixable(f"a function called between the layers of {maker.name} would have to go too")
    functions: dict[cst.FunctionDef, list[Edit]] = {}
    for span in spans:
        _, function = method_around(file, span)
        if not isinstance(file.enclosing(function, cst.FunctionDef, cst.ClassDef), cst.ClassDef):
            raise Unfixable(
                f"{function.name.value}() in line {span.line} is shared by blocks that should stay as they are"
            )
        functions.setdefault(function, [])
    dropped = [p for plan in plans for p in plan.gone if len(p) == 1]
    called = {p: _calls_of(file, maker.node, p[0]) for p in dropped}
    dropped = [p for p in dropped if called[p] and all(_method(file, c) in functions for c in called[p])]
    spans += [file.span(c) for p in dropped for c in called[p]]
    written = []
    for function in functions:
        edits = without_calls(file, [s for s in spans if method_around(file, s)[1] is function])
        text = _outdented(copied(file, function, edits), file.indent(file.span(maker.node).line))
        if "super()" in text:
            raise Unfixable(f"{maker.name}.{function.name.value}() calls its base class's, so it cannot be overridden")
        written.append(text)
    return "\n\n".join(written), tuple(dropped)


def _outdented(text: str, blanks: str) -> str:
    """Without the blanks that the class itself stands behind; the rest as it is, for it may be within a string."""
    return "\n".join(row.removeprefix(blanks) for row in text.split("\n"))


def _calls_of(file: Parsed, owner: cst.ClassDef, attribute: str) -> list[cst.Call]:
    """The calls of ``self.attribute``; none where it is used in any other way outside of the constructor."""
    uses = [a for a in file.each(cst.Attribute, owner) if file.written(a) == f"self.{attribute}"]
    calls = [c for c in file.each(cst.Call, owner) if file.written(c.func) == f"self.{attribute}"]
    stored = [a for a in uses if isinstance(file.parent(a), cst.AssignTarget)]
    return calls if len(uses) == len(calls) + len(stored) else []


def _method(file: Parsed, node: cst.CSTNode) -> cst.FunctionDef | None:
    return file.enclosing(node, cst.FunctionDef)
