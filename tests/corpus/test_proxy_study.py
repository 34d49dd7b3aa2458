"""The study's journal: what it goes on with, and what it scores again."""

from __future__ import annotations

import json
from pathlib import Path

from . import proxy_study

CODE = "00000000"


def study(journal: Path) -> dict[str, proxy_study.Scored]:
    return proxy_study.run([CODE], 1, journal, 60, lambda _: None)


def test_a_network_is_scored_once_and_a_proxy_that_is_another_now_again(tmp_path: Path):
    journal = tmp_path / "journal.jsonl"
    first = study(journal)[CODE]
    assert first.scores.keys() == first.shares.keys() == first.versions.keys() == proxy_study.SOURCES.keys()
    assert study(journal)[CODE] == first
    (line,) = journal.read_text().splitlines()
    old = json.loads(line)
    old["versions"]["synflow"] = "of before"
    old["scores"]["synflow"] = -1.0
    journal.write_text(json.dumps(old) + "\n" + line[: len(line) // 2])  # a run that was killed left half a line
    assert study(journal)[CODE].scores == first.scores
    again = json.loads(journal.read_text().splitlines()[-1])
    assert again["scores"].keys() == {"synflow"}


def test_a_version_is_of_the_code_not_of_what_is_said_about_it(tmp_path: Path):
    def of(text: str) -> str:
        path = tmp_path / "module.py"
        path.write_text(text)
        return proxy_study.digest(path)

    code = "def f(x):\n    return x\n"
    assert of(code) == of('"""Says."""\n' + code + "# says\n")
    assert of(code) != of(code.replace("return x", "return -x"))
