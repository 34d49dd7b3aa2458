"""Selection by code prefix."""

from __future__ import annotations

import pytest

from advisor.selection import Selection, SelectionError, build

CODES = ("CHN101", "CHN102", "IBN201", "MEM401", "SUP001")


def enabled(selection: Selection, file: str = "") -> set[str]:
    return {c for c in CODES if selection.enabled(c, file)}


def test_default_selects_every_code():
    assert enabled(build(CODES)) == set(CODES)


def test_prefix_selects_its_family_only():
    assert enabled(build(CODES, select=["CHN"])) == {"CHN101", "CHN102"}
    assert enabled(build(CODES, select=["CHN1", "MEM401"])) == {"CHN101", "CHN102", "MEM401"}


def test_empty_select_reports_nothing():
    assert enabled(build(CODES, select=[])) == set()


def test_ignore_wins_over_an_equal_selector():
    assert enabled(build(CODES, select=["CHN101"], ignore=["CHN101"])) == set()
    assert enabled(build(CODES, ignore=["ALL"])) == set()


def test_the_more_specific_selector_decides():
    assert enabled(build(CODES, select=["CHN101"], ignore=["CHN"])) == {"CHN101"}
    assert enabled(build(CODES, select=["CHN"], ignore=["CHN101"])) == {"CHN102"}


def test_per_file_ignores_match_names_and_paths():
    s = build(CODES, per_file_ignores={"legacy/*": ["CHN"], "test_*.py": ["ALL"]})
    assert enabled(s, "legacy/deep/net.py") == {"IBN201", "MEM401", "SUP001"}
    assert enabled(s, "src/test_net.py") == set()
    assert enabled(s, "src/net.py") == set(CODES)


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"select": ["CHN999"]}, "select: unknown code 'CHN999'; did you mean 'CHN"),
        ({"ignore": ["mem401"]}, "ignore: unknown code 'mem401'; did you mean 'MEM401'"),
        ({"per_file_ignores": {"a.py": ["SUB001"]}}, "per-file-ignores for 'a.py': unknown code 'SUB001'; did you"),
        ({"select": [""]}, "unknown code ''; known: ALL, CHN, CHN101"),
    ],
)
def test_unknown_codes_are_errors_with_a_suggestion(kwargs, expected):
    with pytest.raises(SelectionError) as e:
        build(CODES, **kwargs)
    assert expected in str(e.value)
