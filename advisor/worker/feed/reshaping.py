"""Edits of a guess: other sizes, ranks and widths of its tensors."""

from __future__ import annotations

from collections.abc import Iterable

from .specs import Guess, Spec

_LONGEST = 1 << 17
CLIP = (1, 6, 3, 64, 64)
"""A short video whose frames come before the colours."""


def resized_spec(spec: Spec, size: int) -> Spec:
    """A picture, volume or sequence of another size; two-dimensional tensors keep theirs."""
    if not 0 < size <= _LONGEST:
        return spec
    if len(spec.shape) == 4:
        return spec._replace(shape=(*spec.shape[:2], size, size))
    if len(spec.shape) == 5:
        return spec._replace(shape=(*spec.shape[:3], size, size))
    if len(spec.shape) == 3:
        return spec._replace(shape=(*spec.shape[:2], size))
    return spec


def resized(guess: Guess, sizes: Iterable[int]) -> list[Guess]:
    """``guess`` with other spatial sizes; several feature maps keep their ratios to the first."""
    largest = max((s.shape[-1] for s in specs_of(guess) if len(s.shape) >= 4), default=0)

    def scaled(spec: Spec, size: int) -> Spec:
        if len(spec.shape) < 4 or not largest:
            return resized_spec(spec, size)
        return resized_spec(spec, max(round(size * spec.shape[-1] / largest), 1))

    return [guess.edited(lambda s, n=n: scaled(s, n)) for n in sizes if n != largest]


def lengthened(guess: Guess, lengths: Iterable[int]) -> list[Guess]:
    """``guess`` with token ids, or sequences of vectors, of other lengths."""

    def edit(spec: Spec, length: int) -> Spec:
        if len(spec.shape) == 2 and spec.dtype.startswith("int"):
            return spec._replace(shape=(spec.shape[0], length))
        return spec._replace(shape=(spec.shape[0], length, spec.shape[2])) if len(spec.shape) == 3 else spec

    return [guess.edited(lambda s, n=n: edit(s, n)) for n in lengths]


def specs_of(guess: Guess) -> list[Spec]:
    """Every tensor of the call, in order."""
    found: list[Spec] = []
    guess.edited(lambda s: found.append(s) or s)
    return found


def with_dim(guess: Guess, shape: tuple[int, ...], dim: int, new: int) -> list[Guess]:
    """Those tensors whose ``dim`` is what the failing layer saw get ``new`` there."""
    if dim >= len(shape):
        return []
    old = shape[dim]

    def edit(spec: Spec) -> Spec:
        same_kind = len(spec.shape) == len(shape) and spec.shape[dim] == old
        return spec._replace(shape=(*spec.shape[:dim], new, *spec.shape[dim + 1 :])) if same_kind else spec

    return [guess.edited(edit)]


def ranked(guess: Guess, rank: int) -> list[Guess]:
    """The tensors of the first one's shape, or that one alone, with ``rank`` dimensions."""
    specs = specs_of(guess)
    if not specs or not specs[0].shape:
        return []
    shape = tuple(specs[0].shape)
    width, last = shape[min(1, len(shape) - 1)], shape[-1]
    side = 224 if width <= 4 else 56
    options: dict[int, list[tuple[int, ...]]] = {
        1: [(width,)],
        2: [(1, width), (1, last)],
        3: [(1, side * side, width), (1, width, 128)]
        if len(shape) == 4 and width > 4
        else [(1, width, 128), (1, 16, last)],
        4: [(1, width, side, side)] + ([(1, last, 56, 56), (1, 14, 14, last)] if len(shape) != 4 else []),
        5: [(*CLIP[:2], min(width, 3), *CLIP[3:]), (1, width, 16, 112, 112), (1, width, 8, 56, 56)],
    }
    better = []
    for new in options.get(rank, []):
        better.append(guess.edited(lambda s, n=new: s._replace(shape=n) if s.shape == shape else s))
    if len(specs) > 1:
        for new in options.get(rank, [])[:1]:
            better.append(guess.edited(lambda s, n=new: s._replace(shape=n) if s is specs[0] else s))
    return better


def with_width(spec: Spec, width: int) -> Spec:
    return spec._replace(shape=(spec.shape[0], width, *spec.shape[2:])) if len(spec.shape) > 2 else spec


def first_as(guess: Guess, shape: tuple[int, ...]) -> Guess:
    first = next(iter(specs_of(guess)), None)
    return guess.edited(lambda s: s._replace(shape=shape) if s == first else s)


def first_shape(guess: Guess) -> tuple[int, ...]:
    return next((s.shape for s in specs_of(guess)), ())


def replaced_dim(guess: Guess, old: int, new: int) -> Guess:
    return guess.edited(lambda s: s._replace(shape=tuple(new if d == old and i else d for i, d in enumerate(s.shape))))


def swapped_width(guess: Guess, old: int, new: int) -> Guess:
    def edit(spec: Spec) -> Spec:
        if len(spec.shape) > 1 and spec.shape[1] == old:
            return spec._replace(shape=(spec.shape[0], new, *spec.shape[2:]))
        return spec

    return guess.edited(edit)
