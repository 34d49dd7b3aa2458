"""VS Code as code-server serves it: one server with folders of its own, the packed extension installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.client.address import find, holder
from tests.daemon.hubs import kill

from .lab import WORKSPACE, Lab

SECONDS = 60.0
"""No start takes longer."""

NO_GALLERY = json.dumps({"serviceUrl": "http://127.0.0.1:9/", "itemUrl": "", "resourceUrlTemplate": ""})

USER = {
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoUpdate": False,
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "workbench.startupEditor": "none",
    "workbench.enableExperiments": False,
    "workbench.tips.enabled": False,
    "workbench.settings.enableNaturalLanguageSearch": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "chat.disableAIFeatures": True,
    "git.enabled": False,
    "files.autoSave": "off",
    "editor.inlayHints.enabled": "on",
    "editor.minimap.enabled": False,
    "window.autoDetectColorScheme": True,
    "security.workspace.trust.startupPrompt": "never",
    "security.workspace.trust.untrustedFiles": "open",
}
"""Nothing in the way of what is tested."""


class CodeServer:
    """Serves any folder at :meth:`url`; its settings are everybody's (``User``) and this machine's (``Machine``).

    What an extension reads at its start has to be in the latter: VS Code writes the former anew as it starts.
    """

    def __init__(self, lab: Lab, artifacts: Path) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="adv-", dir="/tmp"))  # short: sockets are made in it
        self.artifacts = artifacts
        self.environment = self._environment()
        self._program = [str(lab.node), str(lab.code_server)]
        self._options = ["--user-data-dir", str(self.top / "user"), "--extensions-dir", str(self.top / "extensions")]
        self._options += ["--config", str(self.top / "config.yaml")]
        (self.top / "config.yaml").write_text("auth: none\ncert: false\n", encoding="utf-8")
        self._settings("User", USER)
        self._settings("Machine", {"advisor.server.interpreter": sys.executable})
        self._install(lab.vsix)
        self.log = artifacts / "code-server.log"
        self._process, self.port = self._start()

    def url(self, folder: Path) -> str:
        """Where a browser finds VS Code on ``folder``."""
        return f"http://127.0.0.1:{self.port}/?folder={folder}"

    def project(self, name: str, settings: Mapping[str, Any] | None = None) -> Path:
        """A copy of the workspace, with settings of its own."""
        folder = self.top / name
        shutil.copytree(WORKSPACE, folder, ignore=shutil.ignore_patterns("__pycache__"))
        if settings:
            (folder / ".vscode").mkdir()
            (folder / ".vscode" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        return folder

    def hub(self) -> int | None:
        """The process of the daemon that the editors of this server share."""
        return holder(find(self.environment))

    def close(self) -> None:
        """End everything that was started, and remove all but the logs."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        kill(find(self.environment))
        for log in self.top.glob("user/logs/**/*.log"):
            target = self.artifacts / "logs" / log.relative_to(self.top / "user" / "logs")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(log, target)
        shutil.rmtree(self.top, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "EXTENSIONS_GALLERY": NO_GALLERY, "OMP_NUM_THREADS": "1"}
        for variable in ("RUNTIME_DIR", "CACHE_HOME", "CONFIG_HOME", "DATA_HOME"):
            folder = self.top / variable.split("_")[0].lower()
            folder.mkdir(mode=0o700)
            environment[f"XDG_{variable}"] = str(folder)
        for name in ("VIRTUAL_ENV", "CI", "PYTHONPATH"):
            environment.pop(name, None)
        return environment

    def _settings(self, level: str, values: Mapping[str, Any]) -> None:
        path = self.top / "user" / level / "settings.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values), encoding="utf-8")

    def _install(self, vsix: Path) -> None:
        command = [*self._program, *self._options, "--install-extension", str(vsix)]
        done = subprocess.run(
            command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _start(self) -> tuple[subprocess.Popen[bytes], int]:
        command = [*self._program, *self._options, "--bind-addr", "127.0.0.1:0"]
        command += ["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"]
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and process.poll() is None:
            if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", self.log.read_text(errors="replace")):
                return process, int(found[1])
            time.sleep(0.05)
        raise AssertionError(f"code-server did not start; see {self.log}")
