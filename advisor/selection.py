"""Which codes are reported: select, ignore and per-file-ignores by code or prefix.

``ALL`` stands for every code. Where a code is selected by one entry and ignored by another, the longer (more
specific) entry decides, and ignoring wins a tie: ``select = ["ALL", "CHN101"], ignore = ["CHN"]`` reports CHN101
and no other of its family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from .words import suggestion

ALL = "ALL"


class SelectionError(ValueError):
    """A selector that names no code; the message suggests the nearest."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A checked selection. ``per_file`` pairs a glob over POSIX paths relative to the project with what it ignores."""

    select: tuple[str, ...] = (ALL,)
    ignore: tuple[str, ...] = ()
    per_file: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def enabled(self, code: str, file: str = "") -> bool:
        """Whether ``code`` is reported in ``file`` (a POSIX path relative to the project); without a file, in some."""
        if _weight(self.select, code) <= _weight(self.ignore, code):
            return False
        return not any(_weight(codes, code) >= 0 for glob, codes in self.per_file if _matches(glob, file))


def _weight(selectors: Iterable[str], code: str) -> int:
    """Length of the longest selector that covers ``code``: 0 for ALL, -1 for none."""
    return max((0 if s == ALL else len(s) for s in selectors if s == ALL or code.startswith(s)), default=-1)


def _matches(glob: str, file: str) -> bool:
    """A glob without a slash matches the file's name, one with a slash the whole path."""
    if not file:
        return False
    return fnmatchcase(file, glob) or ("/" not in glob and fnmatchcase(PurePosixPath(file).name, glob))


def is_selector(text: str, codes: Iterable[str]) -> bool:
    """Whether ``text`` is one of ``codes`` or the beginning of one."""
    return bool(text) and any(code.startswith(text) for code in codes)


def check_selectors(selectors: Sequence[str], codes: Iterable[str], where: str) -> tuple[str, ...]:
    """``selectors`` unchanged when each is ``ALL``, a code or a prefix of one.

    ``where`` names the setting for the message of the :class:`SelectionError` that anything else raises.
    """
    known = sorted(codes)
    for s in selectors:
        if s == ALL or is_selector(s, known):
            continue
        families = sorted({c.rstrip("0123456789") for c in known})
        near = suggestion(s.upper(), [*known, *families, ALL])
        raise SelectionError(f"{where}: unknown code '{s}'{near} (`advisor rules` lists them)")
    return tuple(selectors)


def build(
    codes: Iterable[str],
    select: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    per_file_ignores: Mapping[str, Sequence[str]] | None = None,
    where: Callable[[str], str] = str,
) -> Selection:
    """A checked :class:`Selection`; ``select`` of None selects everything; ``where`` names a setting's place by its key
    for the message of the :class:`SelectionError` that a wrong one raises."""
    known = tuple(codes)
    return Selection(
        select=(ALL,) if select is None else check_selectors(select, known, where("select")),
        ignore=check_selectors(ignore, known, where("ignore")),
        per_file=tuple(
            (glob, check_selectors(entry, known, f"{where('per-file-ignores')} for '{glob}'"))
            for glob, entry in (per_file_ignores or {}).items()
        ),
    )
