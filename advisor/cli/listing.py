"""A plain table of texts, for the commands that list things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def print_table(header: Sequence[str], body: Iterable[Sequence[str]]) -> None:
    """Print rows under a header; the last column wraps on a terminal and stays on its line in a pipe."""
    import sys

    from rich.console import Console
    from rich.table import Table

    rows = list(body)
    if not sys.stdout.isatty():
        widths = [max(len(r[i]) for r in (header, *rows)) for i in range(len(header) - 1)]
        for row in (header, *rows):
            print("  ".join([*(text.ljust(w) for text, w in zip(row, widths, strict=False)), row[-1]]))
        return
    table = Table(*header, box=None, pad_edge=False, header_style="dim")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
