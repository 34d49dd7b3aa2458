"""How shapes and figures of layers, and findings, read in the editor: short, and with the units of ``advisor audit``.

Unknown is never zero: a figure that nobody knows is ``?``, a sum says how many ops it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from advisor.findings import Finding
from advisor.reports import cells
from advisor.reports.note import certainty
from advisor.units import margin, percent, size, time

from ..view import Instance, Totals

UNKNOWN = "?"

Show = Sequence[str]
"""What a hint shows: some of ``shape``, ``latency``, ``params`` and ``memory``."""


def output(instance: Instance) -> str:
    """The shape that comes out; ``?`` for a layer that was only read in the source."""
    return shape(instance.output) if known(instance) else UNKNOWN


def known(instance: Instance) -> bool:
    """Whether the layer was executed, so that something came out of it."""
    return bool(instance.dtype)


def shape(dims: Sequence[int]) -> str:
    """``32×112×112``: a batch of one goes without saying."""
    return cells.shape(tuple(dims[1:] if len(dims) > 1 and dims[0] == 1 else dims))


def shapes(many: Iterable[Sequence[int]]) -> str:
    """One shape, or the range of each dimension, ``16–320×7–112×7–112``; of different ranks, how many there are."""
    distinct = [list(s) for s in dict.fromkeys(tuple(m) for m in many)]
    if len({len(s) for s in distinct}) > 1:
        return cells.plural(len(distinct), "shape")
    if all(len(s) > 1 and s[0] == 1 for s in distinct):
        distinct = [s[1:] for s in distinct]
    dims = [str(min(d)) if min(d) == max(d) else f"{min(d)}–{max(d)}" for d in zip(*distinct, strict=True)]
    return "×".join(dims) or cells.shape(())


def latency(values: Sequence[float | None]) -> str:
    """The sum of µs: ``0.31 ms``; ``0.31 ms + 2 uncounted`` where two are unknown; ``?`` where all are."""
    costed = [v for v in values if v is not None]
    if not costed:
        return UNKNOWN
    return time(sum(costed)) + uncounted(len(values) - len(costed))


def uncounted(n: int) -> str:
    """What is added to a sum that lacks ``n`` ops."""
    return f" + {n} uncounted" if n else ""


def between(texts: Sequence[str]) -> str:
    """The first and last of texts that are in order, or the one that all are."""
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]}–{texts[-1]}"


def spread(values: Iterable[float], write: Callable[[float], str]) -> str:
    """The smallest to the largest of ``values``, as ``write`` has them."""
    return between([write(v) for v in sorted(values)])


# ---- hints


def hint(instances: Sequence[Instance], target: str | None, show: Show, stale: bool = False) -> str:
    """What stands behind a call that made ``instances``; empty where there is nothing to show.

    One layer: ``→ 32×112×112 · 37.3 us``. Several of a kind: ``×17 → 16–320×7–112×7–112 · Σ 0.31 ms``. A call that
    made a block of many kinds: ``48 ops → 16×768 · Σ 0.31 ms``, with what comes out last. Layers of several models are
    counted model by model, as ranges. Latency is on ``target``. ``stale`` puts a ``~`` before each figure.
    """
    groups = _by_model(instances)
    mixed = any(len({_kind(i) for i in group}) > 1 for group in groups)
    several = any(len(group) > 1 for group in groups)
    mark = "~" if stale else ""
    count = spread([len(g) for g in groups], lambda n: f"{n:.0f}") if several else ""
    head = f"{count} ops" if mixed else f"×{count}" if several else ""
    parts = []
    for what in show:
        said = _said(what, groups, mixed, several, target)
        if said:
            sign = "→ " if what == "shape" else "Σ " if several and what in ("latency", "params") else ""
            parts.append(f"{sign}{mark}{said}")
    if not parts:
        return ""
    if len(groups) > 1:
        parts.append(cells.plural(len(groups), "model"))
    joint = " " if parts[0].startswith("→") else " · "
    return (head + joint if head else "") + " · ".join(parts)


def _by_model(instances: Sequence[Instance]) -> list[list[Instance]]:
    groups: dict[str, list[Instance]] = {}
    for instance in instances:
        groups.setdefault(instance.model, []).append(instance)
    return list(groups.values())


def _kind(instance: Instance) -> str:
    """The first word of the label: strides and kernel sizes may differ in layers of a kind."""
    return instance.label.partition(" ")[0]


def _said(what: str, groups: list[list[Instance]], mixed: bool, several: bool, target: str | None) -> str:
    """One part of a hint; empty where it does not apply."""
    if what == "params":
        params = [sum(i.params for i in group) for group in groups]
        return spread(params, lambda n: f"{cells.count(int(n))} params") if any(params) else ""
    groups = [executed for group in groups if (executed := [i for i in group if known(i)])]
    if what == "shape":
        outputs = [i.output for group in groups for i in (group[-1:] if mixed else group)]
        return shapes(outputs) if outputs else ""
    if what == "latency":
        if target is None or not any(target in i.latency_us for group in groups for i in group):
            return ""  # nothing has been costed
        sums = [[i.latency_us.get(target) for i in group] for group in groups]
        if all(us == 0 for s in sums for us in s):
            return ""  # free, or part of another layer's kernel
        return between([latency(s) for s in sorted(sums, key=lambda s: sum(v or 0.0 for v in s))])
    if what == "memory":
        live = [max(some) for g in groups if (some := [i.live_bytes for i in g if i.live_bytes is not None])]
        return f"{spread(live, size)} live" if live else ""
    return ""


# ---- models


def costed(total: Totals) -> bool:
    """Whether any op is in the figures."""
    return bool(total.latency_us) or not total.uncounted


def totals(total: Totals) -> str:
    """``1.18 ms ±6 % · 5.742 MiB peak · 3.5 M params (predicted)``."""
    if not costed(total):
        return f"latency {UNKNOWN}: none of its {cells.plural(total.uncounted, 'op')} could be costed"
    return (
        f"{whole(total)}{uncounted(total.uncounted)} · {size(total.peak_bytes)} peak"
        f" · {cells.count(total.params)} params ({total.label})"
    )


def brief(total: Totals) -> str:
    """``1.18 ms ±6 % · 5.742 MiB``; ``?`` where nothing could be costed."""
    return f"{whole(total)}{uncounted(total.uncounted)} · {size(total.peak_bytes)}" if costed(total) else UNKNOWN


def whole(total: Totals) -> str:
    """The model's latency with how certain it is: ``1.18 ms ±6 %``."""
    return time(total.latency_us) + margin(total.latency_us, total.low_us, total.high_us)


def together(total: Totals) -> str:
    """What all findings save at once: ``1.18 ms → 0.98 ms (−17 %)``; empty where they save no time."""
    saved = total.together_us or 0.0
    if saved <= 0 or not total.latency_us:
        return ""
    after = time(total.latency_us - saved)
    return f"{time(total.latency_us)} → {after} (−{percent(100 * saved / total.latency_us)})"


# ---- findings


def message(finding: Finding) -> str:
    """What a finding says, with what kind of number its saving is: ``… saves 0.2 ms (1.3 %) [predicted ±0.1 ms]``."""
    kind = certainty(finding)
    return f"{finding.message} [{kind}]" if kind else finding.message
