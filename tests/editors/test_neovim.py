"""The plugin in Neovim itself, without a screen, old and new: a person's steps, on the real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import hubs

from . import liar
from .lab import ROOT, WORKSPACE, require

PLUGIN = ROOT / "editor-ext" / "nvim"
SCRIPTS = Path(__file__).with_name("nvim")
ADVISOR = Path(sys.executable).with_name("advisor")
CODE = "CHN101"
SECONDS = 240

Drive = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Folders of a person who has decided nothing yet, and whose daemon is these tests' own."""
    with pytest.MonkeyPatch.context() as patch, hubs.home(patch) as top:
        yield top


@pytest.fixture(params=["nvim_old", "nvim_new"])
def drive(request, home, tmp_path) -> Drive:
    """Runs a script in Neovim, in a copy of the project, and returns what it noted; with ``fails`` also where its
    steps could not all be gone."""
    nvim = getattr(require(request.param), request.param)
    project = tmp_path / "project"
    shutil.copytree(WORKSPACE, project)
    environment = {
        **os.environ,
        "VIRTUAL_ENV": sys.prefix,
        "ADVISOR_PLUGIN": str(PLUGIN),
        "ADVISOR_PERSON": str(SCRIPTS / "person.lua"),
        "ADVISOR_FILE": str(project / "net.py"),
        "ADVISOR_REPORT": str(tmp_path / "report.json"),
        "OMP_NUM_THREADS": "1",
    }
    for variable in ("DATA_HOME", "STATE_HOME"):
        environment[f"XDG_{variable}"] = str(tmp_path / variable.lower())

    def run(script: str, options: dict[str, Any] | None = None, fails: bool = False, **given: str) -> dict[str, Any]:
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        command = [nvim, "--headless", "-u", SCRIPTS / "init.lua", "-i", "NONE", "-c", f"luafile {SCRIPTS / script}"]
        told = {"ADVISOR_OPTIONS": json.dumps(options or {}), **given}
        done = subprocess.run(
            command, env={**environment, **told}, cwd=project, capture_output=True, text=True, timeout=SECONDS
        )
        assert report.exists(), done.stderr
        seen = json.loads(report.read_text())
        if not fails and ("problem" in seen or done.returncode):
            pytest.fail(f"{json.dumps(seen, indent=1, ensure_ascii=False)}\n{done.stderr}", pytrace=False)
        return seen

    return run


def trusting(home: Path, folder: Path) -> None:
    """The person's own settings trust a folder, as they do before an editor is opened."""
    file = home / "config" / "nas-advisor" / "config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'trusted = ["{folder}"]\n')


def test_a_persons_steps_from_the_first_finding_to_its_fix_and_back(drive, home, tmp_path):
    trusting(home, tmp_path)
    seen = drive("flow.lua")
    text = (tmp_path / "project" / "net.py").read_text()
    _finding(seen, text)
    _fix(seen, text)
    _shown(seen, text)
    _commands(seen, text)
    assert f"starting {ADVISOR} lsp (found by VIRTUAL_ENV) for {tmp_path / 'project'}" in seen["log"]
    assert seen["notified"] == []


def _finding(seen: dict[str, Any], text: str) -> None:
    line = _line(text, "self.wide = Block(32, 68)")
    found = [f for f in seen["findings"] if f["code"] == CODE]
    assert {(f["line"], f["column"]) for f in found} == {(line, text.splitlines()[line - 1].index("68"))}
    assert all("68 channels" in f["message"] for f in found)
    assert all(f["href"].startswith("file://") and f["href"].endswith(f"/{CODE}.md") for f in found)
    assert "misaligned-channels" in seen["hover"] and "68 channels" in seen["hover"]


def _fix(seen: dict[str, Any], text: str) -> None:
    assert seen["chosen"].startswith("Set width 68 → 64: saves ") and f"Ignore {CODE} here" in seen["titles"]
    assert seen["fixed"] == text.replace("68", "64")
    assert CODE not in {f["code"] for f in seen["findings_fixed"]} and seen["findings_fixed"]
    assert seen["undone"]


def _shown(seen: dict[str, Any], text: str) -> None:
    by_line = {hint["line"]: hint["label"] for hint in seen["hints"]}
    assert "→ 10 · " in by_line[_line(text, "self.head = nn.Linear(64, classes)")]
    assert [t.partition(":")[0] for t in seen["lenses"][:2]] == ["ethos-u85-1024", "ethos-u55-128"]
    assert "findings · together" in seen["lenses"][2]
    assert seen["lenses"][0] in seen["drawn"]
    assert seen["plain"].startswith("ethos-u85-1024: ") and "ms" in seen["plain"] and "MiB" in seen["plain"]
    assert seen["status"] == f"%#AdvisorNear#{seen['plain'].replace('%', '%%')}%*"  # over the fast memory


