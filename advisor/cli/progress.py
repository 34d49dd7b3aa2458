"""Progress on a terminal's standard error; nothing where standard error is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Advance = Callable[[Path, int, int], None]
"""The engine's: called with the file just finished, how many are done and how many there are."""


@contextmanager
def progress() -> Iterator[Advance | None]:
    """A progress bar that disappears when the block ends."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("auditing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def advance(file: Path, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=file.name)

        yield advance
