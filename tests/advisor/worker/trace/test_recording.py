"""Recordings are made without waking the audit hook that hears what user code reads."""

from __future__ import annotations

import subprocess
import sys

from advisor.worker.trace.recording import identity

COUNTING = """
import sys
from collections import Counter
import torch
from torch import nn
from advisor.worker.trace.sites import Observer
from advisor.worker.trace.tracer import trace

heard = Counter()
layers = 40

def record():
    with Observer() as observer, torch.device("meta"):
        model = nn.Sequential(*[nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()) for _ in range(layers)])
    assert trace(model, (torch.empty(1, 8, 4, 4, device="meta"),), {}, sites=observer.sites).ops == 2 * layers

record()
sys.addaudithook(lambda event, _: heard.update([event]))
record()
print(heard["builtins.id"] / layers, heard["object.__getattr__"] / layers)
"""


def test_identities_are_those_of_objects() -> None:
    things = [object() for _ in range(1000)]
    assert len({identity(thing) for thing in things}) == 1000
    assert identity(things[0]) == identity(things[0])


def test_a_recording_raises_few_audit_events() -> None:
    """For a container of two layers: once it was 30 ids and 44 looks at the code of a frame."""
    command = [sys.executable, "-c", COUNTING]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ids, frames = map(float, done.stdout.split())
    assert ids < 2
    assert frames < 40
