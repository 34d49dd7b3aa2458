"""Arguments of the calls that built layers: where what is passed for ``groups``, ``bias`` or ``stride`` is edited."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import libcst as cst

from ...graph import Op
from .calls import Call
from .choosing import Option, flipped, setting
from .created import editable, made_by
from .flow import Flow, Place
from .signatures import of_function

Text = Callable[[Call | None], str | None]
"""What to write for the argument in a call, or where there is none (a default); None where that does not say enough."""


def argument_options(flow: Flow, op: Op, name: str, text: Text, default: str) -> list[Option]:
    """What may be edited so that the layer's argument ``name`` becomes what ``text`` says. Where the call that built
    the layer only passes on what it was given, that is edited first; where it chooses, what it chooses by.

    ``default`` is what torch takes where the argument is not passed: an edit that comes to it leaves it out."""
    frames = made_by(flow, op.path)
    if not frames:
        return []
    creating = frames[0].call
    value = creating.argument(name)
    own: list[Option] = []
    if editable(flow.scene, creating.file.file) and name in creating.names:
        written = text(creating)
        if written is not None:
            own = [creating.without(name, default) if written == default else creating.setting(name, written)]
    if value is None or isinstance(value.value, cst.Integer) or _is_shared(creating, value.value):
        return own
    places = [p for p in flow.places(op.path, frames, value.value) if editable(flow.scene, p.file.file)]
    passed = _passed_on(places, name, value.value)
    given = [o for p in passed for o in _given(p, text, default)]
    flips = [o for p in places if _decides(value.value, p) for o in flipped(p)]
    return [*flips, *given, *own] if isinstance(value.value, cst.IfExp) else [*given, *own, *flips]


def _is_shared(call: Call, value: cst.BaseExpression) -> bool:
    """Whether another argument of the call says the same: ``groups=hidden`` is a width, no setting of its own."""
    written = call.file.written(value)
    return any(a.value is not value and call.file.written(a.value) == written for a in call.arguments)


def _decides(value: cst.BaseExpression, place: Place) -> bool:
    """Whether a place chooses between values, rather than whether there is such a layer."""
    return place.test and (isinstance(value, cst.IfExp) or not isinstance(place.file.parent(place.node), cst.If))


def _passed_on(places: Sequence[Place], name: str, value: cst.BaseExpression) -> list[Place]:
    """Of the places that a value comes from those that say it in full: an argument, a default or an assignment of a
    name that stands for the argument all the way. What such a name is computed from is something else."""
    names = {name, *([value.value] if isinstance(value, cst.Name) else [])}
    if isinstance(value, cst.Attribute):
        names.add(value.attr.value)
    found: list[Place] = []
    for place in places:
        if place.test or place.node is value or not _stands_for(place, names):
            continue
        found.append(place)
        function = place.file.enclosing(place.node, cst.FunctionDef)
        call = place.file.enclosing(place.node, cst.Call)
        shared = call is not None and _is_shared(Call(place.file, call), place.node)
        if isinstance(place.node, cst.Name) and function is not None and not shared:
            names |= {p.name for p in of_function(place.file, function) if p.name == place.node.value}
    return found


def _stands_for(place: Place, names: set[str]) -> bool:
    if place.missing:
        return place.missing in names
    parent = place.file.parent(place.node)
    if isinstance(parent, cst.Arg):
        call = place.file.parent(parent)
        if not isinstance(call, cst.Call):
            return False
        return next(a for a in Call(place.file, call).arguments if a.node is parent).name in names
    if isinstance(parent, cst.Param):
        return parent.name.value in names
    if isinstance(parent, cst.Assign):
        return any(place.file.written(t.target).removeprefix("self.") in names for t in parent.targets)
    if isinstance(parent, cst.AnnAssign):
        return place.file.written(parent.target).removeprefix("self.") in names
    return isinstance(parent, cst.Element)


def _given(place: Place, text: Text, default: str) -> list[Option]:
    """Write the argument's new value where it is passed, is a default or is assigned."""
    node, file = place.node, place.file
    call = node if place.missing else file.enclosing(node, cst.Call)
    written = text(Call(file, call) if isinstance(call, cst.Call) else None)
    return [] if written is None else [setting(place, written, default)]
