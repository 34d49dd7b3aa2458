"""Kernels of several estimates of one model, laid side by side: each target fuses otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .estimates import Estimate


@dataclass(frozen=True, slots=True)
class Piece:
    """The smallest set of ops whose latency every estimate knows, and that latency in each; None where an estimate
    runs none of them in a kernel of its own."""

    ops: tuple[int, ...]
    latency_us: tuple[float | None, ...]


def aligned(estimates: Sequence[Estimate]) -> list[Piece]:
    """The model in pieces that no kernel of any estimate crosses; those whose shares of the whole differ most first."""
    root: dict[int, int] = {}

    def find(key: int) -> int:
        root.setdefault(key, key)
        while root[key] != key:
            root[key] = root[root[key]]
            key = root[key]
        return key

    for estimate in estimates:
        for part in estimate.parts:
            for key in part.ops:
                a, b = sorted((find(part.ops[0]), find(key)))
                root[b] = a
    members: dict[int, list[int]] = {}
    for key in sorted(root):
        members.setdefault(find(key), []).append(key)
    sums: dict[int, list[float | None]] = {key: [None] * len(estimates) for key in members}
    for i, estimate in enumerate(estimates):
        for part in estimate.parts:
            if part.ops:
                at = sums[find(part.ops[0])]
                at[i] = (at[i] or 0.0) + part.latency_us
    pieces = [Piece(tuple(ops), tuple(sums[key])) for key, ops in members.items()]
    return sorted(pieces, key=lambda piece: -_difference(piece, estimates))


def _difference(piece: Piece, estimates: Sequence[Estimate]) -> float:
    """The distance between the largest and the smallest share that the piece has of a whole."""
    known = [e.latency_us for e in estimates]
    shares = [(us or 0.0) / whole for us, whole in zip(piece.latency_us, known, strict=True) if whole]
    return max(shares) - min(shares) if shares else 0.0
