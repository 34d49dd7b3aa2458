"""Codes to ignore in a pyproject.toml: the entry means what it should, everything else stays."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.config import resolve
from advisor.daemon.lsp.pyproject import ignoring
from advisor.toml import parse_toml

TEXTS = {
    "empty": "",
    "no table": '[project]\nname = "x"',
    "no table, line end": '[project]\nname = "x"\n',
    "bare table": "[tool.advisor]\n",
    "bare table at the very end": "[tool.advisor]",
    "table in the middle": '[tool.advisor]\nmin-gain = 2  # percent\n\n[tool.ruff]\nignore = ["E501"]\n',
    "another's ignore before": '[tool.ruff]\nignore = ["E501"]\n[tool.advisor]\nmin-gain = 2\n',
    "spaced header": "[ tool . advisor ]  # ours\n",
    "list": '[tool.advisor]\nignore = ["CHN102"]\n',
    "empty list": "[tool.advisor]\nignore = []\n",
    "empty list with a comment": "[tool.advisor]\nignore = [  # none ]\n]\n",
    "trailing comma": '[tool.advisor]\nignore = ["CHN102",]\n',
    "lines": '[tool.advisor]\nignore = [\n    "CHN102",  # "]" is no end\n    "IBN",\n    # more\n]\nmin-gain = 2\n',
    "lines without comma": "[tool.advisor]\nignore = [\n\t'CHN102'\n]\n",
    "windows": '[tool.advisor]\r\nignore = [\r\n  "CHN102",\r\n]\r\n',
    "inline table": '[tool]\nadvisor = { ignore = ["IBN"], min-gain = 3 }\n',
    "only a sub-table": '[tool.advisor.per-file-ignores]\n"b.py" = ["CHN"]\n',
    "sub-table that has it": '[tool.advisor]\n[tool.advisor.per-file-ignores]\n"nets/a.py" = ["CHN"]\n',
    "inline per file": '[tool.advisor]\nper-file-ignores = { "b.py" = ["CHN"] }\n',
    "inline per file, empty": "[tool.advisor]\nper-file-ignores = {}\n",
    "inline per file that has it": "[tool.advisor]\nper-file-ignores = { 'nets/a.py' = [\"CHN\"] }\n",
    "header in a string": 'x = """\n[tool.advisor]\n"""\n[tool.advisor]\nmin-gain = 1\n',
}


def expected(text: str, glob: str | None) -> dict[str, Any]:
    table = copy.deepcopy(parse_toml(text))
    ours = table.setdefault("tool", {}).setdefault("advisor", {})
    if glob is None:
        ours.setdefault("ignore", []).append("CHN101")
    else:
        ours.setdefault("per-file-ignores", {}).setdefault(glob, []).append("CHN101")
    return table


@pytest.mark.parametrize("glob", [None, "nets/a.py", "a b/[[]é.py"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_entry_is_added_and_nothing_else_changes(text: str, glob: str | None) -> None:
    entry = ignoring(text, "CHN101", glob)
    assert entry is not None
    after = entry.applied(text)
    assert after.startswith(text[: entry.offset])
    assert after.endswith(text[entry.offset :])
    assert parse_toml(after) == expected(text, glob)
    if "\r\n" in text:
        assert after.count("\n") == after.count("\r\n")


def test_layout_is_kept() -> None:
    entry = ignoring(TEXTS["lines"], "CHN101")
    assert entry is not None
    assert '    "IBN",\n    "CHN101",\n    # more' in entry.applied(TEXTS["lines"])
    new = ignoring(TEXTS["no table"], "CHN101")
    assert new is not None
    assert new.applied(TEXTS["no table"]) == '[project]\nname = "x"\n\n[tool.advisor]\nignore = ["CHN101"]\n'


@pytest.mark.parametrize(
    "text",
    [
        "[tool.advisor\n",
        '[tool.advisor]\nignore = "CHN102"\n',
        "[tool]\nadvisor = 3\n",
        '[tool.advisor]\nignore = ["CHN101"]\n',
        'tool.advisor.min-gain = 2\n[project]\nname = "x"\n',
    ],
    ids=["no TOML", "no list", "no table", "there already", "dotted keys"],
)
def test_what_cannot_be_extended_is_left_alone(text: str) -> None:
    assert ignoring(text, "CHN101") is None


def test_the_settings_are_read_as_meant(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    for glob in (None, "nets/a.py"):
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        entry = ignoring(text, "CHN101", glob)
        assert entry is not None
        file.write_text(entry.applied(text), encoding="utf-8")
    config = resolve(tmp_path / "a.py")
    assert config.ignore == ("CHN101",)
    assert config.per_file_ignores == {"nets/a.py": ("CHN101",)}


@given(st.text(alphabet="[]{}\"'#=,. \n\tabtoladvisrgne-CHN10\\", max_size=120), st.sampled_from([None, "nets/a.py"]))
def test_whatever_stands_there_an_entry_means_what_it_should(noise: str, glob: str | None) -> None:
    text = f'[tool.advisor]\nignore = ["IBN",\n{noise}'
    entry = ignoring(text, "CHN101", glob)
    if entry is not None:
        assert parse_toml(entry.applied(text)) == expected(text, glob)
