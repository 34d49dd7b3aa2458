"""The migrate job: one model of a file, with the weights of a checkpoint.

Its request is an audit's (``advisor/discovery/request.py``) with ``"job": "migrate"`` and::

    "migrate": {
      "model": NAME,
      "checkpoint": "/abs/path/old.pt",
      "plan": null | PLAN,          # Plan.to_plain() of advisor/migration/plan.py; null: the model is the checkpoint's
      "names": [ENTRY, ...],        # with a plan: the entries of the old model's state dict
      "inputs": null | INPUTS,      # with a plan: what the old model was called with
      "expected": null | OUTPUTS    # with a plan: what it made of them, seeded
    }

Beside the events of an audit that the import and the reads are it emits one of::

    {"event": "migrated", "graph", "names", "inputs": INPUTS, "outputs": OUTPUTS or null, "why", "states": [STATE, ...],
     "dropped", "difference", "largest"}
    {"event": "refused", "why"}

and, of a plan that was carried out, the new checkpoint in pieces: ``{"event": "piece", "data"}`` in Base64, then
``{"event": "written", "bytes", "sha256"}``. ``OUTPUTS`` are numbers of what the model made, the same ones each time.
``STATE`` is ``{"at", "errors", "kept", "dropped", "extra"}``; ``why`` says why there are no outputs. The child may not
write outside of its scratch folder, and need not: its parent does.
"""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

import torch
from torch import Tensor, nn

from .feed.specs import Guess, Spec, requested
from .job import Attempted, Audit, Emit
from .job import run as audit
from .load.construct import Constructor, evaluation
from .migrating.carry import CarryError, carry
from .migrating.checkpoint import Checkpoint, CheckpointError, save
from .proxies import fresh
from .proxies.rig import Inputs, call, gaussian
from .proxies.score import SEED
from .trace import trees

_PIECE = 3 << 20
"""Bytes sent at once, a multiple of three for Base64."""
_LOAD = nn.Module.load_state_dict
"""As torch has it; while a file is audited, modules load nothing (``load/downloads.py``)."""
_SAMPLED = 100_000
"""Numbers of the outputs that are compared, spread evenly."""


def run(request: dict[str, Any], emit: Emit) -> None:
    """Migrate what ``request`` asks for within its seconds; never raises for what user code does."""
    audit(request, emit, Migration)


