"""What an analyst can be asked: one method each, from plain parameters to a plain result.

Parameters that most methods take: ``path`` (absolute), ``text`` (that file's unsaved text or None), ``buffers`` (other
unsaved texts by absolute path), ``overrides`` (settings by name, plain values), ``origin`` (what messages call them),
``cwd`` (where relative paths in them start), ``environment`` (the client's variables) and ``run`` (whether user code
may run: only if True). Each family of jobs has a file: :mod:`.filejobs`, :mod:`.sourcejobs`, :mod:`.factjobs`.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor import packs
from advisor.frames import Message

from . import factjobs
from .filejobs import FileJobs, Sessions
from .job import CODES, Cancelled, Emit, Job, Method
from .jobparams import Params, ParamsError
from .sourcejobs import SourceJobs


class Jobs:
    """Does jobs, one at a time; what they share is kept. ``cache`` is the folder of what outlives the process."""

    def __init__(self, cache: Path | None) -> None:
        self._sessions = Sessions(cache)
        files, sources = FileJobs(self._sessions), SourceJobs()
        self._methods: Mapping[str, Method] = {**files.methods, **sources.methods, **factjobs.METHODS}

    def prepare(self) -> None:
        """Load what every job needs, before there is one."""
        packs.pages()
        packs.estimators()

    def close(self) -> None:
        """End the workers. May be called from another thread, in mid-job."""
        self._sessions.close()

    @property
    def runs(self) -> tuple[int, int]:
        """How many runs the cache answered so far, and how many it did not."""
        traces = self._sessions.traces
        return traces.hits, traces.misses

    def perform(self, method: Any, params: Any, emit: Emit, cancelled: threading.Event) -> Message:
        """``{"result": …}`` or ``{"error": …}``. Never raises."""
        try:
            run = self._methods.get(method) if isinstance(method, str) else None
            if run is None:
                raise ParamsError(f"there is no method {repr(method)[:80]}; there are {', '.join(self._methods)}")
            if cancelled.is_set():
                raise Cancelled
            return {"result": run(Job(Params(str(method), params), emit, cancelled))}
        except Cancelled:
            return _error("cancelled", "the request was cancelled")
        except tuple(kind for kind, _ in CODES) as e:
            code = next(code for kind, code in CODES if isinstance(e, kind))
            return _error(code, str(e), getattr(e, "remedy", ""))
        except Exception as e:
            traceback.print_exc()  # into the log
            message = f"{method} failed: {type(e).__name__}: {e}"
            return _error("internal", message, "this is a bug of the advisor: `advisor daemon logs` says where")


def _error(code: str, message: str, remedy: str = "") -> Message:
    return {"error": {"code": code, "message": message, "remedy": remedy}}
