"""``advisor landscape`` as a person runs it."""

from __future__ import annotations

import csv
import json
import sys
from itertools import pairwise

import pytest

from advisor.cli import main

SOURCE = """\
from torch import nn


class Net(nn.Sequential):
    def __init__(self, width=20):
        super().__init__(
            nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 40, 3, padding=1), nn.ReLU(),
            nn.Conv2d(40, 10, 1),
        )


class Other(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3))
"""


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(SOURCE, encoding="utf-8")
    return file


def test_the_figure_the_page_and_the_numbers_are_written(file, tmp_path, capsys):
    out = tmp_path / "plots"
    assert main(["landscape", f"{file}::Net", "--target", "ethos-u55-128", "-o", str(out)]) == 0
    stem = out / "Net-ethos-u55-128"
    assert {p.suffix for p in out.iterdir()} == {".png", ".svg", ".html", ".json", ".csv"}
    assert "curated around it" in capsys.readouterr().out
    assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    page = stem.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count("<svg ") == 2
    assert "Curated multipliers" in page
    assert all(mark not in page for mark in ("<script", "<link", "<img", 'src="', "url(http"))
    document = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    assert document["kind"] in ("predicted", "simulated")
    assert {g["layer"] for g in document["groups"]} == {"0", "2"}
    for line in (document["multiplier"], *document["groups"]):
        costs = [s["latency_us"] for s in line["curated"]]
        assert len(costs) < len(line["real"])
        assert all(a < b for a, b in pairwise(costs))
    with stem.with_suffix(".csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert sum(r["varied"] == "multiplier" and r["curated"] == "0" for r in rows) == len(document["multiplier"]["real"])


def test_one_model_has_to_be_named(file, tmp_path, capsys):
    assert main(["landscape", str(file), "-o", str(tmp_path / "plots")]) == 2
    assert "name one model" in capsys.readouterr().err


def test_a_model_whose_widths_are_all_pinned_is_an_error(file, tmp_path, capsys):
    assert main(["landscape", f"{file}::Other", "-o", str(tmp_path / "plots")]) == 2
    assert "none of its channel counts can change" in capsys.readouterr().err


def test_without_matplotlib_the_remedy_is_named(file, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["landscape", f"{file}::Net", "-o", str(tmp_path / "plots")]) == 2
    assert "pip install 'nas-advisor[plots]'" in capsys.readouterr().err
    assert not (tmp_path / "plots").exists()
