"""The audit job as a whole: which events a file gives, in which order, and within its time."""

from __future__ import annotations

import time

from advisor.graph import Graph

from .audits import Auditor, attempt, candidate, inputs, tensor

NETS = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, width, factor):
        super().__init__()
        self.conv = nn.Conv2d(width, width * factor, 3, padding=1)

    def forward(self, x):
        return self.conv(x)

class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.block = Block(3, 4)
        self.head = nn.Linear(12, classes)

    def forward(self, x):
        return self.head(self.block(x).mean((2, 3)))

class Loss(nn.Module):
    def forward(self, prediction, target):
        return (prediction - target).abs().mean()

class Abstract(nn.Module):
    def forward(self, x):
        raise NotImplementedError

def small():
    return Net(4)

model = Net(7)
"""


def test_a_file_gives_import_models_and_done(auditor: Auditor) -> None:
    path = auditor.write("net.py", NETS)
    events = auditor.run(path, candidate("small", "factory", attempts=[attempt(source="default")]))
    assert [e["event"] for e in events] == ["import", "begin", "model", "reads", "done"]
    model = events[2]
    assert (model["status"], model["rung"], model["error"]) == ("ok", "fx-meta", None)
    assert model["construct"]["shown"] == "small()"
    assert model["input"] == {"source": "first Conv2d", "where": "", "shown": "(1, 3, 224, 224) float32"}
    assert model["covers"] == ["Block", "Net"]
    graph = Graph.from_plain(model["graph"])
    assert graph.connected()
    [conv] = [op for op in graph.ops if op.op == "conv"]
    site = graph.site(conv)
    assert site is not None and (site.file, site.line) == (str(path), 8)


def test_classes_shown_inside_another_model_are_skipped(auditor: Auditor) -> None:
    events = auditor.audit(
        NETS,
        candidate("Block", root=False),
        candidate("small", "factory", attempts=[attempt(source="default")]),
        candidate("Net", attempts=[attempt(source="default")]),
    )
    assert events["Net"]["event"] == events["Block"]["event"] == "skip"
    assert events["Block"]["reason"] == "shown as part of small"


def test_a_class_the_user_described_is_shown_by_itself(auditor: Auditor) -> None:
    told = [inputs(tensor(1, 5, 8, 8), source="directive")]
    events = auditor.audit(
        NETS,
        candidate("Net", attempts=[attempt(source="default")]),
        candidate("Block", root=False, attempts=[attempt("5", "2", source="directive", literal=True)], inputs=told),
    )
    assert events["Block"]["input"]["shown"] == "(1, 5, 8, 8) float32"


def test_a_wrong_input_of_the_user_is_not_replaced_by_a_guess(auditor: Auditor) -> None:
    told = [inputs(tensor(1, 9, 8, 8), source="directive")]
    event = auditor.audit(NETS, candidate("Net", attempts=[attempt(source="default")], inputs=told))["Net"]
    assert event["status"] != "ok" and event["input"]["shown"] == "(1, 9, 8, 8) float32"


def test_losses_and_abstract_bases_are_no_models(auditor: Auditor) -> None:
    events = auditor.audit(
        NETS,
        candidate("Loss", attempts=[attempt(source="default")]),
        candidate("Abstract", attempts=[attempt(source="default")]),
    )
    assert "target" in events["Loss"]["reason"]
    assert "abstract" in events["Abstract"]["reason"]


def test_an_instance_is_its_own_model(auditor: Auditor) -> None:
    event = auditor.audit(NETS, candidate("model", "instance"))["model"]
    assert event["status"] == "ok" and event["construct"]["source"] == "instance"


def test_a_model_that_raises_midway_is_shown_up_to_there(auditor: Auditor) -> None:
    source = NETS.replace(
        "return self.head(self.block(x).mean((2, 3)))", "y = self.block(x)\n        raise ValueError('no')"
    )
    event = auditor.audit(source, candidate("Net", attempts=[attempt(source="default")]))["Net"]
    assert event["status"] == "partial"
    assert (event["error"]["type"], event["error"]["line"]) == ("ValueError", 21)
    assert [op[1] for op in event["graph"]["ops"]] == ["conv"]


def test_one_hanging_constructor_leaves_time_for_the_others(auditor: Auditor) -> None:
    source = NETS + "\ndef hang():\n    while True:\n        pass\n"
    started = time.monotonic()
    events = auditor.audit(
        source,
        candidate("hang", "factory", attempts=[attempt(source="default")]),
        candidate("small", "factory", attempts=[attempt(source="default")]),
        seconds=6.0,
    )
    assert events["hang"]["error"]["type"] == "OutOfTime"
    assert events["small"]["status"] == "ok"
    assert time.monotonic() - started < 30  # the constructor would never end


def test_what_the_time_does_not_reach_is_said(auditor: Auditor) -> None:
    source = "import time\n" + NETS + "\n".join(f"\ndef slow{i}():\n    time.sleep(60)\n" for i in range(4))
    names = [candidate(f"slow{i}", "factory", attempts=[attempt(source="default")]) for i in range(4)]
    events = auditor.audit(source, *names, seconds=3.0)
    assert {events[c["name"]]["error"]["type"] for c in names} == {"OutOfTime"}


def test_a_failure_says_what_to_do(auditor: Auditor) -> None:
    event = auditor.audit("from torch import nn\nNet = 3\n", candidate("Net", "instance"))["Net"]
    assert event["status"] == "failed" and "no nn.Module" in event["error"]["message"]


def test_a_type_that_torch_lacks_is_the_users_to_correct(auditor: Auditor) -> None:
    told = [inputs(tensor(1, 3, 8, 8, dtype="float33"), source="directive")]
    event = auditor.audit(NETS, candidate("Net", attempts=[attempt(source="default")], inputs=told))["Net"]
    assert event["status"] == "failed" and "float33" in event["error"]["message"]


def test_a_trace_that_broke_off_covers_no_class(auditor: Auditor) -> None:
    path = auditor.write(
        "net.py", NETS + "\nclass Broken(Net):\n    def forward(self, x):\n        1 / self.block(x).dim() / 0\n"
    )
    events = auditor.run(path, candidate("Broken", attempts=[attempt(source="default")]))
    [model] = [e for e in events if e["event"] == "model"]
    assert (model["status"], model["covers"]) == ("partial", [])


def test_scopes_where_they_are_asked_for(auditor: Auditor) -> None:
    source = """
    from torch import nn

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.conv = nn.Conv2d(3, width, 1)

        def forward(self, x):
            return nn.Hardswish()(self.conv(x))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            for stage in range(4, 5):
                self.block = Block(8)

        def forward(self, x):
            return self.block(x)
    """
    asked = candidate("Net", attempts=[attempt(source="default")])
    graph = Graph.from_plain(auditor.audit(source, asked, scopes=True)["Net"]["graph"])
    assert graph.modules["block"].scope["stage"] == 4
    assert graph.modules["block.conv"].scope == {}
    assert len(graph.ops) == 2  # a module that the forward made is none of the model's
    plain = auditor.audit(source, asked)["Net"]["graph"]
    assert not any(m.scope for m in Graph.from_plain(plain).modules.values())
