"""Linear forms: what a tensor dimension is made of.

A dimension is an ordered run of *segments* ``(variable, coefficient)``: concatenating two 64-channel tensors gives
``((x, 1), (y, 1))``, a fused qkv projection of 12 heads ``((head_dim, 36))``. Variable 0 is the number one, so a
constant ``n`` is ``((0, n),)``. :class:`Forms` unifies forms: a variable is *solved* by the form that it must equal,
or *pinned* with a reason when nothing may change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

Segment = tuple[int, int]
Form = tuple[Segment, ...]
ONE = 0


def constant(n: int) -> Form:
    return ((ONE, n),)


def times(form: Form, k: int) -> Form:
    """``k`` copies of a dimension (flattened with a constant one)."""
    return form if k == 1 else tuple((v, c * k) for v, c in form)


def joined(forms: Sequence[Form]) -> Form:
    """The forms one after the other; neighbouring segments of one variable become one."""
    out: list[Segment] = []
    for form in forms:
        for v, c in form:
            if out and out[-1][0] == v:
                out[-1] = (v, out[-1][1] + c)
            else:
                out.append((v, c))
    return tuple(out)


class Forms:
    """Variables with their concrete sizes, what they are solved by, and why some are pinned."""

    def __init__(self) -> None:
        self.sizes: list[int] = [1]
        self.pinned: dict[int, str] = {}
        self._solved: dict[int, Form] = {}

    def new(self, size: int) -> Form:
        """A dimension of its own."""
        self.sizes.append(size)
        return ((len(self.sizes) - 1, 1),)

    def width(self, form: Form) -> int:
        sizes = self.sizes
        if len(form) == 1:  # most are
            ((v, c),) = form
            return sizes[v] * c
        return sum([sizes[v] * c for v, c in form])

    def resolve(self, form: Form) -> Form:
        """The form in unsolved variables."""
        solved = self._solved
        for v, _ in form:
            if v in solved:
                break
        else:
            return form
        parts: list[Form] = []
        for v, c in form:
            if v in solved:
                solved[v] = body = self.resolve(solved[v])
                parts.append(times(body, c))
            else:
                parts.append(((v, c),))
        return joined(parts)

    def pin(self, form: Form, reason: str) -> None:
        """Forbid every variable of the form to change; the first reason stays."""
        for v, _ in self.resolve(form):
            if v != ONE:
                self.pinned.setdefault(v, reason)

    def unify(self, a: Form, b: Form, reason: str) -> None:
        """Demand that two forms of equal width stay equal; ``reason`` is told for what gets pinned by it."""
        a, b = self.resolve(a), self.resolve(b)
        if a == b:
            return
        if self.width(a) != self.width(b):
            self.pin(a, reason)
            self.pin(b, reason)
            return
        for left, right in self._runs(a, b):
            self._unify_run(left, right, reason)

    def _runs(self, a: Form, b: Form) -> list[tuple[Form, Form]]:
        """The shortest runs of segments of both forms that cover the same channels."""
        runs: list[tuple[Form, Form]] = []
        i = j = i0 = j0 = at = bt = 0
        while i < len(a) or j < len(b):
            if at <= bt:
                at += self.sizes[a[i][0]] * a[i][1]
                i += 1
            else:
                bt += self.sizes[b[j][0]] * b[j][1]
                j += 1
            if at == bt:
                runs.append((a[i0:i], b[j0:j]))
                i0, j0 = i, j
        return runs

    def _unify_run(self, a: Form, b: Form, reason: str) -> None:
        ra, rb = self.resolve(a), self.resolve(b)
        if (ra, rb) != (a, b):  # an earlier run solved one of our variables
            self.unify(ra, rb, reason)
            return
        if a == b:
            return
        (first_a, *more_a), (first_b, *more_b) = a, b
        if more_a and more_b:
            self.pin((*a, *b), reason)
        elif more_b:
            self._spread(first_a, b, reason)
        elif more_a:
            self._spread(first_b, a, reason)
        else:
            self._tie(first_a, first_b, reason)

    def _tie(self, a: Segment, b: Segment, reason: str) -> None:
        (x, c), (y, d) = a, b
        if x == ONE or y == ONE:
            self.pin((a, b), reason)
        elif c % d == 0 or d % c == 0:
            if (c, x) > (d, y):  # the variable with the larger coefficient is the finer one
                (x, c), (y, d) = (y, d), (x, c)
            self._solve(x, ((y, d // c),)) if c != d else self._solve(y, ((x, 1),))
        else:
            g = gcd(c, d)
            finer = self.new(self.sizes[x] // (d // g))
            self._solve(x, times(finer, d // g))
            self._solve(y, times(finer, c // g))

    def _spread(self, single: Segment, run: Form, reason: str) -> None:
        """One segment against several: its variable is their concatenation."""
        x, c = single
        if x == ONE or x in self.pinned or any(v == x for v, _ in run):
            self.pin((single, *run), reason)
        elif c == 1:
            self._solve(x, run)
        else:
            self.unify(((x, 1),), self.divide(run, c, reason), reason)

    def _solve(self, x: int, form: Form) -> None:
        self._solved[x] = form
        if x in self.pinned:
            self.pin(form, self.pinned[x])

    def divide(self, form: Form, k: int, reason: str) -> Form:
        """One of the form's ``k`` equal parts; the form's width must be a multiple of ``k``."""
        form = self.resolve(form)
        if k == 1:
            return form
        part = self.width(form) // k
        if len(form) == 1:
            v, c = form[0]
            if v == ONE:
                return constant(part)
            g = gcd(c, k)
            return times(self._refine(v, k // g), c // g)
        first, *rest = self.cut(form, [part] * k, reason)
        for other in rest:
            self.unify(first, other, reason)
        return self.resolve(first)

    def _refine(self, v: int, k: int) -> Form:
        """Demand that ``v`` is a multiple of ``k``; returns ``v / k``."""
        if k == 1:
            return ((v, 1),)
        finer = self.new(self.sizes[v] // k)
        self._solve(v, times(finer, k))
        return finer

    def multiple(self, form: Form, k: int, reason: str) -> Form:
        """Demand that every segment is a multiple of ``k`` (each where there are several: sufficient, and what code
        with groups does); returns the form in finer variables."""
        form = self.resolve(form)
        if any(self.sizes[v] * c % k for v, c in form):
            self.pin(form, reason)
            return form
        for v, c in form:
            if v != ONE:
                self._refine(v, k // gcd(c, k))
        return self.resolve(form)

    def cut(self, form: Form, sizes: Sequence[int], reason: str) -> list[Form]:
        """Consecutive pieces of the given sizes. A variable that a border falls into becomes the sum of two
        independent ones."""
        segments = list(reversed(self.resolve(form)))
        pieces: list[Form] = []
        for size in sizes:
            piece: list[Form] = []
            while size > 0:
                v, c = segments.pop()
                whole = self.sizes[v] * c
                if whole > size:
                    head, tail = self._break(v, c, size, reason)
                    segments.extend(reversed(tail))
                    segments.extend(reversed(head))
                    continue
                piece.append(((v, c),))
                size -= whole
            pieces.append(joined(piece) if piece else constant(0))
        return [self.resolve(p) for p in pieces]

    def _break(self, v: int, c: int, size: int, reason: str) -> tuple[Form, Form]:
        """Segment ``(v, c)`` as ``size`` channels and the rest."""
        unit = self.sizes[v]
        if size % unit == 0:
            return ((v, size // unit),), ((v, c - size // unit),)
        if c == 1:
            head, tail = self.new(size), self.new(unit - size)
            self._solve(v, (*head, *tail))
            return head, tail
        self.pin(((v, c),), reason)
        return constant(size), constant(unit * c - size)
