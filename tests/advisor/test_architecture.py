"""The invariants of ARCHITECTURE.md that are about imports, each held by reading the code or by a fresh interpreter."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOUNTED = ("rules", "estimator", "daemon")
STDLIB = sys.stdlib_module_names


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """(absolute module name, whether it runs on import of the file) for every import in ``file``."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    inner = {
        id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)
    }
    inner |= {
        id(n)
        for f in ast.walk(tree)
        if isinstance(f, ast.If) and isinstance(f.test, ast.Name) and f.test.id == "TYPE_CHECKING"
        for n in ast.walk(f)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in inner
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), id(node) not in inner


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def offenders(folder: str, forbidden) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}: {name}"
        for file in files(folder)
        for name, eager in imports(file)
        if forbidden(name, eager, file)
    ]


def top(name: str) -> str:
    return name.partition(".")[0]


def test_the_checks_see_the_code():
    assert len(files("advisor")) > 20
    assert len(files("rules")) > 5
    assert ("..graph", True) in set(imports(ROOT / "advisor/reports/layers.py"))


def test_only_the_daemon_knows_the_language_server_protocol():
    for folder in ("advisor", "rules", "estimator"):
        assert not offenders(folder, lambda name, *_: top(name) in ("pygls", "lsprotocol"))


def test_the_core_imports_none_of_the_mounted_packages():
    names = {f"advisor.{m}" for m in MOUNTED}

    def forbidden(name: str, eager: bool, file: Path) -> bool:
        return top(name) in MOUNTED or any(name == n or name.startswith(n + ".") for n in names)

    assert not offenders("advisor", forbidden)


@pytest.mark.parametrize("folder", MOUNTED)
def test_mounted_packages_reach_the_core_by_its_name(folder):
    """Relative imports that leave the folder would only work where it is mounted."""

    def leaves(name: str, eager: bool, file: Path) -> bool:
        level = len(name) - len(name.lstrip("."))
        return level > len(file.relative_to(ROOT).parts) - 1

    assert not offenders(folder, leaves)


OUTWARD = {"mining", "backends", "commands", "training", "plots", "shelf"}
"""Rooms of the rules and the estimator that read, write or measure; everything else there is pure."""


@pytest.mark.parametrize("folder", ["rules", "estimator"])
def test_rules_and_estimators_are_pure(folder):
    """No torch, no I/O: what they know is the graph and the target."""
    impure = ("torch", "os", "io", "pathlib", "socket", "subprocess", "shutil", "tempfile", "urllib", "sys")

    def forbidden(name: str, eager: bool, file: Path) -> bool:
        return not outward(file) and top(name) in impure

    def outward(file: Path) -> bool:
        return not OUTWARD.isdisjoint((*file.parts, file.stem))

    assert not offenders(folder, forbidden)
    for file in files(folder):
        if outward(file):
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        assert not called & {"open", "print", "input", "exec", "eval", "__import__"}, file


def test_the_worker_is_standard_library_and_torch():
    """It runs under the user's interpreter, where nothing of ours is installed; relative imports stay in its folder."""

    def foreign(name: str, eager: bool, file: Path) -> bool:
        if name.startswith("."):  # within the worker, however deep
            level = len(name) - len(name.lstrip("."))
            return level > len(file.relative_to(ROOT / "advisor/worker").parts)
        # numpy and torchvision are the user's, looked for only where the user's code has them.
        return eager and top(name) not in STDLIB | {"torch"}

    assert not offenders("advisor/worker", foreign)
    assert not offenders("advisor/worker", lambda name, *_: top(name) == "advisor")


def test_nothing_is_unpickled():
    names = ("pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib")
    for folder in ("advisor", "rules", "estimator", "daemon"):
        assert not offenders(folder, lambda name, *_: top(name) in names)


def test_nothing_outside_the_worker_evaluates_or_executes_code():
    for file in (*files("advisor"), *files("rules"), *files("estimator"), *files("daemon")):
        if "worker" in file.relative_to(ROOT).parts:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        assert not called & {"eval", "exec", "compile"}, file


@pytest.mark.parametrize(
    "statement",
    [
        "import advisor",
        "import advisor; dir(advisor)",
        "from advisor import Report, Graph",
        "import advisor.config, advisor.cli",
        "from advisor.packs import pages, estimators; pages(); estimators()",
        "import advisor.daemon.hub, advisor.daemon.lsp.features",
        "import advisor.daemon.jobs",
    ],
)
def test_torch_and_sklearn_load_only_when_needed(statement):
    check = f"{statement}; import sys; print([m for m in ('torch', 'sklearn', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, cwd="/")
    assert done.stdout.strip() == "[]", done.stderr


def test_the_programs_help_loads_no_engine():
    check = (
        "import sys; sys.argv = ['advisor', '--help']\n"
        "from advisor.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('advisor.engine', 'torch', 'rich', 'msgpack') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, cwd="/")
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_hub_loads_no_engine():
    """What analyses is the analysts' part: the hub could do it only by holding up everybody."""
    check = (
        "import advisor.daemon.hub, advisor.daemon.lsp.features, sys\n"
        "print([m for m in ('advisor.session', 'advisor.tracing', 'advisor.estimator') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, cwd="/")
    assert done.stdout.strip() == "[]", done.stderr
