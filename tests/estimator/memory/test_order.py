"""The order of execution that needs least memory."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.estimator.memory import order as module
from advisor.estimator.memory.order import Steps, best_order


def fullest(steps: Steps, sizes, scratch, order) -> list[int]:
    """Bytes alive at each step when they run in this order, written out plainly."""
    made = {s for writes in steps.writes for s in writes}
    alive = {s for s in range(steps.storages) if s not in made}
    readers = {s: {at for at, reads in enumerate(steps.reads) if s in reads} for s in range(steps.storages)}
    done: set[int] = set()
    alive = {s for s in alive if readers[s] or s in steps.kept}
    full = []
    for at in order:
        done.add(at)
        alive |= set(steps.writes[at])
        dead = {s for s in alive if readers[s] <= done and s not in steps.kept}
        now = sum(sizes[s] for s in alive) + scratch[at]
        for result, operand in steps.overwrites.get(at, ()):
            if operand in dead and sizes[operand] == sizes[result]:
                now -= sizes[operand]
                break
        full.append(now)
        alive -= dead
    return full


def allowed(steps: Steps, order) -> bool:
    maker = {s: at for at, writes in enumerate(steps.writes) for s in writes}
    place = {at: i for i, at in enumerate(order)}
    return all(place[maker[s]] < place[at] for at, reads in enumerate(steps.reads) for s in reads if s in maker)


@st.composite
def problems(draw, most: int = 6):
    """Random steps, each reading earlier storages up to three times and writing one; storage 0 is the input."""
    count = draw(st.integers(1, most))
    reads, overwrites = [], {}
    for at in range(count):
        read = tuple(sorted(draw(st.lists(st.integers(0, at), min_size=1, max_size=3))))  # two views of one, say
        reads.append(read)
        if draw(st.booleans()):
            overwrites[at] = [(at + 1, s) for s in read if s]
    kept = frozenset(draw(st.sets(st.integers(1, count), min_size=1, max_size=2)))
    steps = Steps(reads, [(at + 1,) for at in range(count)], overwrites, kept, count + 1)
    sizes = [draw(st.integers(0, 9)) for _ in range(count + 1)]
    scratch = [draw(st.sampled_from([0, 0, 0, 7])) for _ in range(count)]
    return steps, sizes, scratch


@settings(max_examples=150, deadline=None)
@given(problems())
def test_no_order_needs_less(problem):
    steps, sizes, scratch = problem
    own = list(range(len(steps.reads)))
    found = best_order(steps, sizes, scratch, fullest(steps, sizes, scratch, own))
    orders = [o for o in permutations(own) if allowed(steps, o)]
    assert found.exact and allowed(steps, found.order) and found.is_own == (found.order == own)
    least = min(max(fullest(steps, sizes, scratch, o)) for o in orders)
    assert max(fullest(steps, sizes, scratch, found.order)) == least


@settings(max_examples=50, deadline=None)
@given(problems(most=12))
def test_a_beam_finds_an_order_that_is_allowed_and_not_worse(problem):
    steps, sizes, scratch = problem
    full = fullest(steps, sizes, scratch, range(len(steps.reads)))
    searched, module.SEARCHED = module.SEARCHED, 1
    try:
        found = best_order(steps, sizes, scratch, full)
    finally:
        module.SEARCHED = searched
    assert allowed(steps, found.order)
    assert max(fullest(steps, sizes, scratch, found.order)) <= max(full)


def branches(width: int, deep: int) -> tuple[Steps, list[int]]:
    """An input with ``width`` branches that grow large and end small, listed level by level, and their sum."""
    reads, writes, sizes = [], [], [1]
    tips = [0] * width
    for level in range(deep):
        for i in range(width):
            reads.append((tips[i],))
            tips[i] = len(sizes)
            writes.append((len(sizes),))
            sizes.append(10 if level < deep - 1 else 1)
    reads.append(tuple(tips))
    writes.append((len(sizes),))
    sizes.append(1)
    return Steps(reads, writes, {}, frozenset({len(sizes) - 1}), len(sizes)), sizes


@pytest.mark.parametrize(("width", "exact"), [(4, True), (12, False)])
def test_branches_run_one_after_the_other(width, exact):
    steps, sizes = branches(width, 4)
    none = [0] * len(steps.reads)
    full = fullest(steps, sizes, none, range(len(none)))
    found = best_order(steps, sizes, none, full)
    assert found.exact == exact and not found.is_own
    # the ends of all branches but the last, and two tensors of that one; the input is no longer needed
    assert max(full) == 10 * (width + 1) and max(fullest(steps, sizes, none, found.order)) == width - 1 + 20


def test_what_has_one_order_only_is_not_searched():
    steps = Steps([(0,), (1,), (1, 2)], [(1,), (2,), (3,)], {}, frozenset({3}), 4)
    assert steps.parts == []
    assert best_order(steps, [1, 2, 3, 4], [0, 0, 0], [3, 6, 9]) == ([0, 1, 2], True, True)
