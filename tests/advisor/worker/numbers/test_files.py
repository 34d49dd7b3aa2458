"""Numbers that are read from YAML and JSON files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.numbers import Numbers
from advisor.worker.numbers.files import reading_files
from advisor.worker.numbers.traced import TracedFloat, TracedInt, of_literal

from ..audits import Auditor, candidate

YAML = """\
# é
stem: &w 24
"é": [6, 60, 0x10, 1_000]
depth: 0.33
name: 's60'
twice: *w
none: 0
less: -3
"""
JSON = '{"é \\"1\\"": [6, 60.5,\n  -3, {"w": 64}], "n": 0}'


def at(number: Any) -> str:
    """The text at a number's place, with its line."""
    file, line, column, end_line, end_column = number.step[1].span()
    assert line == end_line
    return f"{line}:{Path(file).read_text(encoding='utf-8').splitlines()[line - 1][column - 1 : end_column - 1]}"


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


LOADERS: dict[str, Callable[[Path], Any]] = {
    "stream": lambda path: yaml.safe_load(path.open(encoding="utf-8")),
    "bytes": lambda path: yaml.safe_load(path.read_bytes()),
    "text": lambda path: yaml.full_load(path.read_text(encoding="utf-8")),
    "C": lambda path: yaml.load(path.open(encoding="utf-8"), Loader=yaml.CSafeLoader),
}


@pytest.mark.parametrize("loader", LOADERS)
def test_yaml(config: Callable[[str, str], Path], loader: str):
    path = config("net.yaml", YAML)
    with reading_files(lambda _: True, lambda: [str(path)]):
        read = LOADERS[loader](path)
    assert read == {
        "stem": 24,
        "é": [6, 60, 16, 1000],
        "depth": 0.33,
        "name": "s60",
        "twice": 24,
        "none": 0,
        "less": -3,
    }
    assert [at(n) for n in (read["stem"], *read["é"][:2], read["é"][3])] == ["2:24", "3:6", "3:60", "3:1_000"]
    assert type(read["depth"]) is TracedFloat and at(read["depth"]) == "4:0.33"
    assert at(read["twice"]) == "2:24" and read["stem"].step[1].kind == "yaml"
    assert {type(read[name]) for name in ("none", "less")} == {int}, "what is no width"
    assert type(read["é"][2]) is int, "what is written otherwise than it is"
    assert type(LOADERS[loader](path)["stem"]) is int, "afterwards all is as it was"


@pytest.mark.parametrize("read", [lambda p: json.load(p.open(encoding="utf-8")), lambda p: json.loads(p.read_bytes())])
def test_json(config: Callable[[str, str], Path], read: Callable[[Path], Any]):
    path = config("net.json", JSON)
    with reading_files(lambda _: True, lambda: [str(path)]):
        found = read(path)
        given = json.loads(JSON, parse_int=str)
    assert found == json.loads(JSON) and given['é "1"'][0] == "6"
    six, half, less, inner = found['é "1"']
    assert [at(six), at(half), at(inner["w"])] == ["1:6", "1:60.5", "2:64"]
    assert (type(less), type(found["n"]), inner["w"].step[1].kind) == (int, int, "json")


def test_files_of_others_and_texts_of_no_file_give_plain_numbers(config: Callable[[str, str], Path]):
    path = config("net.yaml", YAML)
    with reading_files(lambda _: False, lambda: [str(path)]):
        assert type(yaml.safe_load(path.open())["stem"]) is int
    with reading_files(lambda _: True, lambda: []):
        assert type(yaml.safe_load("stem: 24")["stem"]) is int
        assert type(json.loads('{"stem": 24}')["stem"]) is int


def test_traced_numbers_are_written_as_others(config: Callable[[str, str], Path]):
    path = config("net.yaml", "a: [1, 2.5]\n")
    with reading_files(lambda _: True, lambda: [str(path)]):
        read = yaml.safe_load(path.open())
        assert type(read["a"][0]) is TracedInt
        assert yaml.safe_dump(read) == yaml.dump(read) == "a:\n- 1\n- 2.5\n"
        assert json.loads(json.dumps(read)) == {"a": [1, 2.5]}
    assert of_literal is not None


NET = """\
import json, pathlib
from torch import nn
HERE = pathlib.Path(__file__).parent
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        import yaml
        cfg = yaml.safe_load((HERE / "net.yaml").read_text())
        with open(HERE / "head.json") as f:
            head = json.load(f)
        self.a = nn.Conv2d(3, cfg["stem"], 1)
        self.b = nn.Conv2d(cfg["stem"], cfg["stem"] * head["mult"], 1)

    def forward(self, x):
        return self.b(self.a(x))
"""


@pytest.mark.parametrize("unsaved", [False, True])
def test_a_models_widths_lead_to_its_configuration(auditor: Auditor, tmp_path: Path, unsaved: bool):
    settings, head = auditor.write("net.yaml", "stem: 60  # channels\n"), auditor.write("head.json", '{"mult": 2}')
    buffers = {str(settings): "# more\nstem: 60\n"} if unsaved else {}
    event = auditor.audit(NET, candidate("Net"), buffers=buffers)["Net"]
    numbers = Numbers.from_plain(event["graph"]["numbers"])
    step = numbers.step("b", "out_channels")
    assert step is not None
    reached = {numbers.literals[i] for i in numbers.reaches(step)}
    line = 2 if unsaved else 1
    assert {(n.span, n.value, n.kind) for n in reached} == {
        ((str(settings), line, 7, line, 9), 60, "yaml"),
        ((str(head), 1, 10, 1, 11), 2, "json"),
    }
