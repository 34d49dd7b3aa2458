"""What stands in a table's cells: quantities, shapes and bars as text. Unknown is an en dash, never a zero."""

from __future__ import annotations

from .. import units

UNKNOWN = "–"


def time(us: float | None) -> str:
    """Microseconds as :func:`advisor.units.time` writes them."""
    return UNKNOWN if us is None else units.time(us)


def latency(us: float | None, in_ms: bool) -> str:
    """Microseconds for a column whose cells share a unit: ``0.113 ms`` or ``94.73 us``."""
    if us is None:
        return UNKNOWN
    return f"{us / 1000:.3f} ms" if in_ms else f"{us:.2f} us"


def size(n: int | None) -> str:
    """Bytes as :func:`advisor.units.size` writes them."""
    return UNKNOWN if n is None else units.size(n)


def count(n: int | None) -> str:
    """``640``, ``10.8 k``, ``3.5 M``, ``4.09 G``: three significant digits."""
    if n is None:
        return UNKNOWN
    value = float(n)
    for unit in ("", " k", " M", " G"):
        if abs(value) < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.4g} T"


def share(part: float | None, total: float) -> str:
    """``part`` of ``total`` in percent, one decimal: ``12.3 %``."""
    return UNKNOWN if part is None or not total else f"{100 * part / total:.1f} %"


def shape(dims: tuple[int, ...]) -> str:
    """``1×32×112×112``; a scalar is ``()``."""
    return "×".join(map(str, dims)) or "()"


def plural(n: int, word: str, many: str = "") -> str:
    """``1 file``, ``2 files``; ``many`` is the word's plural where it does not end in s alone."""
    return f"{n} {word}" if n == 1 else f"{n} {many or f'{word}s'}"


_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(fraction: float, width: int) -> str:
    """A bar of ``fraction`` (0 to 1) of ``width`` cells, in eighths of a cell."""
    eighths = max(0, min(width * 8, round(fraction * width * 8)))
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def shorten(text: str, width: int) -> str:
    """``text`` cut in the middle to ``width`` characters: both ends of a module path tell more than its middle."""
    if len(text) <= width:
        return text
    tail = (width - 1) * 2 // 3
    return text[: width - 1 - tail] + "…" + text[len(text) - tail :]
