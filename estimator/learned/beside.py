"""What kernels of Vela's Ethos-U85 targets have to do besides their own work, by where they stand in the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from advisor.graph import Tensor

from ..plan import Plan
from ..vela.fetching import Beside, Changed, Fetched, Flow, doing, fetched
from ..vela.operations import rewritten
from ..vela.turns import Turned, Turns
from .wiring import Wiring

_NOTHING = Beside()


def besides(
    tensors: Mapping[int, Tensor], wiring: Wiring, plan: Plan, turned: Turns | None, accelerator: str
) -> dict[int, Beside]:
    """By row, for those of which something is known; none for another ``accelerator``, which is empty then."""
    found: dict[int, Beside] = {}
    if not accelerator:
        return found
    groups = [plan.groups[i] for i in wiring.rows]
    for row, whole in wiring.joined.items():
        ops, shape = groups[row].ops, tensors[whole].shape
        if len(shape) == 4 and len(ops) > 1 and ops[-1].op == "activation":
            found[row] = Beside(whole=shape[1])
    for row, parts in wiring.copied.items():
        shapes = [tensors[t].shape for t in parts]
        if all(len(shape) == 4 for shape in shapes) and groups[row].ops[0].attrs["dim"] in (1, -3):
            found[row] = Beside(copies=tuple([(h, w, c) for _, c, h, w in shapes]))
    if turned is None:
        return found
    cycles, written = turned.cycles(accelerator), turned.written()
    for row, group in enumerate(groups) if cycles or written else ():
        had = found.get(row, _NOTHING)
        mine = [cycles[op.key] for op in group.ops if op.key in cycles]
        if mine:
            had = found[row] = had._replace(turned=Turned(sum([one.all for one in mine]), mine[-1].last))
        turn = written.get(group.ops[0].key)
        if turn is not None and group.ops[0].op == "conv":
            again = rewritten(tensors, group, turn.shape, turn.order, accelerator)
            found[row] = had._replace(refetches=again)
    return found


class Was(NamedTuple):
    """What was worked out of a plan of the same wiring, what its rows had to do besides, and the rows that are others
    now by themselves."""

    fetched: Fetched
    beside: dict[int, Beside]
    changed: list[int]


def fetched_with(wiring: Wiring, plan: Plan, flow: Flow, more: dict[int, Beside], was: Was | None) -> Fetched:
    """The compiler's rules where the SRAM holds all feature maps, for rows that have ``more`` to do."""
    rows: Iterable[int] = range(len(wiring.rows))
    old = None
    if was is not None:
        others = [row for row in {*more, *was.beside} if more.get(row) != was.beside.get(row)]
        rows = sorted({*was.changed, *others})
        old = Changed(was.fetched, rows)
    layers = []
    for row in rows:
        layer = plan.priced[wiring.rows[row]].memo.layer
        layers.append(doing(layer, more[row]) if row in more else layer)
    return fetched(layers, wiring.makers, wiring.consumer, flow, old)
