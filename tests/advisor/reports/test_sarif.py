"""SARIF validates against the standard's schema, and its fingerprints survive edits elsewhere in the file."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pytest

from advisor.report import FileReport
from advisor.reports import render

from .samples import SOURCE, report

SCHEMA = json.loads(Path(__file__).with_name("sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))


def run_of(sample):
    return json.loads(render(sample, "sarif"))["runs"][0]


def fingerprints(sample):
    return [r["partialFingerprints"]["advisorFinding/v1"] for r in run_of(sample)["results"]]


def test_validates_against_the_standard(tmp_path):
    jsonschema.Draft4Validator(SCHEMA).validate(json.loads(render(report(tmp_path), "sarif")))


def test_the_schema_can_refuse(tmp_path):
    plain = json.loads(render(report(tmp_path), "sarif"))
    plain["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SCHEMA).validate(plain)


def test_locations_are_relative_and_in_code_points(tmp_path):
    run = run_of(report(tmp_path))
    assert run["columnKind"] == "unicodeCodePoints"
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert unquote(place["artifactLocation"]["uri"]) == "models/größe net.py"
    assert " " not in place["artifactLocation"]["uri"]
    assert place["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
    assert place["region"] == {"startLine": 3, "startColumn": 9, "endLine": 3, "endColumn": 11}
    assert run["results"][0]["relatedLocations"][0]["message"]["text"] == "built here"


def test_rules_carry_their_pages(tmp_path):
    run = run_of(report(tmp_path))
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    page = next(r for r in rules if r["id"] == "CHN101")
    assert "Why is this bad?" in page["help"]["markdown"]


def test_fingerprints_survive_edits_elsewhere_and_differ_between_findings(tmp_path):
    sample = report(tmp_path)
    before = fingerprints(sample)
    assert len(set(before)) == len(before)
    file = Path(sample.files[0].file)
    file.write_text("# a new first line\n" + SOURCE, encoding="utf-8")
    for finding in sample.models[0].findings:
        finding.span = finding.span._replace(line=finding.span.line + 1, end_line=finding.span.end_line + 1)
    assert fingerprints(sample) == before


def test_a_fingerprint_changes_with_its_line(tmp_path):
    sample = report(tmp_path)
    before = fingerprints(sample)
    Path(sample.files[0].file).write_text(SOURCE.replace("width = 60", "width = 72"), encoding="utf-8")
    after = fingerprints(sample)
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_equal_findings_are_told_apart(tmp_path):
    sample = report(tmp_path)
    sample.models[0].findings.append(replace(sample.models[0].findings[0]))
    found = fingerprints(sample)
    assert len(set(found)) == len(found)


def test_a_fingerprint_knows_its_file_and_nothing_of_others(tmp_path):
    sample = report(tmp_path)
    alone = fingerprints(sample)
    (net, *_) = sample.models
    copy = tmp_path / "models" / "a copy.py"
    copy.write_text(SOURCE, encoding="utf-8")
    moved = [replace(f, span=f.span._replace(file=str(copy))) for f in net.findings]
    sample.files.insert(0, FileReport(str(copy), [replace(net, file=str(copy), findings=moved)]))
    both = fingerprints(sample)
    assert both[len(moved) :] == alone
    assert len(set(both)) == len(both)


def test_json_and_sarif_give_the_same_fingerprints(tmp_path):
    sample = report(tmp_path)
    sample.models[0].findings[1].overlaps = sample.models[0].findings[0].fingerprint()
    plain = json.loads(render(sample, "json"))
    listed = [f for file in plain["files"] for holder in (file, *file["models"]) for f in holder["findings"]]
    assert {f["fingerprint"] for f in listed} == set(fingerprints(sample))
    overlaps = [r["properties"]["overlaps"] for r in run_of(sample)["results"]]
    assert [f["fingerprint"] for f in listed if f["code"] == "CHN101"] == [o for o in overlaps if o]