def _commands(seen: dict[str, Any], text: str) -> None:
    row = "| `deep.conv` | conv 3×3 | 68×112×112 → 64×112×112 |"
    assert seen["layers"]["filetype"] == "markdown" and not seen["layers"]["modifiable"]
    assert row in seen["layers"]["text"] and "ethos-u55-128" in seen["layers"]["text"]
    assert row in seen["model"] and "ethos-u55-128" not in seen["model"]  # switched to the other target
    assert "ethos-u55-128" in seen["completed"] and all(t.startswith("ethos-u55") for t in seen["completed"])
    assert seen["switched"].startswith("ethos-u55-128: ")
    assert seen["explained"]["text"].startswith(f"# misaligned-channels ({CODE})")
    assert "chn999" in seen["refused"]
    comment = [new for new in seen["told"].splitlines() if new not in text.splitlines()]
    assert len(comment) == 1 and comment[0].startswith("# advisor: input=")


def _line(text: str, what: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if what in line)


def test_a_server_that_answers_wrongly_is_found_out(drive, home, tmp_path):
    trusting(home, tmp_path)
    lying = liar.write(tmp_path / "python", sys.executable)
    command = [str(lying), "-m", "advisor", "lsp"]
    seen = drive("flow.lua", {"cmd": command}, fails=True)
    assert "the first lens says ethos-u96-2135: 2." in seen["problem"]
    assert any("79 channels" in found["message"] for found in seen["findings"])
    text = (tmp_path / "project" / "net.py").read_text()
    for check in (_finding, _fix):
        with pytest.raises(AssertionError):
            check(seen, text)


def test_all_fixes_are_one_step_each_and_reports_are_shown(drive, home, tmp_path):
    trusting(home, tmp_path)
    seen = drive("reports.lua")
    text = (tmp_path / "project" / "net.py").read_text()
    safe = text.replace("padding=1)", "padding=1, bias=False)")
    assert seen["safe"].startswith("advisor: 1 fix applied: ") and "has to be trained" in seen["safe"]
    assert seen["safe_text"] == safe
    assert seen["all"].startswith("advisor: 2 fixes applied") and seen["all_text"] == safe.replace("68", "64")
    assert seen["undone_once"] and seen["undone"]

    assert ":AdvisorAudit!" in seen["auditing"]
    assert seen["audit"].startswith("# Audit of project") and CODE in seen["audit"] and "net.py" in seen["audit"]
    for page in (seen["doctor"], seen["alone"]):
        assert page.startswith("# ") and "torch" in page and "ethos-u85-1024" in page
    assert "import torch" in seen["nowhere"] and ":AdvisorRestart" in seen["nowhere"]


def test_a_server_that_is_killed_comes_back_and_knows_what_was_typed(drive, home, tmp_path):
    trusting(home, tmp_path)
    seen = drive("restart.lua")
    assert seen["children"] == seen["clients"] == 1
    assert seen["line"] == _line((tmp_path / "project" / "net.py").read_text(), "68")
    assert seen["status_without"] == ""


def test_a_server_that_cannot_stay_is_given_up_with_one_sentence(drive, tmp_path):
    seen = drive("giving_up.lua", {"cmd": [sys.executable, "-c", "raise SystemExit(3)"]})
    assert f"the server of {tmp_path / 'project'} ended 4 times in a row" in seen["sentence"]
    assert ":AdvisorLog" in seen["sentence"] and ":AdvisorRestart" in seen["sentence"]
    assert [n["message"].startswith("advisor: ") for n in seen["notified"]].count(True) == 1
    assert seen["attached"] is False and seen["wanted"] is True


def test_trust_is_asked_for_and_then_kept(drive, home, tmp_path):
    (home / "config" / "nas-advisor" / "config.toml").unlink(missing_ok=True)
    project = tmp_path / "project"
    for name, program in ((".venv/bin/advisor", ADVISOR), ("python", sys.executable)):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\ntouch "{project}/{path.name}.started"\nexec "{program}" "$@"\n')
        path.chmod(0o755)
    with (project / "pyproject.toml").open("a") as settings:
        settings.write('python = "python"\n')

    searched = {"VIRTUAL_ENV": "", "PATH": f"{ADVISOR.parent}{os.pathsep}{os.environ['PATH']}"}
    no = drive("trust.lua", ADVISOR_DECIDE="Do not trust", **searched)
    assert no["before"] is no["after"] is False and no["started_before"] == ""
    assert "not run" in no["status"] and no["status"].endswith("(not trusted)")
    assert no["unanswered"] == 0 and json.loads(no["file"][0]) == {str(project): False}
    assert ["not decided" in asked["prompt"] for asked in no["asked"]][-2:] == [True, True]
    assert not list(project.glob("*.started"))

    yes = drive("trust.lua", ADVISOR_DECIDE="Trust it", **searched)
    assert yes["before"] is False and yes["after"] is True and yes["started_before"] == ""
    assert json.loads(yes["file"][0]) == {str(project): True} and yes["mode"] == "rw-------"
    assert "you do not trust it" in yes["asked"][-1]["prompt"]
    assert {path.name for path in project.glob("*.started")} == {"python.started"}

    again = drive("trust.lua", ADVISOR_DECIDE="", **searched)
    assert again["trusted"] is True and again["asked"] == again["notified"] == []
    assert {path.name for path in project.glob("*.started")} == {"python.started", "advisor.started"}
    hint = [n["message"] for n in no["notified"]]
    assert len(hint) == 1 and f"{project} is not trusted" in hint[0] and ":AdvisorTrust" in hint[0]


