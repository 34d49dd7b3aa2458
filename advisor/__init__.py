"""Hardware-efficiency advice for PyTorch models.

``advisor.audit(model_or_path, inputs=None, target=…)`` returns a :class:`Report`; ``advisor.connect()`` and
``advisor.connect_async()`` are clients of the daemon, which does the same out of its caches. ``advisor.fix(path)``
applies verified fixes, ``advisor.migrate_state_dict`` carries weights across them. Names load on first use (PEP 562):
``import advisor`` imports neither torch nor scikit-learn.
"""

from importlib import import_module

# Not even __future__ is imported: under `python -m advisor` it would be looked for in the working folder.
TYPE_CHECKING = False  # as type checkers know it: the editor's forwarder, too, imports this and has no time for typing
if TYPE_CHECKING:
    from typing import Any

    from .client.aio import connect_async
    from .client.connection import connect
    from .engine import audit
    from .findings import Finding
    from .fixes.engine import fix
    from .graph import Graph
    from .migration.live import migrate_state_dict
    from .report import ModelReport, Report

__all__ = [
    "Finding",
    "Graph",
    "ModelReport",
    "Report",
    "audit",
    "connect",
    "connect_async",
    "fix",
    "migrate_state_dict",
]

_HOMES = {
    "audit": ".engine",
    "connect": ".client.connection",
    "connect_async": ".client.aio",
    "Finding": ".findings",
    "fix": ".fixes.engine",
    "Graph": ".graph",
    "migrate_state_dict": ".migration.live",
    "ModelReport": ".report",
    "Report": ".report",
}


def __getattr__(name: str) -> "Any":
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
