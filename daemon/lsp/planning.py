"""What an audit of the workspace's folders would read, and how many files of it at the same time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .documents import real

if TYPE_CHECKING:
    from .session import Session


class Plan(NamedTuple):
    """The files and targets of an audit; ``jobs`` files at the same time, 0 for as many as there are cores."""

    files: list[Path]
    targets: list[str]
    jobs: int


def question(session: Session, root: Path) -> dict[str, Any]:
    """The parameters of the job ``planned``: what would an audit of a folder read, under the settings of now?"""
    params = session.params(root)
    settings = {key: params[key] for key in ("overrides", "origin", "environment", "run")}
    return {"paths": [str(root)], "cwd": str(root), **settings}


async def ask(session: Session, asked: dict[str, Any]) -> Plan:
    """The plan of one folder. Raises :class:`.AnalystError` where its settings are wrong or it cannot be listed."""
    found = await session.lanes.call("planned", asked, lane="back")
    return Plan([real(file) for file in found["files"]], found["targets"], found["jobs"])


def together(plans: Iterable[Plan]) -> Plan:
    """The plan of several folders: each file once, and no more at the same time than any of them allows."""
    every = list(plans)
    files = dict.fromkeys(file for plan in every for file in plan.files)
    targets = dict.fromkeys(target for plan in every for target in plan.targets)
    return Plan(list(files), list(targets), min((plan.jobs for plan in every if plan.jobs), default=0))
