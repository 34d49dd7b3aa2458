"""Swapping activations in the source: where the class, the function or the word for it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import libcst as cst

from ...graph import Op
from ...moves import Move, SwapActivation
from ...moves.activation import MODULES
from ..edits import Edit
from ..proposal import Proposal, Scene, Unfixable
from .calls import Call
from .choosing import Option, choices, flipped, told
from .created import alone, called_by, editable, made_by
from .flow import Flow, Frame, Place
from .imports import full_name, reach
from .parsed import Parsed
from .signatures import TORCH

_CLASSES = {name.rpartition(".")[2]: fn for fn, name in MODULES.items()}
_METHODS = ("relu", "sigmoid", "tanh")
_WORDS = {
    "relu": ("relu", "re", "rel"),
    "relu6": ("relu6", "r6", "re6"),
    "hardswish": ("hardswish", "hswish", "hs"),
    "silu": ("silu", "swish", "sw"),
    "hardsigmoid": ("hardsigmoid", "hsigmoid"),
    "leaky_relu": ("leakyrelu", "leaky", "lrelu"),
}
"""What people call activations in tables, lower case and without marks."""

_STRINGS = 3
"""Words that are tried in place of one."""


def render(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Proposals for :class:`SwapActivation` moves, which name one function. Raises :class:`Unfixable`."""
    swaps = [m for m in moves if isinstance(m, SwapActivation)]
    fn = swaps[0].fn
    if any(m.fn != fn for m in swaps):
        raise Unfixable("several functions are to be swapped in")
    graph = scene.graph
    wanted = list(dict.fromkeys(key for m in swaps for key in m.ops if graph.by_key[key].attrs["fn"] != fn))
    old = {graph.by_key[key].attrs["fn"] for key in wanted}
    flow = Flow(scene)
    ops = [op for op in graph.ops if op.op == "activation" and op.attrs["fn"] in old]
    options = {op.key: _options(flow, op, fn) for op in ops}
    for choice in choices(wanted, options):
        yield Proposal(choice.edits, SwapActivation(choice.changed, fn), told(choice))


def _options(flow: Flow, op: Op, fn: str) -> list[Option]:
    """What may be edited for one activation to become ``fn``: what names its class or function, then words, then what
    chooses between several."""
    module = alone(flow.scene.graph, op)
    frames = made_by(flow, op.path) if module else called_by(flow, op)
    if not frames:
        return []
    places = [p for p in flow.places(op.path, frames, frames[0].call.node.func) if editable(flow.scene, p.file.file)]
    made = _made(flow.scene, op, frames[0], fn, module)
    named = [o for p in places if not p.missing for o in _renamed(p, op, fn, frames[0])]
    words = [o for p in places if not p.missing for o in _words(p, op, fn)]
    added = [o for p in places if p.missing for o in _added(flow, op, p, fn)]
    return [*made, *named, *words, *[o for p in places for o in flipped(p)], *added]


def _made(scene: Scene, op: Op, frame: Frame, fn: str, module: bool) -> list[Option]:
    """The very call that builds or computes the activation, unless what it calls is a variable."""
    call, file = frame.call, frame.file
    if not editable(scene, file.file):
        return []
    if module:
        return [_class_call(call, fn)] if full_name(file, call.node.func) or _is_global(file, call.callee) else []
    if isinstance(call.node.func, cst.Attribute) and not full_name(file, call.node.func):
        return _method(call, fn) if call.function.rstrip("_") == op.target.rpartition(".")[2].rstrip("_") else []
    return [_function_call(call, fn)] if full_name(file, call.node.func).startswith("torch") else []


def _class_call(call: Call, fn: str) -> Option:
    """``nn.Hardswish(inplace=True)`` → ``nn.ReLU(inplace=True)``."""
    name = MODULES[fn].rpartition(".")[2]
    written, imports = reach(call.file, "torch.nn", name)
    return (*imports, *_kept(call, TORCH.get(name, ()), written))


def _function_call(call: Call, fn: str) -> Option:
    """``F.hardswish(x, inplace=True)`` → ``F.relu(x, inplace=True)``."""
    written, imports = reach(call.file, "torch.nn.functional", fn)
    return (*imports, *_kept(call, ("inplace",), written, keep=1))


