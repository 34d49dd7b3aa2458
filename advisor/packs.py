"""Packs: what is plugged into the advisor. Ours are found exactly as a third party's are, through entry points.

- ``advisor.rules``: one entry a pack, an iterable of :class:`advisor.rule.Page` classes (rules and plain pages);
- ``advisor.estimators``: one entry an estimator, an object satisfying :class:`advisor.costs.Estimator`;
- ``advisor.backends``: one entry a source of ground truth, satisfying ``advisor.estimator.measuring.Backend``;
- ``advisor.op_costs``: one entry a function ``(graph, op, target) -> OpCost | None``, asked for every operator that
  the cost models have no figures of; None leaves it to the next (:class:`advisor.costs.OpCost`);
- ``advisor.vela_lowerings``: one entry a mapping from operator names to functions that write such an op as TFLite
  operators, for the Ethos-U targets' ground truth (``advisor.estimator.backends.vela.lowering``);
- ``advisor.commands``: one entry a subcommand of the ``advisor`` program.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .costs import Estimator, OpCost
from .graph import Graph, Op
from .rule import Page, Rule
from .targets import Target

RULES = "advisor.rules"
ESTIMATORS = "advisor.estimators"
BACKENDS = "advisor.backends"
OP_COSTS = "advisor.op_costs"
LOWERINGS = "advisor.vela_lowerings"
COMMANDS = "advisor.commands"

OpCostHandler = Callable[[Graph, Op, Target], "OpCost | tuple[float, int] | None"]
"""Gives an :class:`advisor.costs.OpCost`, or its first two fields."""

_log = logging.getLogger(__name__)
_CODE = re.compile(r"[A-Z]{3}[0-9]{3}")


class PackError(Exception):
    """A pack that cannot be loaded or offers what the advisor cannot use; the message names the entry point."""


def announced(group: str) -> list[EntryPoint]:
    """The entry points of a group by name, not loaded; one that two metadata folders announce (an editable install)
    counts once."""
    distinct = {(e.name, e.value): e for e in entry_points(group=group)}
    return [distinct[k] for k in sorted(distinct)]


def _load(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as e:
        # A pack is foreign code: whatever it raises, the person has to learn which pack it was.
        raise PackError(
            f"{entry.group} pack '{entry.name}' ({entry.value}) cannot be loaded: {type(e).__name__}: {e}"
        ) from e


def load_group(group: str) -> list[Any]:
    """What the entries of ``group`` name, in order of their names. Raises :class:`PackError`."""
    return [_load(e) for e in announced(group)]


def collect(packs: Iterable[tuple[str, Iterable[type[Page]]]]) -> tuple[Page, ...]:
    """The pages of named packs, in the order of their codes.

    Raises :class:`PackError` for an entry that is no page, a malformed code, a missing text or a code given twice.
    """
    owners: dict[str, str] = {}
    pages: list[Page] = []
    for pack, kinds in packs:
        for kind in kinds:
            if not (isinstance(kind, type) and issubclass(kind, Page)):
                raise PackError(f"rule pack '{pack}' holds {kind!r}, which is no rule or page class")
            code = getattr(kind, "code", "")
            if not _CODE.fullmatch(code):
                raise PackError(f"rule pack '{pack}': {kind.__name__}.code is {code!r}; it has to look like 'ABC123'")
            for text in ("name", "summary", "__doc__"):
                if not getattr(kind, text, None):
                    raise PackError(f"rule pack '{pack}': {kind.__name__} ({code}) has no {text}")
            if code in owners:
                raise PackError(f"rule packs '{owners[code]}' and '{pack}' both define {code}")
            owners[code] = pack
            pages.append(kind())
    return tuple(sorted(pages, key=lambda p: p.code))


@cache
def pages() -> tuple[Page, ...]:
    """Every code that the installed packs can report, in order of code. Raises :class:`PackError`."""
    return collect((e.name, _load(e)) for e in announced(RULES))


def rules() -> tuple[Rule, ...]:
    """Those of :func:`pages` that check graphs."""
    return tuple(p for p in pages() if isinstance(p, Rule))


@cache
def estimators() -> tuple[Estimator, ...]:
    """The installed cost models, in order of entry-point name. Raises :class:`PackError`."""
    return tuple(load_group(ESTIMATORS))


def estimator_for(target: Target) -> Estimator:
    """The first installed estimator that covers ``target``; raises :class:`PackError` when none does."""
    return estimators_for(target)[0]


def estimators_for(target: Target) -> tuple[Estimator, ...]:
    """All that cover ``target``, the one to ask first in front; raises :class:`PackError` when none does."""
    found = tuple(e for e in estimators() if e.covers(target))
    if not found:
        raise PackError(f"no installed estimator covers target '{target.name}'")
    return found


@cache
def _op_costs() -> tuple[tuple[str, OpCostHandler], ...]:
    return tuple((e.name, _load(e)) for e in announced(OP_COSTS))


def op_cost(graph: Graph, op: Op, target: Target) -> OpCost | None:
    """What the first handler that knows ``op`` says that it costs, None where none does.

    One that raises knows nothing: it is logged by name. Raises :class:`PackError` where one cannot be loaded."""
    for name, handler in _op_costs():
        try:
            told = handler(graph, op, target)
        except Exception as e:
            # foreign code: an operator without a figure is named in every report, an estimate that fails helps nobody
            _log.warning("%s '%s' raised %s on %s: %s", OP_COSTS, name, type(e).__name__, op.target, e)
            continue
        if told is not None:
            cycles, moved, *macs = told
            return OpCost(float(cycles), int(moved), int(sum(macs)))
    return None


def commands() -> dict[str, EntryPoint]:
    """Subcommands offered by packs, by name; not loaded, so that listing them imports nothing."""
    return {e.name: e for e in announced(COMMANDS)}
