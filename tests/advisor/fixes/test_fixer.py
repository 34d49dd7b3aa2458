"""Fixes of real files, traced by a real worker: what is offered is what the edited file becomes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.equivalence import equivalent
from advisor.findings import Finding
from advisor.fixes.compose import Offered
from advisor.fixes.edits import Edit, apply, by_file
from advisor.fixes.fix import Fix, digest
from advisor.fixes.fixer import Fixer
from advisor.fixes.proposal import Proposal, Unfixable
from advisor.moves import SetWidth, from_plain
from advisor.plan import Plans
from advisor.report import FileReport, ModelReport
from advisor.session import Cancelled, Session
from advisor.texts import Texts

HEAD = "import torch\nfrom torch import nn\n\n"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(Plans({"targets": ["ethos-u85-1024"], "min_gain": 0, "select": ["CHN"]})) as opened:
        yield opened


def audited(session: Session, tmp_path: Path, body: str, name: str = "net.py") -> tuple[Path, FileReport]:
    path = tmp_path / name
    path.write_text(HEAD + textwrap.dedent(body).lstrip("\n"))
    report = session.file(path)
    assert report is not None and all(m.status == "ok" for m in report.models), report
    return path, report


def finding(report: FileReport, layer: str, model: str = "Net") -> tuple[ModelReport, Finding]:
    found = [(m, f) for m in report.models if m.name == model for f in m.findings if layer in f.layers]
    assert found, [f for m in report.models for f in m.findings]
    return found[0]


def fixed(path: Path, fix: Fix) -> dict[str, str]:
    return {file: apply(Path(file).read_text(), edits) for file, edits in by_file(fix.edits).items()}


TWO = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 60, 3, padding=1)  # sixty
        self.n = nn.BatchNorm2d(60)
        self.b = nn.Conv2d(60, 256, 3, padding=1)

    def forward(self, x):
        return self.b(self.n(self.a(x))).mean((2, 3))
"""


def test_a_fix_makes_of_the_file_what_its_move_makes_of_the_graph(session: Session, tmp_path: Path) -> None:
    path, report = audited(session, tmp_path, TWO)
    model, about = finding(report, "a")
    fixer = Fixer(session, path, Texts())
    fix = fixer.fix(model, about)
    assert (
        fix.applicability == "unsafe" and fix.gain_us is not None and fix.base == {str(path): digest(path.read_text())}
    )
    assert Fix.from_plain(fix.to_plain()) == fix
    text = fixed(path, fix)[str(path)]
    width = next(iter(fix.edits)).text
    assert text == path.read_text().replace("60", width).replace("# sixty", "# sixty")
    path.write_text(text)
    again = session.file(path)
    assert again is not None and model.graph is not None and again.models[0].graph is not None
    assert equivalent(from_plain(fix.move).apply(model.graph), again.models[0].graph) == []
    assert not any(about.code == f.code and "a" in f.layers for f in again.models[0].findings)
    assert fixer.defects == []


def test_widths_of_a_table_and_of_arithmetic_in_another_file(session: Session, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "blocks.py").write_text(
        HEAD
        + "def even(x, by=4):\n    return int(x + by / 2) // by * by\n\n\n"
        + "class Block(nn.Sequential):\n    def __init__(self, c, o):\n"
        + "        super().__init__(nn.Conv2d(c, even(o * 1.0), 3, padding=1), nn.ReLU())\n"
    )
    path, report = audited(
        session,
        tmp_path,
        """
        from blocks import Block

        ROWS = [(3, 60), (60, 256)]


        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.f = nn.Sequential(*[Block(c, o) for c, o in ROWS])

            def forward(self, x):
                return self.f(x).mean((2, 3))
        """,
    )
    model, about = finding(report, "f.0.0")
    fix = Fixer(session, path, Texts()).fix(model, about)
    assert {(e.span.file, e.span.line) for e in fix.edits} == {(str(path), 6)} and len(fix.edits) == 2


