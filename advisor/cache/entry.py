"""One kept run: its events, the code they are of, and what they rest on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..texts import Texts
from .code import Code
from .dependencies import Proof, pack, unpack
from .moves import moves
from .replay import Event, Unmovable, replayed


@dataclass(frozen=True)
class Asked:
    """A request as the cache sees it: ``own`` are the names of its file, ``places`` what it names (``net.py:12``) in
    order, ``lines`` the candidates' by name, ``seen`` the texts that the worker would get."""

    key: str
    code: Code
    own: Collection[str]
    places: Sequence[str]
    lines: Mapping[str, int]
    seen: Texts


@dataclass(frozen=True)
class Entry:
    """``events`` are packed. They are true of other texts with the same code, of those with the same ``whole`` code
    only (``strict``), of those with the same lines (``still``), or of this very text (``exact``)."""

    code: Code
    places: Sequence[str]
    proof: Proof
    events: bytes
    containment: Sequence[str] = ()
    strict: bool = False
    still: bool = False
    exact: bool = False

    @cached_property
    def weight(self) -> int:
        """Bytes in memory, about."""
        return (
            len(self.events)
            + 2 * len(self.code.text)
            + 16 * len(self.code.lines)
            + 200 * (len(self.proof.files) + len(self.proof.links))
        )

    def answer(self, asked: Asked) -> list[Event] | None:
        """The events that a run of ``asked`` would give; None where this entry cannot say."""
        old, new = self.code, asked.code
        if (self.exact and old.text != new.text) or (self.strict and old.whole != new.whole):
            return None
        moved = moves(old, new)
        if moved is None or len(self.places) != len(asked.places):
            return None
        if self.still and (not moved.still or list(self.places) != list(asked.places)):
            return None
        if not self.proof.holds(asked.seen):
            return None
        if old.text == new.text and list(self.places) == list(asked.places):
            return unpack(self.events)
        places = dict(zip(self.places, asked.places, strict=True))
        try:
            return replayed(unpack(self.events), asked.own, moved, places, asked.lines)
        except Unmovable:
            return None

    def to_bytes(self) -> bytes:
        code, proof = self.code, self.proof
        return pack(
            {
                "code": [code.text, code.digest, code.whole, [*code.lines], [*code.widths], [*code.unused]],
                "places": [*self.places],
                "files": proof.files,
                "folders": proof.folders,
                "links": proof.links,
                "events": self.events,
                "containment": [*self.containment],
                "true_of": [self.strict, self.still, self.exact],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Entry:
        """The entry of :meth:`to_bytes`. Raises ValueError on anything else."""
        plain: Any = unpack(data)
        try:
            return cls(
                Code(*plain["code"]),
                plain["places"],
                Proof(plain["files"], plain["folders"], plain["links"]),
                plain["events"],
                plain["containment"],
                *plain["true_of"],
            )
        except (KeyError, TypeError) as e:
            raise ValueError(f"no entry: {e}") from e
