"""The wheel holds every package and data file of the repository, mounted where imports expect them, and it runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from advisor.cli import COMMANDS, PACKED

ROOT = Path(__file__).parents[2]
MOUNTS = {"advisor": "advisor", "rules": "advisor/rules", "estimator": "advisor/estimator", "daemon": "advisor/daemon"}
SHIPPED = (".py", ".toml", ".json", ".typed", ".npz", ".tsv", ".csv", ".xz", ".msgpack")


def sources() -> dict[str, Path]:
    """Path in the wheel → file in the repository, for everything that has to be shipped."""
    return {
        f"{mount}/{file.relative_to(ROOT / folder).as_posix()}": file
        for folder, mount in MOUNTS.items()
        for file in sorted((ROOT / folder).rglob("*"))
        if file.suffix in SHIPPED or file.name == "py.typed"
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel built from a copy, so that the build leaves nothing in the repository."""
    copy = tmp_path_factory.mktemp("source")
    for folder in MOUNTS:
        if (ROOT / folder).is_dir():
            shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    done = subprocess.run([*command, "-w", out, copy], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_every_source_and_data_file(wheel):
    held = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert held == set(sources())


def test_nothing_is_installed_beside_the_one_package(wheel):
    tops = {n.partition("/")[0] for n in zipfile.ZipFile(wheel).namelist()}
    assert {t for t in tops if not t.endswith(".dist-info")} == {"advisor"}


def test_the_wheel_carries_the_licence(wheel):
    assert any(n.endswith("/LICENSE") for n in zipfile.ZipFile(wheel).namelist())


def test_the_unpacked_wheel_runs(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    check = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.meta_path[:] = "
        "[f for f in sys.meta_path if 'Editable' not in getattr(f, '__name__', '')]\n"
        "import advisor.rules, advisor.estimator, advisor.__main__\n"
        f"assert all(m.__file__.startswith({str(tmp_path)!r}) for m in (advisor, advisor.rules, advisor.estimator))\n"
        "sys.argv = ['advisor', 'targets']; sys.exit(advisor.__main__.main())"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "npu-64" in done.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/README.md", "docs/internals.md", "ARCHITECTURE.md"])
def test_links_between_documents_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)", text)
    missing = [link for link in links if "://" not in link and not (ROOT / page).parent.joinpath(link).exists()]
    assert not missing


def test_the_readmes_commands_exist():
    readme, makefile = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "Makefile"))
    targets = set(re.findall(r"^make (\w+)", readme, re.MULTILINE))
    assert targets == {"demo", "test"}
    assert all(re.search(rf"^{t}:", makefile, re.MULTILINE) for t in targets)
    commands = set(re.findall(r"^advisor (\w+)", readme, re.MULTILINE))
    assert commands <= set(COMMANDS) | set(PACKED)
    assert len(commands) >= 5
