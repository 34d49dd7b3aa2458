"""Draws the pictures of the README and docs/fixes.md to ``docs/images``: ``make demo``'s report as a terminal shows it,
and what ``advisor fix`` makes of the same model."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax

import advisor
from advisor.reports import console as renderer
from advisor.reports import fixes

HERE = Path(__file__).parent
COLUMNS = 100
MODEL = "torchvision/models/mobilenetv2.py"
TARGET = "ethos-u85-2048"


def main() -> None:
    package = find_spec("torchvision")
    if package is None or package.origin is None:
        raise SystemExit("torchvision is not installed; run `make demo` first")
    packages = Path(package.origin).parents[1]
    _audit(packages)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(packages / "torchvision", Path(folder) / "torchvision")
        _fix(Path(folder))


def _audit(packages: Path) -> None:
    report = advisor.audit(packages / MODEL, target=TARGET)
    # A reader has no use for where the environment lies.
    for model in report.models:
        model.construct = model.construct.replace(f"{packages.relative_to(report.root).as_posix()}/", "")
    report.root = str(packages)
    console = _console(f"$ advisor audit {MODEL} --target {TARGET}")
    renderer.write(report, console)
    _write(console, "audit")


def _fix(folder: Path) -> None:
    """Of a copy: what is installed is nobody's to fix."""
    report = advisor.fix(folder / MODEL, TARGET, unsafe=True, dry=True)
    report.root = str(folder)
    console = _console(f"$ advisor fix {MODEL} --target {TARGET} --unsafe-fixes --diff")
    console.print(Syntax(fixes.diff(report, folder).decode().rstrip("\n"), "diff", theme="ansi_dark", word_wrap=True))
    console.print()
    fixes.write(report, {}, console, dry=True)
    _write(console, "fix")


def _console(command: str) -> Console:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(command, style="bold", highlight=False)
    return console


def _write(console: Console, name: str) -> None:
    svg = console.export_svg(title=f"advisor {name}")
    # The template loads its font from a server; a picture in a README must not. Any monospace font will do.
    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg).replace("Fira Code", "DejaVu Sans Mono")
    svg = svg.replace("<text ", '<text xml:space="preserve" ')
    target = HERE / "images" / f"{name}.svg"
    target.parent.mkdir(exist_ok=True)
    target.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
