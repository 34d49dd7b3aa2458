"""Runs the programs in ``vscode/`` that drive VS Code, and says where to look when one fails."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from advisor.client.address import find

from .codeserver import CodeServer
from .lab import VSCODE, Lab

TESTS = {"name": "tests", "publisher": "nas-advisor", "version": "0.0.1", "engines": {"vscode": "^1.91.0"}}


class Result(NamedTuple):
    """What came of one test inside VS Code."""

    name: str
    ms: int
    error: str = ""


class Driver:
    """Windows on one code-server."""

    def __init__(self, lab: Lab, server: CodeServer) -> None:
        self.lab, self.server = lab, server

    def inside(
        self,
        suite: str,
        folder: Path,
        facts: Mapping[str, str],
        *,
        asks_for_trust: bool = False,
        python: bool = False,
        limit: int = 300,
    ) -> list[Result]:
        """Run a suite of ``vscode/api`` in a window on ``folder``; ``limit`` in seconds.

        With ``python`` the window has a Python extension, the one in ``vscode/python``.
        """
        tests = self._bundle(python)
        artifacts = self.server.artifacts / suite
        artifacts.mkdir(parents=True, exist_ok=True)
        results = artifacts / "results.json"
        results.unlink(missing_ok=True)
        job = {
            **self._job(folder, artifacts, asks_for_trust),
            "tests": str(tests),
            "suite": suite,
            "results": str(results),
            "facts": dict(facts),
            "limit": limit,
            "lock": find(self.server.environment).lock,
        }
        said = self._node("inside.ts", job, artifacts, limit + 60)
        if not results.exists():
            raise AssertionError(f"no test of {suite} ran; see {artifacts} and {self.server.log}:\n{said[-3000:]}")
        found = [Result(**one) for one in json.loads(results.read_text(encoding="utf-8"))]
        if "ended with 0" not in said and not any(result.error for result in found):
            raise AssertionError(f"{suite} did not end after {found[-1].name}; see {artifacts}:\n{said[-3000:]}")
        return found

    def outside(self, program: str, folder: Path, limit: int, **told: Any) -> str:
        """Run ``program``, a file in ``vscode/``, on a window on ``folder``; what it printed. ``limit`` in seconds."""
        artifacts = self.server.artifacts / folder.name
        artifacts.mkdir(parents=True, exist_ok=True)
        said = self._node(program, {**self._job(folder, artifacts, asks_for_trust=False), **told}, artifacts, limit)
        assert "ended with 0" in said, f"{program} failed; see {artifacts}:\n{said[-4000:]}"
        return said

    def _job(self, folder: Path, artifacts: Path, asks_for_trust: bool) -> dict[str, Any]:
        return {
            "url": self.server.url(folder),
            "chromium": str(self.lab.chromium),
            "artifacts": str(artifacts),
            "asksForTrust": asks_for_trust,
        }

    def _node(self, program: str, job: Mapping[str, Any], artifacts: Path, limit: int) -> str:
        log = artifacts / "driver.log"
        with log.open("w") as output:
            command = [str(self.lab.node), str(VSCODE / program), json.dumps(job)]
            try:
                subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=limit)
            except subprocess.TimeoutExpired:
                output.write(f"\nstopped after {limit} s\n")
        return log.read_text(encoding="utf-8", errors="replace")

    def _bundle(self, python: bool) -> Path:
        """The tests as one file that VS Code loads as those of an extension in development."""
        folder = self.server.top / ("inside-python" if python else "inside")
        if not folder.exists():
            folder.mkdir()
            manifest = json.dumps(TESTS)
            sources = [VSCODE / "api" / "index.ts"]
            if python:  # there is one extension in development: the tests are its own then
                manifest = (VSCODE / "python" / "package.json").read_text(encoding="utf-8")
                sources.append(VSCODE / "python" / "extension.ts")
            (folder / "package.json").write_text(manifest, encoding="utf-8")
            command = [str(VSCODE / "node_modules" / ".bin" / "esbuild"), *map(str, sources), "--bundle"]
            command += ["--platform=node", "--format=cjs", "--external:vscode", "--sourcemap=inline"]
            command += [f"--outdir={folder}", "--entry-names=[name]"]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        return folder
