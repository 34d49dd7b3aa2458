"""What of the editors comes from Debian."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SOURCES = Path("/etc/apt")

Run = Callable[..., None]


def install_packages(run: Run, packages: Sequence[str]) -> None:
    """Install those of ``packages`` that are not there."""
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
    )
    there = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(" installed")}
    missing = [name for name in packages if name not in there]
    if missing:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "-q", env=environment)
        run("apt-get", "install", "-y", "-q", "--no-install-recommends", *missing, env=environment)


def unpack_neovim(run: Run, into: Path, suite: str) -> None:
    """Neovim of a newer Debian in ``into/root``, started by ``into/nvim``; nothing is installed into the system.

    apt is given folders of its own, in which nothing is installed, so it fetches all that Neovim needs, the C library
    included; the program is started by that library's loader.
    """
    shutil.rmtree(into, ignore_errors=True)
    root, debs, apt = into / "root", into / "debs", into / "apt"
    for folder in (root, debs, apt / "lists" / "partial", apt / "cache" / "archives" / "partial"):
        folder.mkdir(parents=True)
    (apt / "status").touch()
    (apt / "debian.sources").write_text(
        f"Types: deb\nURIs: {_mirror()}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n", encoding="utf-8"
    )
    options = [
        f"Dir::Etc::sourcelist={apt / 'debian.sources'}",
        "Dir::Etc::sourceparts=/dev/null",
        f"Dir::State::lists={apt / 'lists'}",
        f"Dir::State::status={apt / 'status'}",
        f"Dir::Cache={apt / 'cache'}",
        "Acquire::Languages=none",
        "APT::Sandbox::User=root",
    ]
    command = ["apt-get", "-q", *(part for option in options for part in ("-o", option))]
    run(*command, "update")
    plan = subprocess.run(
        [*command, "--simulate", "install", "--no-install-recommends", "neovim"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    run(*command, "download", *re.findall(r"^Inst (\S+)", plan, re.MULTILINE), cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        run("dpkg-deb", "--extract", deb, root)
    libraries = root / "usr" / "lib" / f"{os.uname().machine}-linux-gnu"
    (loader,) = libraries.glob("ld-linux-*.so.*")
    launcher = into / "nvim"
    launcher.write_text(
        f'#!/bin/sh\nVIMRUNTIME="{root}/usr/share/nvim/runtime" '
        f'exec "{loader}" --library-path "{libraries}" "{root}/usr/bin/nvim" "$@"\n',
        encoding="utf-8",
    )
    launcher.chmod(0o755)
    run(launcher, "--version")
    shutil.rmtree(apt)
    shutil.rmtree(debs)


def _mirror() -> str:
    """Where this machine has Debian's packages from."""
    files = [SOURCES / "sources.list", *sorted((SOURCES / "sources.list.d").glob("*"))]
    for file in files:
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            for uri in re.findall(r"^(?:URIs:|deb)\s+(?:\[[^\]]*\]\s+)?(\S+)", text, re.MULTILINE):
                if uri.rstrip("/").endswith("/debian"):
                    return uri
    raise RuntimeError("no source of Debian's packages in /etc/apt: a newer Neovim cannot be had")
