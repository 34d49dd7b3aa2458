"""The check of the shipped predictors: what misses a requirement, and measurements that are kept in a folder."""

from __future__ import annotations

from pathlib import Path

from advisor.estimator import SIMULATED
from advisor.estimator.measuring import Unmeasurable
from advisor.estimator.training.journal import Entry, Journal
from advisor.estimator.training.networks import Network, zoo
from advisor.estimator.training.sampling import Sample
from advisor.estimator.training.validation import Decision, Failure, Judged, Validation
from tests.corpus.verify_estimator import DEDICATED, SHARED, Bar, about, failed, kept, page, shared_moves
from tests.estimator.training.fakes import TARGET, Formula
from tests.graphs import mobilenet_v2


def validation(error: float, split: str = "test", families: int = 25) -> Validation:
    """60 networks that are all off by ``error``, as their kernels are."""
    made = Validation("ethos-u55-128", "a test", split)
    made.networks += [
        Judged(f"n{i}", f"f{i % families}", 9.0 + i, (9.0 + i) * (1 + error), None, None, 0.0, (error,))
        for i in range(60)
    ]
    return made


def test_requirements_are_on_errors_and_on_how_many_there_are():
    assert failed(validation(0.02), SHARED) == []
    assert failed(validation(0.05), SHARED) == ["test: mean error 5.0 % > 3 %"]
    assert len(failed(validation(0.2), SHARED)) == 3
    assert failed(validation(0.2), DEDICATED) == ["test: within 10 %: 0.0 % < 75 %"]
    assert failed(validation(0.2), Bar()) == []
    assert failed(validation(0.02, families=19), SHARED) == ["test: 60 networks of 19 families"]
    assert failed(validation(0.02, "final", 19), SHARED) == []


def test_moves_have_to_be_seen_and_to_be_many():
    made = validation(0.0)
    made.decisions += [Decision("n0", "a move", i - 49.5, 49.5 - i) for i in range(100)]
    assert failed(made, SHARED) == ["test: signs 0.0 % < 97 %", "test: Kendall's τ -1.000 < 0.85"]
    assert shared_moves([made, Validation("npu-64", "a test")]) == 100


def entry(network: Network) -> Entry:
    sample = Sample(network.graph, network.family, network.title, True)
    try:
        return Entry(sample, Formula().measure(network.graph, TARGET), 0.1)
    except Unmeasurable as e:
        return Entry(sample, e, 0.1)


def test_kept_measurements_are_of_the_networks_of_today(tmp_path: Path):
    tests, finals = zoo("test")[:3], zoo("final")[:2]
    other = Network("old@224", "timm", tests[0].family, "test", mobilenet_v2())
    for name, networks in (("truth", (*tests, other)), ("final", finals)):
        with Journal(tmp_path / f"{TARGET.name}.{name}.jrn", TARGET, "formula 1") as journal:
            for network in networks:
                journal.append(entry(network))
    looked_at, untouched = kept(TARGET, tmp_path, SIMULATED, "a test", moves=True)
    assert {n.name for n in looked_at.networks} == {n.title for n in tests}
    assert {n.name for n in untouched.networks} == {n.title for n in finals}
    assert kept(TARGET, tmp_path / "none", SIMULATED, "a test", moves=True)[0].networks == []


def test_a_folder_says_how_its_measurements_were_made(tmp_path: Path):
    (tmp_path / "about.txt").write_text("Drawn\nby chance.\n")
    assert "`make verify-estimator` from kept measurements (`JOURNALS=FOLDER`). Drawn by chance." in page(
        [validation(0.02)], {}, about(tmp_path)
    )
    assert about(None) == ""


def test_the_page_shows_no_single_error_of_untouched_networks():
    looked_at, untouched = validation(0.021), validation(0.031, "final")
    untouched.networks[0] = Judged("secret", "f0", 100.0, 150.0, None, None, 0.0, (0.5,))
    untouched.networks[1] = Judged("timm/n", "f1", 100.0, 104.0, None, None, 0.0, (0.04,))
    text = page([looked_at, untouched], {"ethos-u55-128": ["final: something"]}, "")
    assert "| ethos-u55-128 | 1 | 1 | 4.00 % |" in text  # of the libraries of the other splits
    assert "n3 +2.1 %" in text and "| 60 | 25 | 2.10 % | 2.10 % |" in text and "| 60 | 25 | 3.90 % | 3.10 % |" in text
    assert "secret" not in text and "- ethos-u55-128: final: something" in text


def test_what_was_not_measured_is_told_once_with_its_targets():
    made = [validation(0.02), validation(0.02)]
    made[1].target = "ethos-u65-512"
    for v in made:
        v.failures.append(Failure("n", "f", "cannot be measured: op 3: no form of gather; op 9: the same"))
    said = "- n (ethos-u55-128, ethos-u65-512): cannot be measured: op 3: no form of gather"
    assert page(made, {}, "").count("no form of gather") == 1 and said in page(made, {}, "")
