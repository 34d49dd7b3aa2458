"""What reports say of how certain a prediction is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from advisor.reports import render
from advisor.reports.json_report import to_json
from advisor.reports.note import note
from advisor.reports.totals import doubts, totals
from advisor.units import margin

from .samples import report


def predicted(root: Path):
    """The sample with its first model's costs as a learned model would give them, two kernels in doubt."""
    made = report(root)
    model = made.files[0].models[0]
    (target, costs), *_ = model.costs.items()
    kernels = list(costs.kernels)
    kernels[3] = replace(kernels[3], outside=True)
    kernels[5] = replace(kernels[5], simulated=True)
    low, high = costs.latency_us / 1.06, costs.latency_us * 1.06
    model.costs[target] = replace(
        costs, label="predicted", kernels=tuple(kernels), low_us=low, high_us=high, basis="a compiler"
    )
    return made, model, target


def test_a_total_says_how_certain_it_is(tmp_path):
    _, model, target = predicted(tmp_path)
    assert " ±6 % predicted · " in totals(model.costs[target])
    assert margin(100.0, 80.0, 110.0) == " ±20 %"
    assert margin(100.0, 40.0, 240.0) == " (40 us to 0.24 ms)", "±140 % would be less than nothing"
    assert margin(100.0, None, None) == margin(0.0, 0.0, 0.0) == ""


def test_kernels_in_doubt_are_named(tmp_path):
    made, model, target = predicted(tmp_path)
    outside, simulated = doubts(model)
    assert outside.endswith(f"(conv): outside the training range on {target}")
    assert simulated.endswith(f": not learned: simulated on {target}")
    assert outside in " ".join(render(made, "console").split())
    assert "outside the training range" in made._repr_html_()


def test_json_has_the_interval_and_the_doubts(tmp_path):
    made, model, target = predicted(tmp_path)
    plain = to_json(made)["files"][0]["models"][0]["totals"][target]
    costs = model.costs[target]
    assert (plain["low_us"], plain["high_us"], plain["basis"]) == (costs.low_us, costs.high_us, "a compiler")
    assert [op["op"] for op in plain["outside"]] == ["conv"] and len(plain["simulated"]) == 1


def test_a_gain_says_how_certain_it_is(tmp_path):
    made, *_ = predicted(tmp_path)
    finding = next(f for f in made.files[0].models[0].findings if f.gain_us)
    finding.label, finding.gain_us, finding.gain_percent, finding.message = "predicted", 200.0, 5.0, "wide"
    finding.gain_error_us = 20.0
    assert "predicted ±20 us" in note(finding, several=False)
    assert "more than" not in note(finding, several=False)
    finding.gain_error_us = 300.0
    assert "predicted ±0.3 ms, more than it saves" in note(finding, several=False)
