"""The report as Markdown: every model and finding, in a page that renders as it reads."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from advisor.report import Report
from advisor.reports import render
from advisor.reports.markdown import escape

from .samples import report


def rows(text: str) -> list[list[str]]:
    """The cells of the models' table, without its head."""
    part = text.partition("## Models")[2].partition("## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_models_are_listed_costliest_first_with_what_they_cost(tmp_path: Path) -> None:
    sample = report(tmp_path, "npu-64", "cpu-x86")
    text = render(sample, "markdown")
    found = rows(text)
    assert [row[0].partition("]")[0] for row in found] == ["[Net", "[Net", "[odd", "[odd", "[Broken"]
    net = next(row for row in found if row[1] == "npu-64")
    costs = sample.models[0].costs["npu-64"]
    assert net[2].endswith(" simulated") and net[6] == "2"
    assert net[4] == "3.5 M" and " → " in net[7]
    assert found[2][2].endswith("(up to there: partial)") and " + 1 uncounted " in found[2][2]
    assert found[-1][1:6] == ["–", "TypeError: missing \\<cfg>", "–", "–", "–"]
    assert costs.latency_us > 0


def test_findings_stand_under_their_file_with_links_to_their_lines(tmp_path: Path) -> None:
    sample = report(tmp_path)
    text = render(sample, "markdown")
    assert text.startswith(f"# Audit of {escape(tmp_path.name)}\n\n2 files, 3 models, 3 findings on npu-64.\n")
    file = tmp_path / "models" / "größe net.py"
    listed = text.partition(f"### models/{file.name}")[2].partition("###")[0]
    assert listed.count("\n- ") == 2
    assert f"- [line 3]({file.as_uri()}#L3) **CHN101** Net: 60 channels waste 6 % of npu-64" in listed
    assert "[features.0, saves " in listed and "simulated]" in listed
    assert "peak \\<100%, over> budget: now" in listed, "one line each, and no HTML"
    assert "### bad.py\n\n- [line 1](" in text
    assert "| CHN101 | 1 |" in text and "| TRC901 | 1 |" in text


@pytest.mark.parametrize(
    "text", ["![a[]](https://host/x.png)", "[a](https://host)", "one ` and [a](https://host) ` two `", "<img src=x>"]
)
def test_a_text_from_elsewhere_is_shown_as_it_is(text: str) -> None:
    html = MarkdownIt().renderInline(escape(text))
    assert "<img" not in html and "<a " not in html


def test_a_pipe_in_a_name_breaks_no_table(tmp_path: Path) -> None:
    sample = report(tmp_path)
    (file, *_) = sample.files
    file.models[0] = replace(file.models[0], name="a|b")
    assert rows(render(sample, "markdown"))[0][0].startswith("[a\\|b](")


@pytest.mark.parametrize("root", ["", "/"])
def test_nothing_that_was_audited_is_said_so(root: str) -> None:
    assert render(Report(root, ("npu-64",)), "markdown").endswith("\n\n0 files, 0 models, 0 findings on npu-64.\n")
