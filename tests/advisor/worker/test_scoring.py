"""The score job in a real worker."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.facts import Facts
from advisor.graph import Graph
from advisor.zeroshot.check import digest

from .audits import Auditor, Event, candidate

NET = """\
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self, width=16):
            super().__init__()
            self.stem = nn.Conv2d(3, width, 3, 2, 1)
            self.norm = nn.BatchNorm2d(width)
            self.head = nn.Linear(width, 10)

        def forward(self, x):
            return self.head(self.norm(self.stem(x)).relu().mean((2, 3)))


    class Other(Net):
        pass
    """


def whole(events: Sequence[Event]) -> list[Event]:
    """The scores, without what was told on the way."""
    return [e for e in events if e["event"] == "score" and not e.get("partial")]


def test_a_model_is_scored_with_the_graph_that_an_audit_gives(auditor: Auditor):
    path = auditor.write("net.py", NET)
    (audited,) = [e for e in auditor.run(path, candidate("Net")) if e["event"] == "model"]
    events = auditor.run(path, candidate("Net"), candidate("Other"), job="score", score={"Net": []})
    (score,) = whole(events)
    assert not [e for e in events if e["event"] in ("model", "skip")]
    assert digest(Graph.from_plain(score["graph"])) == digest(Graph.from_plain(audited["graph"]))
    facts = Facts.from_worker(score["facts"])
    assert facts.value("naswot") is not None
    assert facts.input == "(16, 3, 64, 64)"
    assert [layer.path for layer in facts.layers] == ["stem", "head"]
    assert score["moves"] == []


def test_weights_are_those_that_the_constructor_draws(auditor: Auditor):
    """Small ones fill a network differently than the layers' own."""

    def signal(source: str) -> float:
        path = auditor.write("net.py", source)
        events = auditor.run(path, candidate("Net"), job="score", score={"Net": []})
        (score,) = whole(events)
        return score["facts"]["layers"]["rows"][0][1]

    own = NET.replace(
        "            self.norm", "            nn.init.normal_(self.stem.weight, std=100.0)\n            self.norm"
    )
    assert signal(own) > 50 * signal(NET)


def test_a_network_that_is_known_is_not_scored_again(auditor: Auditor):
    """Nor one of which only the text is another; other weights, or another stride, make another network."""

    def score(source: str, known: list[str]) -> Event:
        path = auditor.write("net.py", source)
        request = {"job": "score", "score": {"Net": []}, "known": {"Net": known}}
        (event,) = whole(auditor.run(path, candidate("Net"), **request))
        return event

    first = score(NET, [])
    assert "facts" in first
    again = score(NET.replace("class Other(Net)", "SCALE = 3\n\n\n    class Another(Net)"), [first["mark"]])
    assert again["mark"] == first["mark"]
    assert "facts" not in again
    for other in (
        NET.replace("3, 2, 1)", "3, 1, 1)"),
        NET.replace("nn.Linear(width, 10)", "nn.Linear(width, 10).half()"),
    ):
        assert "facts" in score(other, [first["mark"]])


def test_what_was_scored_before_the_time_was_up_is_told(auditor: Auditor):
    """A forward that no alarm interrupts for longer than the limit, once it has run a few times."""
    slow = NET.replace("        def forward(self, x):\n", "        def forward(self, x):\n            wait(self)\n", 1)
    slow = slow.replace(
        "    class Net",
        "    def wait(net, calls=[0]):\n"
        "        if not net.stem.weight.is_meta:\n"
        "            calls[0] += 1\n"
        "        if calls[0] > 9:\n"
        "            import signal, time\n"
        "            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n"
        "            time.sleep(60)\n\n\n"
        "    class Net",
        1,
    )
    path = auditor.write("net.py", slow)
    outcome = auditor.worker.run(auditor.request(path, candidate("Net"), job="score", score={"Net": []}, seconds=6.0))
    assert outcome.status == "timeout"
    facts = [Facts.from_worker(e["facts"]) for e in outcome.events if e["event"] == "score"][-1]
    assert facts.value("naswot") is not None
    assert facts.scores["zen"].why == "it was stopped before it"


def test_a_model_that_cannot_run_is_not_scored_and_the_next_one_is(auditor: Auditor):
    broken = NET.replace(
        "class Other(Net):\n        pass",
        "class Other(Net):\n        def forward(self, x):\n            raise KeyError",
    )
    path = auditor.write("net.py", broken)
    events = auditor.run(path, candidate("Other"), candidate("Net"), job="score", score={"Net": [], "Other": []})
    assert [e["name"] for e in whole(events)] == ["Net"]
