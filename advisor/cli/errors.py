"""What ends a command with exit code 2, and the exit codes."""

from __future__ import annotations

CLEAN, FINDINGS, ERROR = 0, 1, 2


class UsageError(Exception):
    """Arguments that cannot be carried out; the message says which and what to do."""


def known_errors() -> tuple[type[Exception], ...]:
    """What a person caused and can mend; the messages name the remedy. The engine's are imported when one is raised."""
    from ..client.errors import DaemonError
    from ..config import ConfigError
    from ..engine import EngineError
    from ..fixes.writing import WriteError
    from ..migration.errors import MigrateError
    from ..packs import PackError
    from ..selection import SelectionError
    from ..targets import TargetError
    from ..workers import WorkerError

    ours = UsageError, ConfigError, DaemonError, EngineError, MigrateError, PackError
    return (*ours, SelectionError, TargetError, WorkerError, WriteError)
