"""Which proposals are worth a run of the worker, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.findings import Finding
from advisor.fixes.appraisal import Appraiser
from advisor.fixes.proposal import Proposal, Unfixable
from advisor.graph import Span
from advisor.moves import Move, SetWidth, flat, from_plain
from advisor.plan import Plan, Plans
from advisor.report import ModelReport
from tests.graphs import GraphBuilder

SPAN = Span("net.py", 1, 1, 1, 1)


@pytest.fixture(scope="module")
def advised(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, ModelReport, Finding]:
    folder: Path = tmp_path_factory.mktemp("plan")
    plan = Plans({"targets": ["ethos-u85-1024"], "min_gain": 0, "select": ["CHN101"]}).of(folder)
    b = GraphBuilder()
    x = b.conv(b.input((1, 3, 224, 224)), 60, 3, path="a")
    x = b.conv(x, 256, 3, path="b")
    graph = b.build(b.op("reduce", [x], (1, 256), dims=[2, 3], fn="mean", keepdim=False))
    model = ModelReport("Net", "net.py", "class", SPAN, "ok", graph=graph)
    plan.advise(model)
    (finding,) = [f for f in model.findings if "a" in f.layers]
    return plan, model, finding


def _appraiser(advised: tuple[Plan, ModelReport, Finding]) -> tuple[Appraiser, int]:
    plan, model, finding = advised
    assert model.graph is not None and finding.move is not None
    offered = [flat(from_plain(m)) for m in (finding.move, *(a["move"] for a in finding.alternatives))]
    (best,) = offered[0]
    assert isinstance(best, SetWidth)
    return Appraiser(plan, model, model.graph, finding, offered), best.width


def _order(appraiser: Appraiser, *moves: Move) -> list[int]:
    found = [p.proposal.move for p in appraiser.ranked(Proposal((), m) for m in moves)]
    return [m.width for m in found if isinstance(m, SetWidth)]


def test_what_the_finding_says_comes_first_and_what_cannot_be_not_at_all(
    advised: tuple[Plan, ModelReport, Finding],
) -> None:
    appraiser, best = _appraiser(advised)
    order = _order(appraiser, SetWidth(99, 64), SetWidth(0, 32), SetWidth(0, best))
    assert order[0] == best and 99 not in order


def test_wider_layers_that_cost_are_no_fix_and_the_reason_says_what_they_cost(
    advised: tuple[Plan, ModelReport, Finding],
) -> None:
    appraiser, _ = _appraiser(advised)
    with pytest.raises(Unfixable, match=r"only allow to set width 60 → 120, which costs \d+ %"):
        _order(appraiser, SetWidth(0, 120))


def test_a_width_that_its_own_rule_complains_of_is_no_fix(advised: tuple[Plan, ModelReport, Finding]) -> None:
    appraiser, best = _appraiser(advised)
    with pytest.raises(Unfixable):
        _order(appraiser, SetWidth(0, best - 3))


def test_what_cannot_be_applied_has_a_reason_too(advised: tuple[Plan, ModelReport, Finding]) -> None:
    appraiser, _ = _appraiser(advised)
    with pytest.raises(Unfixable, match="no change that the model can take"):
        _order(appraiser, SetWidth(99, 64))
