"""Which targets there are, and the command that switches between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from advisor.words import suggestion

from ..remote import AnalystError
from .requests import RequestFailed, Result, document, failed, one

if TYPE_CHECKING:
    from .session import Session

SWITCH_TARGET = "advisor.switchTarget"
TARGETS = "advisor/targets"
"""The request for what there is to choose from; ``{"uri": …}`` asks for an open document's settings."""

_OFFERED = 6
"""Targets in a question to the person."""


class Target(NamedTuple):
    """One that models can be costed for. ``setting`` is what the setting ``targets`` calls it: its name, or its
    file; ``active``: the first in use."""

    name: str
    dtype: str
    description: str
    setting: str
    active: bool


async def known(session: Session, path: Path | None = None) -> list[Target]:
    """The targets that the settings of ``path`` know, by default those of the first workspace folder. Raises
    :class:`RequestFailed`."""
    path = path or next(iter(session.roots()), session.cwd)
    # Without what was switched to: else the settings' own files would be gone from the list afterwards.
    params = {**session.params(path), "overrides": dict(session.settings_of(path).overrides)}
    try:
        found = await session.lanes.call("targets", params, lane="front")
    except AnalystError as e:
        raise failed(e) from e
    used: Sequence[str] = session.chosen.get("targets") or found["chosen"]
    return [Target(**about, active=about["setting"] == next(iter(used), None)) for about in found["targets"]]


async def listing(session: Session, params: Any) -> Result:
    """Answer :data:`TARGETS`."""
    uri = params.get("uri") if isinstance(params, Mapping) else None
    path = None if uri is None else document(session, TARGETS, uri).path
    shown = ("name", "dtype", "description", "active")
    return {"targets": [{key: getattr(target, key) for key in shown} for target in await known(session, path)]}


async def switch_target(session: Session, *arguments: Any) -> Result:
    """Cost everything for another target; asks the person which when none is given."""
    settings = {target.name: target.setting for target in await known(session)}
    given = one(SWITCH_TARGET, arguments, "a target's name", "cpu-x86")
    if given is None:
        given = await _asked(session, list(settings))
        if given is None:
            return {"target": None}
    name = settings.get(given) or _file(session, given)
    if name is None:
        raise JsonRpcInvalidParams(f"{SWITCH_TARGET}: no target '{given}'{suggestion(given, list(settings))}")
    session.switch_target(name)
    return {"target": name}


def _file(session: Session, given: str) -> str | None:
    """A target's file by its path, relative to the first workspace folder."""
    file = next(iter(session.roots()), session.cwd) / given
    return str(file) if file.suffix == ".toml" and Path(file).is_file() else None


async def _asked(session: Session, names: Sequence[str]) -> str | None:
    """The person's choice: the targets in use, then the first of the others; None when none was made."""
    if not session.can("window.show_message"):
        raise JsonRpcInvalidParams(f"{SWITCH_TARGET}: name the target, one of {', '.join(names)}")
    used = [t for opened in session.documents for t in (opened.view.targets if opened.view else ())]
    offered = list(dict.fromkeys([*used, *names]))[:_OFFERED]
    more = f" ({len(names)} in all: `advisor targets` lists them)" if len(names) > len(offered) else ""
    question = lsp.ShowMessageRequestParams(
        lsp.MessageType.Info, f"Cost models for which target?{more}", [lsp.MessageActionItem(t) for t in offered]
    )
    try:
        answer = await session.window_show_message_request_async(question)
    except JsonRpcException as e:
        raise RequestFailed(f"the editor did not ask for the target: {e}; name it as the command's argument") from e
    return answer.title if answer is not None else None


def register(session: Session) -> None:
    """Answer the request."""

    @session.feature(TARGETS)
    async def targets(params: Any) -> Result:
        return await listing(session, params)
