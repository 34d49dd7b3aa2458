"""Each trouble is told with what helps against it; :mod:`.test_tracing` has them from real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.graph import Span
from advisor.troubles import broken, unimportable

HERE = Span("net.py", 3, 1, 3, 1)


@pytest.mark.parametrize(
    ("kind", "message", "said", "remedy"),
    [
        (
            "OutOfTime",
            "its import took over 1.4 s",
            "its import took over 1.4 s",
            "raise time-limit, or guard such code",
        ),
        (
            "ModuleNotFoundError",
            "No module named 'x'",
            "ModuleNotFoundError: No module named 'x'",
            "interpreter (--python)",
        ),
        ("SyntaxError", "invalid syntax", "SyntaxError: invalid syntax", "correct that file"),
        ("AssertionError", "", "AssertionError", "guard such code"),
    ],
)
def test_an_import_that_failed_is_told_with_its_remedy(kind: str, message: str, said: str, remedy: str) -> None:
    error = {"type": kind, "message": message}
    whole, part = unimportable(error, HERE, rest=False), unimportable(error, HERE, rest=True)
    assert whole.message.startswith(f"cannot be imported: {said}; ") and remedy in whole.message
    assert part.message.startswith(f"importing this raised {said}; the rest was used") and remedy in part.message
    assert (whole.code, whole.severity, whole.span) == ("TRC901", "error", HERE)
    assert (part.code, part.severity) == ("TRC901", "warning")


def test_a_fault_of_ours_is_told_as_one() -> None:
    found = broken(Path("net.py"), ValueError("odd"))
    assert (found.code, found.severity) == ("TRC904", "error")
    assert "the advisor failed on it" in found.message and "please report this" in found.message
