"""What a fix is: verified edits, with what they gain."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..graph import Span
from .edits import Edit

Applicability = Literal["safe", "unsafe"]
"""Of a fix, which is always verified: ``safe`` ones leave the network's function as it is, given the same weights
(carried over where that needs them to be); after ``unsafe`` ones it has to be trained."""

SAFE = "safe"
"""What the group of all safe fixes of a file is called; other groups bear the code of their findings."""
ALL = "all"
"""What the group of all fixes of a file is called, where that is another than those of a code or the safe ones."""


CERTAIN = 2.33 / 1.645
"""A saving is certain where it is at least this many times its error: with 99 % it is none by chance, the error being
normal and given as its bound of 90 %."""


@dataclass(slots=True)
class Fix:
    """Edits that were traced again and found to make of the model exactly what ``move`` (in its plain form) makes of
    its graph.

    ``gain_us``, ``gain_percent``, ``gain_error_us`` and ``label`` are what :class:`advisor.findings.Finding` has them
    for, of this very move; None where the finding has no gain. ``note`` is what a person should know of it. ``base``:
    for each edited file the digest (:func:`digest`) of the text that the edits were made for.
    """

    title: str
    applicability: Applicability
    edits: tuple[Edit, ...]
    move: dict[str, Any]
    gain_us: float | None = None
    gain_percent: float | None = None
    gain_error_us: float | None = None
    label: str | None = None
    note: str = ""
    base: dict[str, str] = field(default_factory=dict)

    @property
    def certain(self) -> bool:
        """Whether a fix that promises a saving saves something, for all that is known of the cost model's error."""
        return self.gain_us is None or certain(self.gain_us, self.gain_error_us)

    def to_plain(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "applicability": self.applicability,
            "edits": [e.plain() for e in self.edits],
            "move": self.move,
            "gain_us": self.gain_us,
            "gain_percent": self.gain_percent,
            "gain_error_us": self.gain_error_us,
            "label": self.label,
            "note": self.note,
            "base": self.base,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Fix:
        """The fix of :meth:`to_plain`'s result. Raises TypeError, ValueError and KeyError on anything else."""
        edits = tuple(Edit(Span(*span), text) for *span, text in plain["edits"])
        return cls(**{**plain, "edits": edits})


def certain(gain: float, error: float | None) -> bool:
    """Whether a promised saving is one, with an error (90 %) in its own unit; without one, or without a promise, there
    is nothing to doubt."""
    return error is None or gain <= 0 or gain >= CERTAIN * error


def digest(text: str) -> str:
    """SHA-256 of a text as :func:`advisor.discovery.source.text_of` gives it (its lines end in ``\\n``), in
    hexadecimal."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
