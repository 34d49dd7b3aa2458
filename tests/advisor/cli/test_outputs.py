"""Which format goes where."""

import argparse

import pytest

from advisor.cli.errors import UsageError
from advisor.cli.outputs import add_output_options, chosen


def pairs(*argv):
    parser = argparse.ArgumentParser()
    add_output_options(parser)
    return chosen(parser.parse_args(argv).outputs)


def test_default_is_console_on_standard_output():
    assert pairs() == [("console", "-")]


def test_a_file_belongs_to_the_format_before_it():
    assert pairs("--output-format", "console", "--output-format", "json", "-o", "r.json") == [
        ("console", "-"),
        ("json", "r.json"),
    ]


def test_a_file_before_any_format_belongs_to_the_first():
    assert pairs("-o", "r.json", "--output-format", "json", "--output-format", "github") == [
        ("json", "r.json"),
        ("github", "-"),
    ]


def test_a_file_alone_takes_the_console_format():
    assert pairs("-o", "report.txt") == [("console", "report.txt")]


@pytest.mark.parametrize(
    "argv",
    [
        ("--output-format", "json", "--output-format", "sarif"),
        ("--output-format", "json", "-o", "r", "--output-format", "sarif", "-o", "r"),
    ],
)
def test_two_formats_in_one_place_are_refused(argv):
    with pytest.raises(UsageError, match="two formats"):
        pairs(*argv)


def test_a_missing_folder_is_refused_before_any_work():
    with pytest.raises(UsageError, match="folder does not exist"):
        pairs("--output-format", "json", "-o", "no/such/folder/r.json")


def test_a_folder_is_refused_before_any_work(tmp_path):
    with pytest.raises(UsageError, match="it is a folder"):
        pairs("-o", str(tmp_path))


def test_a_second_file_without_a_format_is_refused(capsys):
    with pytest.raises(SystemExit):
        pairs("-o", "a", "-o", "b")
    assert "-o b: console has a file already" in capsys.readouterr().err


def test_a_second_file_for_one_format_is_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        pairs("--output-format", "json", "-o", "a", "-o", "b")
    assert stopped.value.code == 2
    assert "has a file already" in capsys.readouterr().err
