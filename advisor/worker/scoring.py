"""The score job: a file's models, built as the audit job builds them, scored at their initialisation.

Its request is an audit's (``advisor/discovery/request.py``) with ``"job": "score"`` and::

    "score": {NAME: [PLAN, ...]}         # the models to score, each with moves to compare: surgery plans, as
                                         # ``advisor.moves.live.surgery_plan`` makes them
    "known": {NAME: [MARK, ...]}         # optional: networks whose scores for these moves are known

Beside the events ``import``, ``reads`` and ``done`` of an audit it emits, of each model that it could build::

    {"event": "score", "name", "graph", "mark", "facts", "moves"}

``graph`` is the plain graph that the facts are of, ``mark`` names it together with the weights; ``facts`` and ``moves``
are those of :func:`.proxies.score.scored`, left out where the mark is known. There is no mark where the time did not
suffice for all. With ``"partial": true`` the event is what is known so far, and replaced by the next of that name.
"""

from __future__ import annotations

import time
from typing import Any

from torch import nn

from . import sameness
from .feed.specs import Guess
from .job import Attempted, Audit, Emit
from .job import run as audit
from .load.construct import Constructor, evaluation
from .proxies import fresh
from .proxies.rig import Inputs
from .proxies.score import SEED, scored

_SHARE = 0.9
"""The part of the time that may be begun in: what runs then goes on for a while."""


def run(request: dict[str, Any], emit: Emit) -> None:
    """Score what ``request`` asks for within its seconds; never raises for what user code does."""
    audit(request, emit, Scoring)


class Scoring(Audit):
    """An audit that tells scores instead of graphs, and is done when all models that are wanted have theirs."""

    def __init__(
        self, request: dict[str, Any], imported: Any, observer: Any, numbers: Any, emit: Emit, deadline: float
    ) -> None:
        super().__init__(request, imported, observer, numbers, lambda event: None, deadline)
        self.wanted: dict[str, list[dict[str, Any]]] = dict(request["score"])
        self._known: dict[str, list[str]] = dict(request.get("known", {}))
        self._tell = emit

    def _one(self, candidate: dict[str, Any], constructor: Constructor, hints: list[Guess], share: float) -> None:
        if self.wanted:
            super()._one(candidate, constructor, hints, share)

    def _report(self, candidate: dict[str, Any], best: Attempted) -> None:
        super()._report(candidate, best)  # which enters what the model covers
        plans = self.wanted.pop(candidate["name"], None)
        if plans is None or best.build is None or best.trace is None or best.guess is None or not best.worked:
            return
        left = self.deadline - time.monotonic()
        until = time.monotonic() + _SHARE * left / (len(self.wanted) + 1)
        given = Inputs(*best.guess.make("cpu"))
        plain = best.trace.plain
        assert plain is not None  # it worked
        said = {"event": "score", "name": candidate["name"], "graph": plain}
        try:
            model = self._drawn(best)
            mark = f"{sameness.digest(plain)} {fresh.digest(model)}"
            if mark in self._known.get(candidate["name"], ()):
                self._tell({**said, "mark": mark})
                return
            found = scored(model, given, plans, until, lambda part: self._tell({**said, "partial": True, **part}))
        except Exception as e:  # the model's constructor, where it is to draw weights
            why = {"why": f"it could not be built with weights: {type(e).__name__}: {e}"[:300]}
            found = {"facts": why, "moves": [why for _ in plans]}
        else:
            said |= {"mark": mark} if time.monotonic() < until else {}
        self._tell({**said, **found})

    @staticmethod
    def _drawn(best: Attempted) -> nn.Module:
        """The model with the weights that its constructor draws; of one that the import built, weights drawn anew."""
        build = best.build
        assert build is not None
        if build.draw is None:
            return fresh.renewed(build.model, SEED)
        with fresh.drawing(SEED):
            model = evaluation(build.draw())
        if any(t.is_meta for t in (*model.parameters(), *model.buffers())):
            return fresh.renewed(model, SEED)
        return fresh.opened(model.float(), SEED)
