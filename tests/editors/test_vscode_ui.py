"""The packed extension in a real VS Code, at the screen: what a person sees and clicks."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from . import liar
from .lab import ROOT

PICTURES = ROOT / "docs" / "images" / "editors"
COLOURS = 128
"""Of a picture: a third of the bytes, and nobody sees it."""


def smaller(picture: Path) -> None:
    with Image.open(picture) as image:
        image.convert("RGB").quantize(COLOURS).save(picture, optimize=True)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_finding_is_seen_understood_and_fixed(vscode, code_server, facts, dark, request):
    pictures = request.config.getoption("--editor-shots", default=False)
    if dark and not pictures:
        pytest.skip("the same in the dark, for the pictures alone: --editor-shots")
    told = {"facts": facts, "dark": dark}
    if pictures:
        PICTURES.mkdir(parents=True, exist_ok=True)
        told["pictures"] = str(PICTURES)
    vscode.outside("ui/flow.ts", code_server.project(f"ui-{'dark' if dark else 'light'}"), 300, **told)
    for picture in PICTURES.glob(f"*-{'dark' if dark else 'light'}.png") if pictures else ():
        smaller(picture)


def test_a_server_that_answers_wrongly_is_found_out_at_the_screen(vscode, code_server, facts, tmp_path):
    python = liar.write(tmp_path / "python", sys.executable)
    folder = code_server.project("ui-lies", {"advisor.server.interpreter": str(python)})
    said = vscode.outside("ui/flow.ts", folder, 300, facts=facts, dark=False, lying=True)
    (line,) = re.findall(r"^seen (.*)$", said, re.MULTILINE)
    claims = {claim["name"]: (claim["shown"], claim["is"]) for claim in json.loads(line)}
    assert set(claims) == liar.CLAIMS
    unnoticed = {name: shown for name, (shown, true) in claims.items() if shown in ("", true)}
    assert not unnoticed