def _kept(call: Call, takes: Sequence[str], written: str, keep: int = 0) -> Option:
    """Call ``written`` with the first ``keep`` arguments and, where it takes that, ``inplace``; other arguments belong
    to the old function."""
    place = call.argument("inplace")
    kept = [call.file.written(a.node) for a in call.arguments[:keep]]
    if place is not None and "inplace" in takes:
        kept.append(f"inplace={call.file.written(place.value)}")
    if len(kept) == len(call.arguments) and all(a.name != "inplace" or a.node.keyword for a in call.arguments):
        return (call.calling(written),)
    return (call.replaced(f"{written}({', '.join(kept)})"),)


def _method(call: Call, fn: str) -> list[Option]:
    """``x.sigmoid()`` → ``x.relu()``."""
    func = call.node.func
    assert isinstance(func, cst.Attribute)
    if fn in _METHODS:
        mark = "_" if func.attr.value.endswith("_") else ""
        return [(Edit(call.file.span(func.attr), fn + mark),)]
    written, imports = reach(call.file, "torch.nn.functional", fn)
    return [(*imports, call.replaced(f"{written}({call.file.written(func.value)})"))]


def _renamed(place: Place, op: Op, fn: str, start: Frame) -> list[Option]:
    """Another class or function where the old one is named, or built, on the way to the layer."""
    node, file = place.node, place.file
    if node is start.call.node.func:
        return []
    parent = file.parent(node)
    if isinstance(parent, cst.Attribute) or _is_alias(file, parent, op.attrs["fn"]):
        return []
    full = full_name(file, node)
    if isinstance(node, cst.Call):
        return [_class_call(Call(file, node), fn)] if _is(full_name(file, node.func), op.attrs["fn"]) else []
    if not _is(full, op.attrs["fn"]) or (isinstance(parent, cst.Call) and parent.func is node):
        return []
    if full.rpartition(".")[2] in _CLASSES or full.rpartition(".")[2][:1].isupper() or full in file.definitions:
        written, imports = reach(file, "torch.nn", MODULES[fn].rpartition(".")[2])
    else:
        written, imports = reach(file, "torch.nn.functional", fn)
    return [(*imports, Edit(place.span, written))]


def _is_global(file: Parsed, name: str) -> bool:
    """Whether the file gives a name to something at its top."""
    assigns = (a for a in file.each(cst.Assign) if file.enclosing(a, cst.FunctionDef, cst.ClassDef) is None)
    return any(file.written(t.target) == name for a in assigns for t in a.targets)


def _is_alias(file: Parsed, parent: cst.CSTNode | None, fn: str) -> bool:
    """Whether ``SiLU = nn.SiLU`` only gives a name, which would say the wrong thing then."""
    return isinstance(parent, cst.Assign) and any(_is(file.written(t.target), fn) for t in parent.targets)


def _is(full: str, fn: str) -> bool:
    """Whether a name, torch's or a user's own, is that of the activation ``fn``."""
    return bool(full) and _plain(full.rpartition(".")[2]) in {_plain(fn), *_WORDS.get(fn, ())}


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _words(place: Place, op: Op, fn: str) -> list[Option]:
    """Other words that the file has for ``fn``, or else its name, in place of one that chooses the activation."""
    node = place.node
    if not isinstance(node, cst.SimpleString) or isinstance(
        place.file.parent(node), cst.ComparisonTarget | cst.Comparison
    ):
        return []
    old = node.raw_value
    if not _is(old, op.attrs["fn"]) and not place.test:
        return []
    known = [w for w in _strings(place.file) if _is(w, fn)] or ["relu" if fn == "relu" else fn]
    return [(Edit(place.span, f"{node.quote}{word}{node.quote}"),) for word in known[:_STRINGS] if word != old]


def _strings(file: Parsed) -> list[str]:
    found = [n.raw_value for n in file.each(cst.SimpleString) if not n.prefix]
    return sorted(dict.fromkeys(found), key=lambda w: -found.count(w))


def _added(flow: Flow, op: Op, place: Place, fn: str) -> list[Option]:
    """Pass the new class where a default is the old one."""
    if not isinstance(place.node, cst.Call):
        return []
    for file in dict.fromkeys(f.file for f in made_by(flow, op.path)):
        for parameter in file.each(cst.Param):
            default = parameter.default
            if (
                parameter.name.value == place.missing
                and default is not None
                and _is(full_name(file, default), op.attrs["fn"])
            ):
                written, imports = reach(place.file, "torch.nn", MODULES[fn].rpartition(".")[2])
                return [(*imports, *Call(place.file, place.node).adding(place.missing, written))]
    return []