def test_edits_that_come_out_otherwise_are_no_fix_but_a_defect(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, report = audited(session, tmp_path, TWO)
    model, about = finding(report, "a")
    from advisor.fixes import fixer as module

    def wrong(scene: object, moves: object) -> Iterator[Proposal]:
        line = next(i for i, text in enumerate(path.read_text().split("\n"), 1) if "BatchNorm" in text)
        from advisor.graph import Span

        yield Proposal((Edit(Span(str(path), line, 9, line, 9), "self.more = nn.ReLU(); "),), SetWidth(0, 48))

    monkeypatch.setattr(module, "renderer", lambda kind: wrong)
    fixer = Fixer(session, path, Texts())
    with pytest.raises(Unfixable, match="came out otherwise than predicted"):
        fixer.fix(model, about)
    assert len(fixer.defects) >= 1 and "on Net: " in str(fixer.defects[0])


def test_a_width_that_nobody_wrote_has_a_reason(session: Session, tmp_path: Path) -> None:
    path, report = audited(session, tmp_path, TWO.replace("60", "len('x' * 60)"))
    model, about = finding(report, "a")
    with pytest.raises(Unfixable) as raised:
        Fixer(session, path, Texts()).fix(model, about)
    assert raised.value.reason


def test_fixes_compose_and_what_conflicts_is_refused(session: Session, tmp_path: Path) -> None:
    path, report = audited(
        session,
        tmp_path,
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.a = nn.Conv2d(3, 60, 3, padding=1)
                self.b = nn.Conv2d(60, 100, 3, padding=1)
                self.c = nn.Conv2d(100, 256, 3, padding=1)

            def forward(self, x):
                return self.c(self.b(self.a(x))).mean((2, 3))
        """,
    )
    fixer = Fixer(session, path, Texts())
    offered: list[Offered] = []
    for layer in ("a", "b"):
        model, about = finding(report, layer)
        offered.append((model, about, fixer.fix(model, about)))
    composed = fixer.compose(offered)
    assert len(composed.kept) == 2 and not composed.refused
    assert composed.fix is not None and composed.fix.gain_us is not None
    assert composed.fix.title.startswith("2 fixes together")
    path.write_text(apply(path.read_text(), composed.edits))
    again = session.file(path)
    model = offered[0][0]
    assert again is not None and model.graph is not None and again.models[0].graph is not None
    assert equivalent(from_plain(composed.fix.move).apply(model.graph), again.models[0].graph) == []

    model, about, fix = offered[0]
    other = Fix(**{**{k: getattr(fix, k) for k in fix.__slots__}, "gain_percent": -1.0})
    other.edits = tuple(e._replace(text="8") for e in fix.edits)
    refused = fixer.compose([(model, about, fix), (model, about, other)]).refused
    assert len(refused) == 1 and "would become both" in refused[0][1]


def test_other_models_that_share_the_number_are_named(session: Session, tmp_path: Path) -> None:
    path, report = audited(
        session,
        tmp_path,
        """
        WIDTH = 60


        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.a = nn.Conv2d(3, WIDTH, 3, padding=1)
                self.b = nn.Conv2d(WIDTH, 256, 3, padding=1)

            def forward(self, x):
                return self.b(self.a(x)).mean((2, 3))


        class Small(nn.Module):
            def __init__(self):
                super().__init__()
                self.a = nn.Conv2d(3, WIDTH, 3, padding=1)

            def forward(self, x):
                return self.a(x).mean((2, 3))
        """,
    )
    model, about = finding(report, "a")
    fix = Fixer(session, path, Texts(), models=report.models).fix(model, about)
    assert len(fix.edits) == 1 and fix.note == "also changes Small"


def test_a_caller_can_stop_it(session: Session, tmp_path: Path) -> None:
    path, report = audited(session, tmp_path, TWO)
    model, about = finding(report, "a")
    with pytest.raises(Cancelled):
        Fixer(session, path, Texts(), stopped=lambda: True).fix(model, about)


def test_one_model_is_traced_alone_under_other_texts(session: Session, tmp_path: Path) -> None:
    path, _ = audited(session, tmp_path, TWO + TWO.replace("Net", "Other"))
    report = session.trace(path, Texts({path: path.read_text().replace("60", "64")}), ["Net"])
    assert report is not None and [m.name for m in report.models] == ["Net"]
    (model,) = report.models
    assert model.graph is not None and model.graph.ops[0].weights and model.findings == [] and model.costs == {}
    assert model.graph.shape(model.graph.ops[0].outputs[0])[1] == 64


def test_a_renderer_that_fails_costs_its_fix_and_nothing_else(session, tmp_path, monkeypatch):
    path, report = audited(session, tmp_path, TWO)
    model, found = finding(report, "a")

    def broken(scene, moves):
        raise ZeroDivisionError("of ours")
        yield

    monkeypatch.setattr("advisor.fixes.fixer.renderer", lambda kind: broken)
    with pytest.raises(Unfixable, match=r"failed \(ZeroDivisionError: of ours, test_fixer\.py:\d+\): please report"):
        Fixer(session, path, Texts()).fix(model, found)


def test_a_model_that_is_traced_in_part_has_no_fixes(session, tmp_path):
    path, report = audited(session, tmp_path, TWO)
    model, found = finding(report, "a")
    fixer = Fixer(session, path, Texts())
    with pytest.raises(Unfixable, match="could not be traced to its end"):
        fixer.fix(replace(model, status="partial"), found)
    assert fixer.verifier.runs == 0
