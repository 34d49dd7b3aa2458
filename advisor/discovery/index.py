"""What is known of files while they do not change: kept from one request to the next, within bounds."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ..recent import Recent
from ..texts import Stamp, Texts, settled
from .examples import blocks
from .listing import Listing
from .outline import Outline, outline
from .source import MAX_BYTES, Source, contents, read

MOST_FOLDERS = 100
MOST_FILES = 10_000
MOST_CHARACTERS = 2_000_000
"""Of parsed text; its tree takes some forty bytes for each."""

_USED = re.compile(r"[^\W\d]\w*(?=\s*[(.=]|\s+as\b)")


@dataclass(slots=True)
class _Words:
    """The words of a file with its stamp, empty where it may still change unseen, and the request that last looked."""

    stamp: Stamp | None
    words: frozenset[str]
    request: int = -1


class Index:
    """Listings of folders, and words, outlines and blocks of files, each with the stamp of what it was made of.

    One serves all projects of a process. Methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._listings: Recent[Path, Listing] = Recent(MOST_FOLDERS)
        self._words: dict[Path, _Words] = {}
        self._outlines: Recent[Path, tuple[Stamp, Outline | None]] = Recent(MOST_CHARACTERS, _characters)
        self._blocks: Recent[Path, tuple[Stamp, list[Outline]]] = Recent(MOST_FOLDERS)

    def listing(self, top: Path) -> Listing:
        """The files below ``top``."""
        return self._listings.setdefault(top, Listing(top))

    def outline(self, path: Path, texts: Texts) -> Outline | None:
        """The outline of a file, None when it does not parse."""
        stamp = texts.stamp(path)
        if stamp is None:
            return None
        known = self._outlines.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        source = read(path, texts.get(path))
        found = outline(source) if isinstance(source, Source) else None
        if settled(stamp):
            self._outlines.put(path, (stamp, found))
        return found

    def words(self, path: Path, texts: Texts) -> frozenset[str]:
        """The identifiers before a bracket, a dot, an equals sign or ``as`` in a file."""
        known = self._words.get(path)
        if known is not None and known.request == texts.number:
            return known.words
        stamp = texts.stamp(path)
        if known is None or known.stamp != stamp:
            words = frozenset(map(sys.intern, _USED.findall(_plain(path, texts)))) if stamp is not None else frozenset()
            if len(self._words) >= MOST_FILES:
                self._words.clear()
            known = self._words[path] = _Words(stamp if settled(stamp) else "", words)
        known.request = texts.number
        return known.words

    def blocks(self, document: Path, texts: Texts) -> list[Outline]:
        """Outlines of the Python blocks in a Markdown file."""
        stamp = texts.stamp(document)
        if stamp is None:
            return []
        known = self._blocks.get(document)
        if known is not None and known[0] == stamp:
            return known[1]
        found = blocks(document, _plain(document, texts))
        if settled(stamp):
            self._blocks.put(document, (stamp, found))
        return found


def _characters(entry: tuple[Stamp, Outline | None]) -> int:
    return len(entry[1].source.text) + 1000 if entry[1] is not None else 1000


def _plain(path: Path, texts: Texts) -> str:
    """The text of a file that is searched: nothing for one that cannot be read or is too large."""
    text = texts.get(path)
    if text is not None:
        return text
    try:
        data = contents(path)
    except OSError:  # no user of it is the person's concern: the file itself is a finding if it is audited
        return ""
    return data.decode(errors="replace") if len(data) <= MAX_BYTES else ""
