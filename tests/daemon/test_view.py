"""What travels from an analyst to the hub arrives as it was."""

import dataclasses
import os

from advisor.daemon.view import View, digest
from advisor.daemon.viewing import view
from advisor.frames import Decoder, encode
from tests.advisor.reports.samples import SOURCE, report


def sent(made: View) -> View:
    (message,) = Decoder().feed(encode({"id": 1, "result": made.to_plain()}))
    return View.from_plain(message["result"])


def test_a_view_arrives_as_it_was(tmp_path):
    file = report(tmp_path, "npu-64", "cpu-x86").files[0]
    made = view(file, SOURCE, ["npu-64", "cpu-x86"], "traced")
    assert made.places and made.findings and made.notes and len(made.models) == 3
    assert sent(made) == made


def test_a_layer_at_two_places_travels_once(tmp_path):
    made = view(report(tmp_path).files[0], SOURCE, ["npu-64"], "traced")
    (first, *_), twice = made.places, dataclasses.replace(made)
    twice.places = [first, dataclasses.replace(first, created=not first.created)]
    arrived = sent(twice)
    assert arrived == twice
    assert arrived.places[0].instances[0] is arrived.places[1].instances[0]


def test_a_file_without_anything_is_a_view_too():
    made = View("/net.py", digest(""), "static", [])
    assert sent(made) == made


def test_names_of_files_that_are_no_utf_8_travel():
    made = View(os.fsdecode(b"/\xff.py"), digest("\ud800"), "static", [], notes=["\ud800"])
    assert sent(made) == made
