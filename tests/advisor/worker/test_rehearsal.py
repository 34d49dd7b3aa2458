"""What a child runs while it waits for its request: it must work, and leave nothing that a file could notice."""

from __future__ import annotations

from advisor.worker.warm import REHEARSAL, rehearsal_request

from .audits import Auditor


def test_the_rehearsal_is_an_audit_that_succeeds(auditor: Auditor) -> None:
    path = auditor.write("rehearsal.py", REHEARSAL.read_text())
    candidates = rehearsal_request(path)["candidates"]
    (model,) = [e for e in auditor.run(path, *candidates) if e["event"] == "model"]
    assert (model["status"], model["rung"], model["error"]) == ("ok", "fx-meta", None)


def test_the_rehearsal_leaves_no_trace(auditor: Auditor) -> None:
    source = """
        import os, sys, torch
        from torch import nn

        SEEN = [
            *(name for name in sys.modules if "advisor_rehearsal" in name or name == "rehearsal"),
            *(entry for entry in (*sys.path, *sys.path_importer_cache) if "advisor_rehearsal" in entry),
            *(name for _, _, names in os.walk(os.getcwd()) for name in names),
        ]

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 8, 3)
                raise ValueError(f"seen: {SEEN}")
        """
    path = auditor.write("net.py", source)
    (candidate,) = rehearsal_request(path)["candidates"]
    (model,) = [e for e in auditor.run(path, {**candidate, "name": "Net"}) if e["event"] == "model"]
    assert model["error"]["message"] == "seen: []"