class Migration(Audit):
    """An audit that is done when the model that is wanted has its weights."""

    def __init__(
        self, request: dict[str, Any], imported: Any, observer: Any, numbers: Any, emit: Emit, deadline: float
    ) -> None:
        super().__init__(request, imported, observer, numbers, lambda event: None, deadline)
        self.wanted: dict[str, Any] = request["migrate"]
        self.done = False
        self._tell = emit

    def _one(self, candidate: dict[str, Any], constructor: Constructor, hints: list[Guess], share: float) -> None:
        if not self.done:
            super()._one(candidate, constructor, hints, share)

    def _report(self, candidate: dict[str, Any], best: Attempted) -> None:
        super()._report(candidate, best)  # which enters what the model covers
        if candidate["name"] != self.wanted["model"]:
            return
        self.done = True
        try:
            if best.build is None or best.trace is None or best.guess is None or not best.worked:
                raise CheckpointError("it could not be built and run again as it was before")
            self._migrate(best, best.guess)
        except (CarryError, CheckpointError) as e:
            self._tell({"event": "refused", "why": str(e)})
        except Exception as e:  # user code: the constructor, where it is to draw weights
            self._tell({"event": "refused", "why": f"it could not be given weights: {type(e).__name__}: {e}"[:400]})

    def _migrate(self, best: Attempted, guess: Guess) -> None:
        assert best.trace is not None
        model = _drawn(best)
        checkpoint = Checkpoint(self.wanted["checkpoint"])
        plan = self.wanted["plan"]
        if self.wanted["inputs"] is not None:
            guess = requested(self.wanted["inputs"])
        found = checkpoint.states(self.wanted["names"] if plan is not None else list(model.state_dict()))
        said: dict[str, Any] = {
            "event": "migrated",
            "graph": best.trace.plain,
            "names": list(model.state_dict()),
            "inputs": _plain(guess),
        }
        states: list[dict[str, Any]] = []
        new: list[tuple[Any, dict[str, Tensor]]] = []
        for one in found:
            state = one.state
            report: dict[str, Any] = {"at": ".".join(map(str, one.at)), "extra": one.extra}
            if plan is not None:
                carried = carry(one.state, model.state_dict(), plan)
                state = carried.state
                report |= {"errors": carried.errors, "kept": carried.kept, "dropped": carried.dropped}
            new.append((one, state))
            states.append(report)
        outputs, why = self._outputs(model, new[0][1], guess)
        said |= {"states": states, "outputs": outputs, "why": why, "dropped": [], **self._compared(outputs)}
        if plan is None:
            self._tell(said)
            return
        content, said["dropped"] = checkpoint.replaced(new)
        self._tell(said)
        self._write(content)

    def _outputs(self, model: nn.Module, state: dict[str, Tensor], guess: Guess) -> tuple[dict[str, Any] | None, str]:
        """What the model makes of seeded inputs with the weights of ``state``, or why nothing can be said."""
        problems = _LOAD(model, state, strict=False)
        parameters = {name for name, _ in model.named_parameters()}
        if missing := parameters & set(problems.missing_keys):
            some = ", ".join(sorted(missing)[:3])
            raise CheckpointError(f"the checkpoint lacks {len(missing)} of the model's parameters: {some}")
        try:
            with torch.no_grad(), fresh.drawing(SEED):
                made = call(evaluation(model), gaussian(Inputs(*guess.make("cpu")), SEED))
        except Exception as e:  # the model's own forward, on real tensors
            return None, f"its forward raised {type(e).__name__}: {e}"[:300]
        flat = [t.detach().double().flatten() for t in trees.tensors(made) if t.is_floating_point()]
        if not flat:
            return None, "it makes no floating-point tensors"
        values = torch.cat(flat)
        step = max(1, values.numel() // _SAMPLED)
        return {"numbers": values.numel(), "values": values[::step].tolist()}, ""

    def _compared(self, outputs: dict[str, Any] | None) -> dict[str, Any]:
        """The largest difference to what the old model made, and the largest number among that."""
        expected = self.wanted["expected"]
        if outputs is None or expected is None or outputs["numbers"] != expected["numbers"]:
            return {"difference": None, "largest": None}
        a, b = torch.tensor(expected["values"]).double(), torch.tensor(outputs["values"]).double()
        difference, largest = float((a - b).abs().max()), float(a.abs().max())
        return {"difference": difference if difference == difference else None, "largest": largest}

    def _write(self, content: Any) -> None:
        digest = hashlib.sha256()
        size = 0

        def send(data: bytes) -> None:
            nonlocal size
            size += len(data)
            digest.update(data)
            self._tell({"event": "piece", "data": base64.b64encode(data).decode()})

        started = time.monotonic()
        save(content, send, _PIECE)
        seconds = round(time.monotonic() - started, 3)
        self._tell({"event": "written", "bytes": size, "sha256": digest.hexdigest(), "seconds": seconds})


def _drawn(best: Attempted) -> nn.Module:
    """The model with the weights that its constructor draws; of one that the import built, weights drawn anew."""
    assert best.build is not None
    if best.build.draw is not None:
        with fresh.drawing(SEED):
            model = evaluation(best.build.draw())
        if not any(t.is_meta for t in (*model.parameters(), *model.buffers())):
            return model
    return fresh.renewed(best.build.model, SEED)


def _plain(guess: Guess) -> dict[str, Any]:
    """The call as INPUTS of a request."""
    named = {name: _value(value) for name, value in guess.kwargs.items()}
    return {"source": guess.source, "where": guess.where, "args": [_value(v) for v in guess.args], "kwargs": named}


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, Spec):
        return {"shape": list(value.shape), "dtype": value.dtype}
    if isinstance(value, list):
        return {"list": [_value(v) for v in value]}
    return {"dict": {k: _value(v) for k, v in value.items()}} if isinstance(value, dict) else {"value": value}
