"""The interval of a difference between two predictions."""

from dataclasses import replace

import pytest

from advisor.costs import SHARED_ERROR, Costs, Kernel, MemoryPeak, gain_error


def kernel(key: int, us: float, half: float | None) -> Kernel:
    low, high = (None, None) if half is None else (us - half, us + half)
    return Kernel((key,), "conv", us, 0, 0, "compute", low, high)


def costs(*kernels: Kernel) -> Costs:
    total = sum(k.latency_us for k in kernels)
    return Costs(
        *["t", "predicted", kernels, total, 0, 0, 0, 0, MemoryPeak(0, None, ()), (), {}, {}],
        low_us=total,
        high_us=total,
    )


def test_without_intervals_nothing_is_known():
    predicted = costs(kernel(0, 5.0, 1.0))
    assert gain_error(predicted, replace(predicted, low_us=None)) is None


def test_kernels_that_did_not_change_cancel():
    same = kernel(0, 50.0, 20.0)
    before, after = costs(same, kernel(1, 10.0, 2.0)), costs(replace(same), kernel(1, 6.0, 2.0))
    assert gain_error(before, before) == 0
    assert gain_error(before, after) == pytest.approx((2 * (1 - SHARED_ERROR) * 4) ** 0.5)


def test_a_kernel_that_changed_errs_less_than_one_that_was_replaced():
    before = costs(kernel(0, 10.0, 3.0))
    changed, replaced = gain_error(before, costs(kernel(0, 8.0, 3.0))), gain_error(before, costs(kernel(1, 8.0, 3.0)))
    assert changed is not None and replaced == pytest.approx(18**0.5) and changed < replaced


def test_a_kernel_left_to_the_simulated_model_may_be_half_or_double():
    before, fallen = costs(kernel(0, 10.0, 0.0)), replace(kernel(1, 6.0, None), simulated=True)
    assert gain_error(before, costs(fallen)) == pytest.approx(3.0)