def _marks(path: Path, marker: Path, program: Path | str) -> None:
    """A program that leaves a trace of its start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n/usr/bin/touch "{marker}"\nexec "{program}" "$@"\n')
    path.chmod(0o755)


@pytest.mark.parametrize("found", ["an advisor", "a python3"])
def test_without_trust_nothing_of_the_project_is_started_or_imported(drive, home, tmp_path, found):
    (home / "config" / "nas-advisor" / "config.toml").unlink(missing_ok=True)
    project = tmp_path / "project"
    for name, program in (("advisor", ADVISOR), ("python3", sys.executable), ("python", sys.executable)):
        _marks(project / ".venv" / "bin" / name, project / f"{name}.started", program)
    (project / ".venv" / "out").symlink_to("/usr/bin")  # leads out of the project, which can change that
    (tmp_path / "in").symlink_to(project / ".venv")
    mark = "import pathlib\npathlib.Path({!r}).touch()\n"
    (project / "advisor.py").write_text(mark.format(str(project / "import.started")))
    (project / "sitecustomize.py").write_text(mark.format(str(project / "site.started")))
    with (project / "pyproject.toml").open("a") as settings:
        settings.write('python = ".venv/bin/python"\n')

    mine = tmp_path / "mine"
    _marks(mine / "python3", tmp_path / "mine.started", sys.executable)
    if found == "an advisor":
        _marks(mine / "advisor", tmp_path / "mine.started", ADVISOR)
    folders = [".venv/bin", str(project / ".venv" / "bin"), str(tmp_path / "in" / "bin"), "", str(mine), "/usr/bin"]
    given = {"PATH": os.pathsep.join([*folders, "/bin"]), "PYTHONPATH": os.pathsep.join(["", ".", str(project)])}
    for environment in (project / ".venv", tmp_path / "in", Path(".venv")):
        seen = drive("untrusted.lua", VIRTUAL_ENV=str(environment), **given)
        assert not list(project.glob("*.started")), environment
        assert (tmp_path / "mine.started").exists()
        assert str(mine) in seen["health"] and ": advisor 0.1.0" in seen["health"]
        assert seen["doctor"].startswith("# advisor doctor") and "not trusted" in seen["doctor"]
        assert seen["foreign"] == {"link out": True, "link in": True, "beside": False, "dots": True, "relative": True}


def test_decisions_that_others_could_have_written_do_not_count(drive, home, tmp_path):
    (home / "config" / "nas-advisor" / "config.toml").unlink(missing_ok=True)
    project = tmp_path / "project"
    for variable in ("data_home", "state_home"):  # Neovim 0.7 keeps it in the first
        file = tmp_path / variable / "nvim" / "advisor" / "trust.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({str(project): True, "/elsewhere": True}))
        file.chmod(0o666)
    seen = drive("trust.lua", ADVISOR_DECIDE="Do not trust")
    assert seen["before"] is seen["after"] is False
    assert any("written by others" in told["message"] for told in seen["notified"])
    assert json.loads(seen["file"][0]) == {str(project): False} and seen["mode"] == "rw-------"


def test_only_torch_starts_it_wrong_options_are_named_and_its_health_is_good(drive, tmp_path):
    project = tmp_path / "project"
    (project / "plain.py").write_text('import os\n\nTEXT = """\nimports torch later\n"""\n')
    (project / "other.py").write_text("WIDTHS = [32, 64]\n")
    (project / "notes.txt").write_text("import torch\n")
    shutil.copytree(PLUGIN / "doc", tmp_path / "copied" / "doc")
    seen = drive("looks.lua", ADVISOR_HELP=str(tmp_path / "copied" / "doc"))
    assert (seen["without"], seen["with"], seen["still"]) == (0, 1, 1)

    problems = seen["problems"][seen["notified_before"] :]
    assert len(problems) == 3
    for name, expected in {
        "cmd": "a list of texts",
        "code_lens": "true or false",
        '"inlay_hint"': "inlay_hints",
    }.items():
        (sentence,) = [p for p in problems if f"{name}" in p.partition(";")[0]]
        assert sentence.startswith("advisor: setup: ") and expected in sentence
    assert seen["settings"] == {"minGain": 3}
    assert "ERROR" in seen["unhealthy"] and "code_lens" in seen["unhealthy"]
    for bad in ("ERROR", "WARNING", "Failed"):
        assert bad not in seen["healthy"], seen["healthy"]
    assert f"{ADVISOR}, found by VIRTUAL_ENV: advisor 0.1.0" in seen["healthy"]
    assert f"a server runs for {project}" in seen["healthy"]
    assert "*advisor-options*" in seen["help"]
