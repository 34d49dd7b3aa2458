"""Progress on a terminal's standard error; nothing where standard error is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..engine import Progress


@contextmanager
def progress(doing: str = "auditing") -> Iterator[Progress | None]:
    """A progress bar that disappears when the block ends; ``doing`` says what is done to the files."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn(doing),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        bars.TextColumn("{task.description}"),
    )
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def advance(file: Path, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=file.name)

        yield advance
