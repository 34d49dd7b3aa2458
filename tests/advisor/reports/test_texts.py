"""What people read: console, GitHub annotations, notebook; and the cells they share."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from advisor.reports import cells, console, render
from advisor.reports.note import note
from advisor.units import time

from .samples import report, with_sites


def test_console_shows_the_model_its_guesses_and_its_findings(tmp_path):
    sample = report(tmp_path)
    text = str(sample)
    assert "Net(width=60)" in text
    assert "(1, 3, 224, 224) float32" in text
    assert "simulated" in text
    assert "models/größe net.py:3:9 CHN101 60 channels" in text
    assert "saves" in text
    assert "all compatible findings together" in text
    assert "3 findings in 3 models (1 traced in full) of 2 files, for npu-64" in text


def test_console_names_what_it_does_not_count_and_why_a_model_failed(tmp_path):
    text = " ".join(str(report(tmp_path)).split())
    assert "torch.special.frobnicate (1): no cost model on npu-64" in text
    assert "TypeError: missing <cfg> at models/größe net.py:5:5" in text


def test_piped_console_output_is_plain_fits_its_width_and_keeps_a_finding_on_one_line(tmp_path):
    sample = report(tmp_path)
    sample.models[0].findings[0].message = "long " * 40 + "end"
    text = str(sample)
    assert "\x1b" not in text
    findings = [line for line in text.splitlines() if " CHN101 " in line]
    assert len(findings) == 1
    assert "end  [features.0, saves" in findings[0]
    assert findings[0].endswith("(6 %), simulated]")
    assert max(len(line) for line in text.splitlines() if line not in findings) <= console.WIDTH


def test_long_file_names_do_not_cut_figures_off(tmp_path):
    made = report(tmp_path)
    model = made.files[0].models[0]
    model.graph = with_sites(model.graph, str(tmp_path / "vision_transformer_with_relative_positions.py"))
    lines = render(made, "console").splitlines()
    top = next(i for i, line in enumerate(lines) if line.split()[:2] == ["line", "layer"])
    rows = lines[top + 1 : top + 1 + console.TOP_LAYERS]
    assert all(re.search(r"visi…ions\.py:\d+  .*  \d+\.\d+ (ms|us)  \S+ +\d+\.\d %$", row) for row in rows), rows
    assert max(map(len, rows)) <= console.WIDTH


def test_console_colours_on_a_terminal(tmp_path):
    out = io.StringIO()
    console.write(report(tmp_path), Console(file=out, force_terminal=True, width=100))
    assert "\x1b[" in out.getvalue()


def test_user_text_is_never_read_as_markup(tmp_path):
    sample = report(tmp_path)
    sample.models[0].findings[0].message = "[bold]x[/bold] [/nonsense]"
    assert "[bold]x[/bold] [/nonsense]" in str(sample)


def test_github_escapes_what_would_end_a_command(tmp_path):
    lines = render(report(tmp_path), "github").splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(
        "::warning file=models/größe net.py,line=3,endLine=3,title=advisor CHN101,col=9,endColumn=11::60 channels"
    )
    assert lines[1].endswith("::peak <100%25, over> budget:%0Anow")
    assert "col=" not in lines[1]
    assert lines[2].startswith("::error file=bad.py")


def test_github_properties_escape_separators(tmp_path):
    sample = report(tmp_path)
    finding = sample.models[0].findings[0]
    finding.span = finding.span._replace(file=str(tmp_path / "a,b:c.py"))
    assert "file=a%2Cb%3Ac.py," in render(sample, "github")


def test_html_escapes_user_text(tmp_path):
    html = report(tmp_path)._repr_html_()
    assert "missing &lt;cfg&gt;" in html
    assert "<cfg>" not in html
    assert "CHN101" in html


@pytest.mark.parametrize(
    ("n", "text"),
    [(0, "0"), (999, "999"), (1000, "1 k"), (10_830, "10.8 k"), (999_999, "1 M"), (4_090_000_000, "4.09 G")],
)
def test_count(n, text):
    assert cells.count(n) == text


@given(st.floats(-1, 2), st.integers(0, 40))
def test_a_bar_never_exceeds_its_width(fraction, width):
    assert len(cells.bar(fraction, width)) <= width


def test_shorten_keeps_both_ends():
    text = cells.shorten("features.12.block.depthwise.conv", 16)
    assert len(text) == 16
    assert text.startswith("feat")
    assert text.endswith("wise.conv")


def test_a_note_leaves_out_what_the_message_says(tmp_path):
    finding = report(tmp_path).models[0].findings[0]
    assert "saves" in note(finding, several=False)
    finding.message += f": saves {time(finding.gain_us)} on {finding.target}"
    assert note(finding, several=True) == "features.0, simulated"
