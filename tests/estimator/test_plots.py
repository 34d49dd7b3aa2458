"""Figures and pages: files that hold what was asked and load nothing."""

from __future__ import annotations

import pytest

from advisor.estimator import plots

POINTS = [
    plots.Point("near", 1000.0, 1040.0, 900.0, 1150.0),
    plots.Point("exact", 50_000.0, 50_000.0),
    plots.Point("far<off>", 2000.0, 3000.0),
]


def drawn(kind: str):
    if kind == "scatter":
        return plots.scatter(POINTS, "Networks", "vendor estimate")
    if kind == "staircase":
        series = [plots.Series("compiled", [1, 2, 2]), plots.Series("predicted", [1, 2, 3], [0, 1, 2], [2, 3, 4])]
        return plots.staircase({"a": series, "b": series}, [8, 9, 10], "channels", "us")
    return plots.timeline([("a", 2048), ("b", 4096), ("c", 1024)], "Memory", 3000)


@pytest.mark.parametrize("kind", ["scatter", "staircase", "timeline"])
def test_a_figure_is_the_same_file_each_time(kind, tmp_path):
    for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
        files = [tmp_path / f"{i}{suffix}" for i in range(2)]
        for file in files:
            plots.save(drawn(kind), file)
        assert files[0].read_bytes() == files[1].read_bytes()
        assert files[0].read_bytes().startswith(start)


def test_errors_are_relative_to_the_truth():
    assert POINTS[0].error == pytest.approx(0.04)
    assert POINTS[2].error == pytest.approx(0.5)


def test_a_page_escapes_what_it_is_told_and_loads_nothing():
    table = plots.Numbers("Num<bers>", ("name", "value"), [("<b>", "1")])
    page = plots.page("A & B", "said <so>", [("Networks", drawn("scatter"))], [table])
    assert "A &amp; B" in page and "said &lt;so&gt;" in page and "<td>&lt;b&gt;</td>" in page
    assert 'aria-label="Networks"' in page
    assert all(mark not in page for mark in ("<script", "<link", "<img", "<?xml", "url(http"))
