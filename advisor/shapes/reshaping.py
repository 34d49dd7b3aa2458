"""How the dimensions before and after a reshape correspond."""

from __future__ import annotations

from collections.abc import Sequence


def blocks(a: Sequence[int], b: Sequence[int]) -> list[tuple[slice, slice]]:
    """The finest cuts of two shapes of equal volume into consecutive blocks of equal volume."""
    out: list[tuple[slice, slice]] = []
    i = j = 0
    while i < len(a) or j < len(b):
        i0, j0, va, vb = i, j, 1, 1
        if i < len(a):
            va, i = a[i], i + 1
        if j < len(b):
            vb, j = b[j], j + 1
        while va != vb:
            if va < vb:
                va, i = va * a[i], i + 1
            else:
                vb, j = vb * b[j], j + 1
        out.append((slice(i0, i), slice(j0, j)))
    return out
