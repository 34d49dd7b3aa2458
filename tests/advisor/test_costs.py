"""The interval of a difference between two predictions."""

from dataclasses import replace

import pytest

from advisor.costs import OF_GAIN, OF_KERNELS, OF_LATENCY, SHARED_ERROR, Costs, Kernel, MemoryPeak, gain_error


def kernel(key: int, us: float, half: float | None, macs: int = 0) -> Kernel:
    low, high = (None, None) if half is None else (us - half, us + half)
    return Kernel((key,), "conv", us, macs, 0, "compute", low, high)


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


def error(before: Costs, after: Costs) -> float:
    found = gain_error(before, after)
    assert found is not None
    return found


def of_kernels(before: Costs, after: Costs) -> float:
    """What the kernels add to the error."""
    gain = before.latency_us - after.latency_us
    rest = (OF_GAIN * gain) ** 2 + (OF_LATENCY * before.latency_us) ** 2
    return (error(before, after) ** 2 - rest) ** 0.5


def test_kernels_that_did_not_change_cancel():
    same = kernel(0, 50.0, 20.0)
    before = costs(same, kernel(1, 10.0, 2.0, macs=5))
    after = costs(replace(same), kernel(1, 6.0, 2.0, macs=3))
    assert of_kernels(before, after) == pytest.approx(OF_KERNELS * (2 * (1 - SHARED_ERROR) * 4) ** 0.5)


def test_a_gain_is_never_certain():
    before, after = costs(kernel(0, 50.0, 0.0)), costs(kernel(1, 10.0, 0.0))
    assert error(before, before) == OF_LATENCY * 50
    assert error(before, after) == pytest.approx(OF_GAIN * 40, rel=0.01)


def test_the_more_of_a_kernel_is_new_the_less_is_known_of_it():
    before = costs(kernel(0, 10.0, 3.0, macs=5))
    among_others = of_kernels(before, costs(kernel(0, 9.9, 3.0, macs=5)))
    changed = of_kernels(before, costs(kernel(0, 9.9, 3.0, macs=4)))
    replaced = of_kernels(before, costs(kernel(1, 9.9, 3.0, macs=4)))
    assert 0 < among_others < changed < replaced == pytest.approx(OF_KERNELS * 18**0.5)


def test_a_kernel_left_to_the_simulated_model_may_be_anything():
    before, fallen = costs(kernel(0, 10.0, 0.0)), replace(kernel(1, 6.0, None), simulated=True)
    assert of_kernels(before, costs(fallen)) == pytest.approx(OF_KERNELS * 6.0)


def test_no_kernel_is_off_by_more_than_itself():
    before, wild = costs(kernel(0, 10.0, 0.0)), replace(kernel(1, 6.0, 1.0), high_us=9000.0)
    assert of_kernels(before, costs(wild)) == pytest.approx(OF_KERNELS * 6.0)
