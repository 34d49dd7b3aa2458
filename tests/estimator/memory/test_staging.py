"""What a dedicated SRAM keeps, over maps put together by hand."""

from itertools import pairwise

from advisor.estimator.memory.vela.area import Area, Step
from advisor.estimator.memory.vela.schedule import spans
from advisor.estimator.memory.vela.staging import kept


def chain(sizes, code="CONV_2D"):
    """Steps that each read the map before and make one of so many bytes."""
    maps = [Area((size,), 1, i, True) for i, size in enumerate(sizes)]
    return [linked(code, [a], b) for a, b in pairwise(maps)], maps


def linked(code, reads, writes):
    step = Step(0, code, reads, writes, writes.shape, operands=len(reads))
    writes.writers.append(step)
    for area in reads:
        area.readers.append(step)
    return step


def inside(order, size, buffered=None):
    return kept(order, spans(order), buffered or [0] * len(order), size)


def test_everything_is_kept_where_it_fits():
    order, _ = chain([16, 32, 48])
    assert inside(order, 80) == [32, 80]


def test_what_does_not_fit_beside_the_weights_stays_outside():
    order, _ = chain([16, 32, 48])
    assert inside(order, 80, [64, 0]) == [64, 48]


def test_of_rivals_those_that_are_used_most_are_kept():
    order, maps = chain([16, 64, 48, 64])
    order.append(linked("CONV_2D", [maps[2], maps[3]], Area((16,), 1, 9, True)))  # 48 bytes are read twice
    used = inside(order, 112)
    assert max(used) <= 112
    assert used[1] == 64 + 48 and used[2] == 48 + 64


def test_operands_of_an_elementwise_step_lie_in_one_memory():
    left, right, out = Area((64,), 1, 1, True), Area((160,), 1, 2, True), Area((64,), 1, 3, True)
    source = Area((16,), 1, 0, True)
    order = [linked("CONV_2D", [source], left), linked("CONV_2D", [source], right), linked("MUL", [left, right], out)]
    assert inside(order, 150) == [0, 0, 64]  # the result is kept, in what was the first operand's place
    assert inside(order, 300) == [64, 64 + 160, 64 + 160]
