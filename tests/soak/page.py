"""The page about a soak."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .edits import Tally

GROWTH = 0.05
"""By how much the daemon's memory may grow after the first edits."""


def written(tally: Tally) -> str:
    """The page, Markdown."""
    return "\n".join((*_head(tally), *_checks(tally), *_kinds(tally), *_memory(tally))) + "\n"


def _head(tally: Tally) -> list[str]:
    fast = 100 * tally.fast / max(1, tally.edits)
    return [
        "# Soak",
        "",
        _paragraph(f"""
            {tally.edits:,} random edits (seed {tally.seed}) of a project of twenty files, some of which import others,
            in two editors (one takes diagnostics as they come, one asks for them) and with a script's requests
            beside them, all at one daemon. {fast:.0f} % of the edits were followed by the next before the longest
            wait for more could end. {tally.seconds / 60:.0f} minutes on {os.cpu_count()} cores, comparisons included.
        """),
        "",
        _paragraph(f"""
            At {tally.samples} points the typing stopped. Once the daemon had nothing to do, everything that it showed
            of every open document was compared with a fresh audit, without any cache, of the same texts written to
            another folder: codes, places, messages and related places of diagnostics; hints; models' totals. Of a
            text that cannot be imported, findings have to be the fresh ones, and hints that stay have to be marked
            as old.
        """),
        "",
        "Written by `make verify-soak`.",
        "",
    ]


def _paragraph(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 120)


def _checks(tally: Tally) -> list[str]:
    compared = tally.compared
    rows = [
        ("documents compared", compared["documents"]),
        ("… of them not to be imported just then", compared["broken documents"]),
        ("findings, hints and totals in them", sum(compared[k] for k in ("findings", "hints", "totals"))),
        ("reports to the script compared", compared["scripts' reports"]),
        ("diagnostics pushed while typing", tally.pushes),
        ("… of them for a text that was not the newest any more when they came", tally.late),
        ("looks at hints right behind an edit", tally.glances),
        ("requests of the script while others typed", sum(tally.asked.values()) - tally.asked["refused"]),
        ("**wrong results, stale publications, unmarked old hints**", f"**{len(tally.faults)}**"),
    ]
    return ["| what | how many |", "|---|---|", *(f"| {what} | {_number(count)} |" for what, count in rows), ""]


def _kinds(tally: Tally) -> list[str]:
    rows = [f"| {kind} | {_number(count)} |" for kind, count in tally.kinds.most_common()]
    return ["| kind of edit (keys typed, where it was typed) | edits |", "|---|---|", *rows, ""]


def _memory(tally: Tally) -> list[str]:
    first, last = tally.warm, max(tally.memory)
    looks = sorted({first, last, *(n for n in tally.memory if n % 2500 == 0)})
    rows = [f"| {n:,} | {tally.memory[n] / 2**20:.1f} MB | {tally.analysts[n]} |" for n in looks]
    return [
        f"The daemon's resident memory grew by {100 * tally.growth:+.1f} % from edit {first:,} to the last (limit "
        f"{100 * GROWTH:.0f} %).",
        "",
        "| after edit | daemon | analysts beside it |",
        "|---|---|---|",
        *rows,
    ]


def _number(count: int | str) -> str:
    return count if isinstance(count, str) else f"{count:,}"
