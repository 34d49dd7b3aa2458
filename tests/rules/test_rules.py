"""Every rule is silent on its own valid models and fires, with the named move and line, on its invalid ones."""

from __future__ import annotations

import re
import types
from pathlib import Path

import pytest
import torch
from torch import nn

from advisor import packs
from advisor.advise import Settings, advise
from advisor.findings import Finding
from advisor.graph import Graph
from advisor.live import trace
from advisor.moves import from_plain
from advisor.rule import Case, Page, Rule
from advisor.rulepages import SECTIONS, files, page
from advisor.targets import load
from advisor.worker.sites import Observer

RULES = packs.rules()
PAGES = packs.pages()


def graph_of(case: Case, folder: Path) -> tuple[Graph, str]:
    """The graph of a case's model, built from a file of its own so that every layer has its line."""
    file = folder / "model.py"
    file.write_text(case.source, encoding="utf-8")
    module = types.ModuleType("case")
    module.__dict__.update(nn=nn, torch=torch)
    exec(compile(case.source, str(file), "exec"), module.__dict__)
    with Observer() as observer, torch.device("meta"):
        model = module.__dict__["Model"]()
    graph, info = trace(model, case.input, observer=observer)
    assert (info.status, info.failure) == ("ok", None)
    return graph, str(file)


def findings(rule: Rule, case: Case, folder: Path) -> list[Finding]:
    graph, file = graph_of(case, folder)
    target = load(case.target)
    advised = advise(graph, target, packs.estimator_for(target), [rule], Settings(file=file))
    assert advised.failures == []
    return advised.findings


def cases(kind: str):
    return [pytest.param(r, c, id=f"{r.code}-{i}") for r in RULES for i, c in enumerate(getattr(r, kind))]


@pytest.mark.parametrize(("rule", "case"), cases("valid"))
def test_a_rule_is_silent_on_its_valid_models(rule: Rule, case: Case, tmp_path: Path):
    assert [f.message for f in findings(rule, case, tmp_path)] == []


@pytest.mark.parametrize(("rule", "case"), cases("invalid"))
def test_a_rule_fires_on_its_invalid_models(rule: Rule, case: Case, tmp_path: Path):
    found = findings(rule, case, tmp_path)
    assert found, f"{rule.code} is silent"
    if case.move is not None:
        moves = [f.move for f in found if f.move is not None]
        assert any(case.move.items() <= m.items() for m in moves), moves
    if case.line is not None:
        assert case.line in {f.span.line for f in found}


@pytest.mark.parametrize(("rule", "case"), cases("invalid"))
def test_a_reported_gain_is_the_reestimate_of_the_moved_graph(rule: Rule, case: Case, tmp_path: Path):
    graph, _ = graph_of(case, tmp_path)
    target = load(case.target)
    estimator = packs.estimator_for(target)
    for f in advise(graph, target, estimator, [rule]).findings:
        assert (f.move is None) == (f.gain_us is None)
        if f.move is not None:
            moved = from_plain(f.move).apply(graph)
            saved = estimator.estimate(graph, target).latency_us - estimator.estimate(moved, target).latency_us
            assert f.gain_us == pytest.approx(saved, abs=1e-6)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.code)
def test_a_rule_carries_cases_and_evidence(rule: Rule):
    assert rule.valid and rule.invalid and rule.evidence
    for e in rule.evidence:
        assert all((e.target, e.dtype, e.shapes, e.effect, e.sample, e.source)), e


@pytest.mark.parametrize("entry", PAGES, ids=lambda p: p.code)
def test_a_page_has_its_sections_in_order(entry: Page):
    headings = re.findall(r"^## (.*)$", page(entry), flags=re.MULTILINE)
    assert tuple(h for h in headings if h != "Evidence") == SECTIONS
    assert page(entry).startswith(f"# {entry.name} ({entry.code})\n")


@pytest.mark.parametrize("entry", PAGES, ids=lambda p: p.code)
def test_a_file_is_called_after_its_code_and_name(entry: Page):
    module = type(entry).__module__.rpartition(".")[2]
    assert module == f"{entry.code.lower()}_{entry.name.replace('-', '_')}"


def test_the_documentation_is_what_the_rules_say():
    folder = Path(__file__).parents[2] / "docs" / "rules"
    written = {p.name: p.read_text(encoding="utf-8") for p in folder.glob("*.md")}
    assert written == files(PAGES), "run `python -m advisor.rulepages docs/rules`"
