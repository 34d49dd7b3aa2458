"""Words: short, in the units of ``advisor audit``, and an unknown is never a zero."""

from __future__ import annotations

import pytest

from advisor.daemon.lsp import words
from advisor.daemon.view import Instance, Totals
from advisor.findings import Finding
from advisor.graph import Span


def layer(
    output: list[int], us: float | None = 5.0, label: str = "conv 3×3", model: str = "Net", params: int = 10
) -> Instance:
    return Instance(model, "x", label, [[1, 3, 8, 8]], output, "float32", params, 100, 2048, {"t": us})


SHOW = ("shape", "latency")


def test_one_layer() -> None:
    assert words.hint([layer([1, 32, 112, 112], 37.3)], "t", SHOW) == "→ 32×112×112 · 37.3 us"
    assert words.hint([layer([2, 10], 320.0)], "t", SHOW) == "→ 2×10 · 0.32 ms"
    assert words.hint([layer([])], "t", ("shape",)) == "→ ()"


def test_several_of_a_kind_show_ranges_and_the_sum() -> None:
    many = [layer([1, 32, 56, 56], 100.0), layer([1, 64, 28, 28], 210.0, "conv 3×3 /2"), layer([1, 64, 28, 28], None)]
    assert words.hint(many, "t", SHOW) == "×3 → 32–64×28–56×28–56 · Σ 0.31 ms + 1 uncounted"
    assert words.hint(many, "t", ("latency",)) == "×3 · Σ 0.31 ms + 1 uncounted"
    assert words.hint([layer([1, 4]), layer([1, 4, 4])], "t", ("shape",)) == "×2 → 2 shapes"


def test_a_block_of_many_kinds_shows_what_comes_out_last() -> None:
    block = [layer([1, 16, 64], 1.0, "linear"), layer([1, 16, 64], 0.0, "gelu"), layer([1, 16, 32], 2.0, "linear")]
    assert words.hint(block, "t", SHOW) == "3 ops → 16×32 · Σ 3 us"


def test_models_are_summed_up_each_for_itself() -> None:
    small = [layer([1, 8], 1.0, model="Small")] * 2
    large = [layer([1, 16], 2.0, model="Large")] * 4
    assert words.hint([*large, *small], "t", SHOW) == "×2–4 → 8–16 · Σ 2 us–8 us · 2 models"


def test_params_and_memory() -> None:
    several = [layer([1, 8], params=1000), layer([1, 8], params=500)]
    assert words.hint(several, "t", ("params", "memory")) == "×2 · Σ 1.5 k params · 2 KiB live"
    assert words.hint([layer([1, 8], params=0)], "t", ("params",)) == ""


@pytest.mark.parametrize(
    ("us", "said"), [(None, "→ 8 · ?"), (0.0, "→ 8")], ids=["unknown", "free, or part of another layer's kernel"]
)
def test_no_latency(us: float | None, said: str) -> None:
    assert words.hint([layer([1, 8], us)], "t", SHOW) == said


def test_what_was_not_costed_or_not_executed_says_nothing() -> None:
    assert words.hint([layer([1, 8])], None, SHOW) == "→ 8"
    assert words.hint([layer([1, 8])], "another", SHOW) == "→ 8"
    unseen = layer([])
    unseen.dtype = ""
    assert words.hint([unseen], "t", (*SHOW, "memory")) == ""
    assert words.hint([unseen], "t", (*SHOW, "params")) == "10 params"
    assert words.output(unseen) == "?"


def test_stale_figures_are_marked() -> None:
    assert words.hint([layer([1, 8], 2.0)], "t", SHOW, stale=True) == "→ ~8 · ~2 us"
    assert words.hint([layer([1, 8], 2.0)] * 2, "t", SHOW, stale=True) == "×2 → ~8 · Σ ~4 us"


def test_totals() -> None:
    total = Totals("simulated", 1180.0, 10, 3_500_000, 4, 2 << 20, 0, 180.0)
    assert words.totals(total) == "1.18 ms · 2 MiB peak · 3.5 M params (simulated)"
    assert words.together(total) == "1.18 ms → 1 ms (−15 %)"
    total.label, total.low_us, total.high_us = "predicted", 1100.0, 1250.8
    assert words.totals(total) == "1.18 ms ±6.8 % · 2 MiB peak · 3.5 M params (predicted)"
    total.low_us = total.high_us = None
    total.uncounted = 2
    assert words.totals(total).startswith("1.18 ms + 2 uncounted · ")
    total.latency_us = 0.0
    assert words.totals(total) == "latency ?: none of its 2 ops could be costed"
    assert words.together(total) == ""


@pytest.mark.parametrize(
    ("label", "error", "kind"),
    [
        ("simulated", None, " [simulated]"),
        ("predicted", 20.0, " [predicted ±20 us]"),
        ("predicted", 300.0, " [predicted ±0.3 ms, more than it saves]"),
    ],
)
def test_a_finding_says_what_kind_of_number_its_saving_is(label: str, error: float | None, kind: str) -> None:
    found = Finding("CHN101", "56 saves 0.2 ms (5 %)", Span("net.py", 1, 1, 1, 9), label=label)
    found.gain_us, found.gain_percent, found.gain_error_us = 200.0, 5.0, error
    assert words.message(found) == f"56 saves 0.2 ms (5 %){kind}"


def test_a_finding_that_saves_nothing_says_no_more_than_its_message() -> None:
    found = Finding("CHN102", "64 cost nothing", Span("net.py", 1, 1, 1, 9), label="predicted")
    assert words.message(found) == "64 cost nothing"
    found.gain_us, found.gain_percent, found.gain_error_us = -0.01, -0.001, 3.0
    assert words.message(found) == "64 cost nothing"
