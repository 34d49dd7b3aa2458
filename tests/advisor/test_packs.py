"""Packs are found through entry points, and a bad one is named."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from advisor import packs
from advisor.packs import PackError, collect
from advisor.rule import Page, Rule
from advisor.targets import load


def page(code: str, kind: type[Page] = Page) -> type[Page]:
    return type(f"Made{code}", (kind,), {"code": code, "name": "made", "summary": "Made.", "__doc__": "Text."})


def test_our_own_pack_is_found_as_any_other():
    codes = [p.code for p in packs.pages()]
    assert codes == sorted(codes)
    assert {"CHN101", "TRC901", "SUP001"} <= set(codes)
    assert "TRC901" not in {r.code for r in packs.rules()}


def test_a_target_with_a_predictor_is_predicted_and_any_other_simulated():
    assert packs.estimator_for(load("npu-64")).label == "predicted"
    assert packs.estimator_for(load("cpu-x86")).label == "simulated"


def test_pages_of_several_packs_come_in_order_of_code():
    assert [p.code for p in collect([("a", [page("ZZZ100")]), ("b", [page("AAA200", Rule)])])] == ["AAA200", "ZZZ100"]


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ([object], "holds <class 'object'>, which is no rule or page class"),
        ([page("AAA001")()], "which is no rule or page class"),
        ([page("AAA1")], "it has to look like 'ABC123'"),
        ([type("Silent", (Page,), {"code": "AAA001", "name": "n", "summary": ""})], "Silent (AAA001) has no summary"),
        ([page("AAA001"), page("AAA001")], "both define AAA001"),
    ],
)
def test_a_bad_pack_is_named(kinds, message):
    with pytest.raises(PackError) as e:
        collect([("theirs", kinds)])
    assert "theirs" in str(e.value) and message in str(e.value)


def test_a_page_without_text_of_its_own_is_refused():
    bare = type("Bare", (Page,), {"code": "AAA001", "name": "n", "summary": "S."})
    with pytest.raises(PackError, match="has no __doc__"):
        collect([("theirs", [bare])])


def test_a_pack_that_does_not_load_is_named(monkeypatch):
    gone = EntryPoint(name="theirs", value="no_such_package_at_all:PACK", group=packs.RULES)
    monkeypatch.setattr(packs, "entry_points", lambda group: [gone])
    packs.pages.cache_clear()
    try:
        with pytest.raises(
            PackError, match=r"'theirs' \(no_such_package_at_all:PACK\) cannot be loaded: ModuleNotFound"
        ):
            packs.pages()
    finally:
        packs.pages.cache_clear()


def test_a_pack_announced_by_two_metadata_folders_counts_once(monkeypatch):
    entry = EntryPoint(name="advisor", value="advisor.rules:PACK", group=packs.RULES)
    monkeypatch.setattr(packs, "entry_points", lambda group: [entry, entry])
    packs.pages.cache_clear()
    try:
        assert "CHN101" in {p.code for p in packs.pages()}
    finally:
        packs.pages.cache_clear()


def test_commands_are_listed_without_being_loaded(monkeypatch):
    entry = EntryPoint(name="train", value="no_such_package_at_all:main", group=packs.COMMANDS)
    monkeypatch.setattr(packs, "entry_points", lambda group: [entry])
    assert list(packs.commands()) == ["train"]
