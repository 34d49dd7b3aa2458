"""The projects that the long checks of fixes work on, as copies, and the journal of what was done."""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import random
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from advisor.discovery.listing import python_files
from advisor.discovery.project import Project, root
from advisor.discovery.request import discover
from advisor.session import Shared

TARGETS = ("ethos-u85-1024", "ethos-u85-1024-shared", "ethos-u55-128")
SECONDS = 60.0
"""What a file may take to be run."""
PACKAGES = ("torchvision", "timm", "pytorchcv", "segmentation_models_pytorch", "efficientnet_pytorch")


class Journal:
    """What was done, a line for each file and kind of work."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        self._entries: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def values(self, kind: str) -> list[dict[str, Any]]:
        """All that was found by work of a kind."""
        return [value for e in self._entries if e["kind"] == kind for value in e["values"]]

    def work(
        self,
        kind: str,
        jobs: Iterable[tuple[str, Path]],
        processes: int,
        do: Callable[[Path, str], Sequence[Any]],
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """``do`` the jobs (name and path of a file) that are not in the journal yet, in processes, until there is
        ``enough``; dataclasses come back."""
        known = {e["file"] for e in self._entries if e["kind"] == kind}
        left = iter([job for job in jobs if job[0] not in known])
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            running = {pool.submit(do, path, name): name for name, path in islice(left, processes)}
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    self._add(kind, running.pop(future), future.result())
                if not enough():
                    running |= {pool.submit(do, path, name): name for name, path in islice(left, len(done))}

    def _add(self, kind: str, file: str, values: Sequence[Any]) -> None:
        entry = {"kind": kind, "file": file, "values": [asdict(v) for v in values]}
        self._entries.append(entry)
        with self._path.open("a") as out:
            out.write(json.dumps(entry) + "\n")
        print(f"  {kind} {file}: {len(values)}", file=sys.stderr, flush=True)


def parser(about: str | None, work: Path, files: int, seed: int) -> argparse.ArgumentParser:
    """What such a check can be told; ``work``, ``files`` and ``seed`` are its defaults."""
    made = argparse.ArgumentParser(description=about)
    made.add_argument("checkouts", nargs="*", type=Path, metavar="CHECKOUT")
    made.add_argument("--table", type=Path, metavar="FILE")
    made.add_argument("--work", type=Path, default=work, help="copies and the journal")
    made.add_argument("--files", type=int, default=files, help="files of each project")
    made.add_argument("--jobs", type=int, default=2)
    made.add_argument("--seed", type=int, default=seed)
    return made


@cache
def workers() -> Shared:
    """What the files of one process share; it ends with the process."""
    return Shared()


def copies(into: Path, checkouts: Sequence[Path]) -> list[Path]:
    """Packages and checkouts as somebody's own projects."""
    found = []
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None, name
        found.append((f"package_{name}/{name}", Path(spec.origin).parent))
    found += [(c.name, c) for c in checkouts]
    out = []
    for name, source in found:
        copy = into / name
        if not copy.exists():
            shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", ".git"))
        out.append(copy.parent if name.startswith("package_") else copy)
    return out


def files_of(project: Path, most: int, seed: int) -> list[Path]:
    """Files with models, at most so many, chosen by ``seed``."""
    around = Project(root(project) if (project / "__init__.py").exists() else project)
    with_models = []
    files = sorted(python_files(project))
    models = [f for f in files if "models" in f.parts] or files  # of a library, where its models are
    ordered = random.Random(f"{seed} {project.name}").sample(models, len(models))
    for path in ordered:
        if len(with_models) == most:
            break
        if any(c.root or c.kind == "factory" for c in discover(path, around).candidates):
            with_models.append(path)
    return with_models


def jobs_of(projects: Sequence[Path], most: int, seed: int) -> list[tuple[str, Path]]:
    """Files with models and their names, at most so many of a project, in an order that mixes projects: what is
    there when the check is stopped is of all of them."""
    jobs = [
        (f"{project.name.removeprefix('package_')}/{path.relative_to(project).as_posix()}", path)
        for project in projects
        for path in files_of(project, most, seed)
    ]
    random.Random(seed).shuffle(jobs)
    return jobs
