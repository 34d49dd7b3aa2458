"""Draws the README's picture: ``make demo``'s report as a terminal shows it, to ``docs/images/audit.svg``."""

from __future__ import annotations

import io
import re
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

import advisor
from advisor.reports import console as renderer

HERE = Path(__file__).parent
COLUMNS = 100


def main() -> None:
    package = find_spec("torchvision")
    if package is None or package.origin is None:
        raise SystemExit("torchvision is not installed; run `make demo` first")
    file = Path(package.origin).parent / "models" / "mobilenetv2.py"
    report = advisor.audit(file, target="ethos-u85-2048")
    packages = Path(package.origin).parents[1]
    # A reader has no use for where the environment lies.
    for model in report.models:
        model.construct = model.construct.replace(f"{packages.relative_to(report.root).as_posix()}/", "")
    report.root = str(packages)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(
        "$ advisor audit torchvision/models/mobilenetv2.py --target ethos-u85-2048", style="bold", highlight=False
    )
    renderer.write(report, console)
    svg = console.export_svg(title="advisor audit")
    # The template loads its font from a server; a picture in a README must not. Any monospace font will do.
    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg).replace("Fira Code", "DejaVu Sans Mono")
    svg = svg.replace("<text ", '<text xml:space="preserve" ')
    target = HERE / "images" / "audit.svg"
    target.parent.mkdir(exist_ok=True)
    target.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
