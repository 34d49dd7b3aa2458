"""``advisor calibrate`` and ``advisor validate`` on the generic accelerator, whose ground truth is a simulation."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from advisor.cli import main
from advisor.estimator.commands import calibrate as calibrating
from advisor.estimator.commands.calibrate import duration
from advisor.estimator.learned.shelf import Shelf
from advisor.estimator.training import fit as fitting
from advisor.estimator.training.calibration import journal_path
from advisor.estimator.training.journal import read
from advisor.targets import load

TARGET = load("npu-64")


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No predictor or measurement of the user's own is read or written."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def started(*arguments: str) -> subprocess.Popen[str]:
    """A calibration that is measuring."""
    command = (
        [sys.executable, "-P", "-m", "advisor"] if sys.version_info >= (3, 11) else [sys.executable, "-m", "advisor"]
    )
    process = subprocess.Popen(
        [*command, "calibrate", "npu-64", "--budget", "1h", *arguments], stderr=subprocess.PIPE, text=True
    )
    path = journal_path(TARGET)
    deadline = time.monotonic() + 180  # it ends as soon as there is something: machines may be busy
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists() and path.stat().st_size > 20_000:
            return process
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"nothing was measured: {process.communicate()[1]}")


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_what_a_killed_run_measured_is_gone_on_from(monkeypatch, capsys):
    process = started()
    workers = children(process.pid)
    process.kill()
    process.communicate()
    kept = len(list(read(journal_path(TARGET))))
    assert kept > 3
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{worker}/stat").exists() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [worker for worker in workers if Path(f"/proc/{worker}/stat").exists()]

    monkeypatch.setattr(fitting, "TREES", 8)
    assert main(["calibrate", "npu-64", "--budget", "12s", "--resume"]) == 0
    assert len(list(read(journal_path(TARGET)))) > kept
    said = capsys.readouterr().out
    assert "wrote " in said and "advisor validate npu-64" in said
    predictor = Shelf().find(TARGET)
    assert predictor is not None and predictor.facts["samples"] > 3

    assert main(["validate", "npu-64", "--networks", "4", "--moves", "20", "--output-dir", "plots"]) == 0
    said = capsys.readouterr().out
    assert said.count("4 of 4 families") == 2 and "mean absolute error" in said and "right sign" in said
    assert "looked at, one by one" in said and "only these totals are shown" in said
    page = Path("plots/npu-64.html").read_text()
    assert "<svg" in page and "<script" not in page and 'src="http' not in page
    assert Path("plots/npu-64.png").read_bytes().startswith(b"\x89PNG") and Path("plots/npu-64.svg").exists()


def test_an_interrupted_run_says_how_to_go_on():
    process = started()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "--resume" in said.splitlines()[-1] and "measurements are kept" in said
    assert len(list(read(journal_path(TARGET)))) > 3


def test_without_resume_the_earlier_measurements_are_moved_aside():
    path = journal_path(TARGET)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something")
    process = started()
    process.kill()
    process.communicate()
    assert path.with_name(path.name + ".old").read_bytes() == b"something"


def test_two_calibrations_of_a_target_do_not_write_one_journal(capsys):
    process = started()
    before = journal_path(TARGET).stat().st_size
    for arguments in ([], ["--resume"]):
        assert main(["calibrate", "npu-64", "--budget", "5s", *arguments]) == 2
        assert "being written by another process" in capsys.readouterr().err
    assert journal_path(TARGET).stat().st_size >= before
    process.kill()
    process.communicate()


def test_where_the_predictor_could_not_be_written_nothing_is_measured(tmp_path, capsys):
    assert main(["calibrate", "npu-64", "-o", str(tmp_path / "none" / "mine.msgpack")]) == 2
    assert "its folder does not exist" in capsys.readouterr().err
    (tmp_path / "data").write_text("in the way")
    assert main(["calibrate", "npu-64"]) == 2
    said = capsys.readouterr().err
    assert "predictors" in said and "name a file with -o" in said
    assert not journal_path(TARGET).exists()


def test_a_journal_cut_off_in_the_middle_is_gone_on_from(monkeypatch):
    process = started()
    process.kill()
    process.communicate()
    path = journal_path(TARGET)
    path.write_bytes(path.read_bytes()[:-5])
    kept = len(list(read(path)))
    monkeypatch.setattr(fitting, "TREES", 8)
    assert main(["calibrate", "npu-64", "--budget", "5s", "--resume"]) == 0
    assert len(list(read(path))) >= kept


def test_a_target_that_nothing_measures_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(calibrating, "backend_for", lambda target: None)
    assert main(["calibrate", "npu-64"]) == 2
    assert "nothing here can measure" in capsys.readouterr().err


def test_a_target_without_predictor_cannot_be_validated(capsys, tmp_path):
    spec = tmp_path / "mine.toml"
    spec.write_text(Path(str(load.__code__.co_filename)).with_name("npu-64.toml").read_text())
    assert main(["validate", str(spec)]) == 2
    assert "advisor calibrate" in capsys.readouterr().err


def test_a_validation_that_cannot_be_written_or_counted_is_refused_before_it_measures(capsys, tmp_path):
    (tmp_path / "plots").write_text("in the way")
    assert main(["validate", "npu-64", "--output-dir", "plots/here"]) == 2
    assert "--output-dir plots/here: Not a directory" in capsys.readouterr().err
    for number in ("0", "-3", "many"):
        with pytest.raises(SystemExit):
            main(["validate", "npu-64", f"--networks={number}"])
        assert "expected a number of 1 or more" in capsys.readouterr().err


def test_fusions_are_compared_with_the_rules(capsys):
    assert main(["calibrate", "npu-64", "--detect-fusion"]) == 0
    said = capsys.readouterr().out
    assert "0 against the target's rules" in said
    assert "fused        conv + relu" in said


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("20m", 1200), ("1.5h", 5400)])
def test_durations(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "20", "m", "-1m", "0s", "20 minutes"])
def test_other_durations_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="20m"):
        duration(text)
