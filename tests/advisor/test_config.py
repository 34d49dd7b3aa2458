"""Settings: where they are found, what is refused and with which words, and that their page is up to date."""

from pathlib import Path

import jsonschema
import pytest

from advisor.config import Config, ConfigError, resolve, settings
from advisor.settings import json_schema, markdown

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def project(tmp_path):
    def write(text: str, folder: str = ".") -> Path:
        place = tmp_path / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "pyproject.toml").write_text(text, encoding="utf-8")
        return place

    return write


def test_without_a_file_the_defaults_hold(tmp_path):
    assert resolve(tmp_path / "net.py") == Config(root=tmp_path)


def test_the_nearest_table_counts_alone(project, tmp_path):
    project('[tool.advisor]\nmin-gain = 5\nignore = ["MEM"]')
    project("[tool.advisor]\nmin-gain = 7", "a/b")
    project("[tool.other]\nx = 1", "a/b/c")
    config = resolve(tmp_path / "a/b/c/net.py")
    assert (config.min_gain, config.ignore, config.root) == (7.0, (), tmp_path / "a/b")
    assert resolve(tmp_path / "a/net.py").min_gain == 5.0


def test_overrides_win_and_none_is_skipped(project, tmp_path):
    project("[tool.advisor]\nmin-gain = 5\njobs = 3")
    config = resolve(tmp_path, {"min_gain": 2, "min-gain": None, "jobs": None, "targets": ["npu-64"]})
    assert (config.min_gain, config.jobs, config.targets) == (2.0, 3, ("npu-64",))


def test_paths_start_from_the_settings_file(project, tmp_path):
    project('[tool.advisor]\npython = ".venv/bin/python"\ntarget-dirs = ["hw"]', "sub")
    config = resolve(tmp_path / "sub/deep/net.py")
    assert config.python == tmp_path / "sub/.venv/bin/python"
    assert config.target_dirs == (tmp_path / "sub/hw",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("min-gian = 1", ["unknown key 'min-gian'", "did you mean 'min-gain'?"]),
        ('min-gain = "1"', ["min-gain", "expected a number from 0 to 100", "min-gain = 2.5"]),
        ("min-gain = true", ["min-gain", "expected a number"]),
        ("targets = []", ["targets", "at least one"]),
        ('select = "CHN"', ["select", "expected a list of strings"]),
        ("jobs = -1", ["jobs", "whole number"]),
        ("time-limit = 0", ["time-limit", "positive"]),
        ("time-limit = nan", ["time-limit", "finite"]),
        ("time-limit = inf", ["time-limit", "finite"]),
        ("min-gain = nan", ["min-gain", "from 0 to 100"]),
        (f"memory-limit = '{'9' * 400}'", ["memory-limit", "4 GiB"]),
        ('models = [{ path = "a.py", name = 3 }]', ["name: expected a non-empty string", 'name = "SegNet"']),
        ('memory-limit = "4 GB/s"', ["memory-limit", "4 GiB"]),
        ("per-file-ignores = [1]", ["per-file-ignores", "expected a table"]),
        ('models = [{ path = "a.py" }]', ["models", "lacks 'name'"]),
        ('models = [{ path = "a.py", name = "N", imput = [1] }]', ["unknown key 'imput'", "did you mean 'input'?"]),
        ('models = [{ path = "a.py", name = "N", input = "x" }]', ["input", "expected a shape"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_and_a_remedy(project, tmp_path, text, words):
    project(f"[tool.advisor]\n{text}")
    with pytest.raises(ConfigError) as caught:
        resolve(tmp_path)
    for word in (*words, str(tmp_path / "pyproject.toml")):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_toml_is_named(project, tmp_path):
    project("[tool.advisor\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml: cannot be read as TOML"):
        resolve(tmp_path)


def test_a_tool_that_is_no_table_is_named(project, tmp_path):
    project("tool = 3\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml: tool: expected a table, got 3"):
        resolve(tmp_path)


@pytest.mark.parametrize(("value", "size"), [("1024", 1024), ('"4 KiB"', 4096), ('"1.5 mb"', 1_500_000)])
def test_sizes(project, tmp_path, value, size):
    project(f"[tool.advisor]\nmemory-budget = {value}")
    assert resolve(tmp_path).memory_budget == size


@pytest.mark.parametrize(
    ("value", "us"),
    [('"2 ms"', 2000.0), ('"1.5us"', 1.5), ('"7 µs"', 7.0), ('"0.25 s"', 250_000.0), ('"3 MS"', 3000.0)],
)
def test_times(project, tmp_path, value, us):
    project(f"[tool.advisor]\nlatency-budget = {value}")
    assert resolve(tmp_path).latency_budget == us


@pytest.mark.parametrize("value", ["2", '"2"', '"ms"', '"-1 ms"', '"0 ms"', '"2 min"', "true"])
def test_a_time_without_its_unit_is_no_budget(project, tmp_path, value):
    project(f"[tool.advisor]\nlatency-budget = {value}")
    with pytest.raises(ConfigError, match=r'latency-budget: expected a time such as "2 ms".*latency-budget = "2 ms"'):
        resolve(tmp_path)


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("[1, 3, 8, 8]", {"args": [{"shape": [1, 3, 8, 8]}], "kwargs": {}}),
        (
            '[[1, 8], { shape = [1, 4], dtype = "int64" }, { value = 3 }]',
            {
                "args": [{"shape": [1, 8]}, {"shape": [1, 4], "dtype": "int64"}, {"value": 3}],
                "kwargs": {},
            },
        ),
        ("{ x = [1, 8] }", {"args": [], "kwargs": {"x": {"shape": [1, 8]}}}),
        (
            "{ batch = { image = [1, 3], pair = [[1, 2], [1, 4]] } }",
            {
                "args": [],
                "kwargs": {
                    "batch": {
                        "dict": {
                            "image": {"shape": [1, 3]},
                            "pair": {"list": [{"shape": [1, 2]}, {"shape": [1, 4]}]},
                        }
                    }
                },
            },
        ),
    ],
)
def test_a_models_input_becomes_what_the_worker_reads(project, tmp_path, text, inputs):
    project(f'[[tool.advisor.models]]\npath = "net.py"\nname = "Net"\nargs = [10]\ninput = {text}')
    (model,) = resolve(tmp_path).models
    assert (model.name, model.args, model.inputs) == ("Net", (10,), inputs)


def test_every_example_of_the_page_is_accepted_by_parser_and_schema(project, tmp_path):
    import sys

    tomllib = pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")
    for key, field in settings():
        example = field.metadata["example"]
        text = example if example.startswith("[[") else f"[tool.advisor]\n{example}"
        project(text)
        assert getattr(resolve(tmp_path), field.name) != field.default, key
        jsonschema.Draft202012Validator(json_schema()).validate(tomllib.loads(text)["tool"]["advisor"])


def test_the_page_is_generated():
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == markdown()
