"""Packing buffers into an arena."""

from hypothesis import given
from hypothesis import strategies as st

from advisor.estimator.memory.arena import Buffer, pack

BUFFERS = st.lists(
    st.builds(lambda a, n, size: Buffer(a, a + n, size), st.integers(0, 12), st.integers(0, 6), st.integers(1, 500)),
    max_size=14,
)


def together(a: Buffer, b: Buffer) -> bool:
    return a.first <= b.last and b.first <= a.last


@given(BUFFERS)
def test_buffers_alive_together_do_not_overlap_and_the_arena_holds_all(buffers):
    offsets, size = pack(buffers)
    for i, a in enumerate(buffers):
        assert offsets[i] % 16 == 0 and offsets[i] + a.bytes <= size
        for j, b in enumerate(buffers[:i]):
            apart = offsets[i] + a.bytes <= offsets[j] or offsets[j] + b.bytes <= offsets[i]
            assert apart or not together(a, b)


@given(BUFFERS)
def test_the_arena_is_not_smaller_than_what_is_alive_nor_larger_than_everything(buffers):
    _, size = pack(buffers, alignment=1)
    alive = [sum(b.bytes for b in buffers if b.first <= at <= b.last) for at in range(20)]
    assert max(alive) <= size <= sum(b.bytes for b in buffers)


def test_a_chain_needs_what_two_neighbours_need():
    chain = [Buffer(0, 1, 96), Buffer(1, 2, 320), Buffer(2, 3, 160), Buffer(3, 4, 64)]
    assert pack(chain) == ([320, 0, 320, 0], 480)


def test_the_smallest_gap_that_fits_is_taken():
    # 64 free bytes between the first two, 32 between the next two
    buffers = [Buffer(0, 9, 320), Buffer(0, 1, 64), Buffer(0, 9, 160), Buffer(0, 1, 32), Buffer(0, 9, 16)]
    later = Buffer(5, 5, 32)
    offsets, _ = pack([*buffers, later])
    assert offsets[-1] == 320 + 160  # behind what stays: both gaps are at the top
    assert pack([later])[0] == [0]
