"""Why nobody can say which literal to edit for a width, in a sentence for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from ..graph import Graph, Span
from ..numbers import Numbers
from .carrier import carrier, editable, made

_COMMENT = "  # "
"""What separates a model's construction, as reports show it, from where it comes from."""


def unfollowed(graph: Graph, producers: Sequence[int], width: int, file: str = "", construct: str = "") -> str:
    """Why the width that the ops ``producers`` make cannot be changed in the source; empty where it can, as far as its
    literal decides that. ``file`` is the audited one, ``construct`` how the model was built, as its report has it."""
    numbers = graph.numbers
    if numbers is None:
        return "where this model's numbers come from is not known: nobody watched how it was built from its source"
    found = carrier(numbers, graph, producers, width, file)
    if found is None:
        return _unknown(numbers, graph, producers, width, file, construct)
    value = numbers.literals[found.literal].value
    if not editable(found.span, file):
        return f"the {value} that sets it ({_at(found.span)}) stands in an installed library, which is not edited"
    if not found.followed:
        return f"the width is computed from the {value} ({_at(found.span)}) in a way that was not followed"
    return ""


def _unknown(numbers: Numbers, graph: Graph, producers: Sequence[int], width: int, file: str, construct: str) -> str:
    """The reason where no literal was found."""
    call, _, where = construct.partition(_COMMENT)
    if re.search(rf"(?<![\w.]){width}(?![\w.])", call):
        return f"the width is given by the arguments that the advisor chose for {call}" + (
            f" ({where})" if where else ""
        )
    op = graph.by_key[producers[0]]
    site = graph.site(op)
    layer = f"{op.path or op.target}" + (f" ({_at(site)})" if site is not None else "")
    steps = made(numbers, graph, producers)
    if not steps and site is not None and not editable(site, file):
        return f"{layer} is made in an installed library, which is not edited"
    if not steps:
        return f"nothing is known of a number that sets how many channels {layer} makes"
    if reason := _reached(numbers, steps, layer):
        return reason
    if any(numbers.steps[s].fn != "constant" for s in steps):
        return f"the width of {layer} is computed in a way that was not followed"
    return f"the width of {layer} is no number of the source: it is read from a file or a tensor, or a library has it"


def _reached(numbers: Numbers, steps: Sequence[int], layer: str) -> str:
    """What the literals that a width depends on have to do with it, none of which carries it; empty without any."""
    reached = [(numbers.steps[s].value, s, i, numbers.literals[i].value) for s in steps for i in numbers.reaches(s)]
    doubled = [(was, numbers.evaluate(s, {i: 2 * value or 1})) for was, s, i, value in reached]
    if any(new is None for _, new in doubled):
        return f"the width of {layer} is computed in a way that was not followed"
    if any(new != was for was, new in doubled):
        return f"the numbers of {layer} scale or round its width, but what they scale is no number of the source"
    return f"the numbers of {layer} are limited so that none of them changes its width" if reached else ""


def _at(span: Span) -> str:
    return f"{PurePath(span.file).name}:{span.line}"
