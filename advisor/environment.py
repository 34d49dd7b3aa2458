"""Which variables of a person's environment reach the code that runs; every other one could be a secret."""

from __future__ import annotations

TYPE_CHECKING = False  # the name that type checkers know; typing itself would double the forwarder's imports
if TYPE_CHECKING:
    from collections.abc import Mapping

PASSED_ON = (
    "HOME",
    "PATH",
    "LANG",
    "TZ",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONNOUSERSITE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
)


def passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What of ``environment`` user code may see: two of which this is equal can share a worker."""
    return {name: value for name, value in environment.items() if name in PASSED_ON or name.startswith("LC_")}
