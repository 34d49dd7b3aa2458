"""The packed extension in a real VS Code, at the screen: what a person sees and clicks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

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
