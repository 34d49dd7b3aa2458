"""Every rule that moves something carries what its fix makes of its invalid models, and the advisor makes that of them.

The fixer verifies each: the edited model is traced and has to be the predicted graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from advisor import packs
from advisor.fixes.edits import apply
from advisor.fixes.fixer import Fixer
from advisor.moves import Move, flat, from_plain
from advisor.plan import Plans
from advisor.rule import Case, Rule
from advisor.session import Session, Shared
from advisor.texts import Texts

HEAD = "import torch\nfrom torch import nn\n\n\n# advisor: input={input}\n"

CASES = [
    pytest.param(rule, case, id=f"{rule.code}-{i}")
    for rule in packs.rules()
    for i, case in enumerate(rule.invalid)
    if case.move is not None
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Shared]:
    """One worker for all."""
    shared = Shared()
    yield shared
    shared.close()


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_the_fix_of_an_invalid_model_is_the_expected_one(
    rule: Rule, case: Case, shared: Shared, tmp_path: Path
) -> None:
    path = tmp_path / "model.py"
    head = HEAD.format(input=case.input)
    path.write_text(head + case.source, encoding="utf-8")
    with Session(Plans({"targets": [case.target], "select": [rule.code]}), shared=shared) as session:
        texts = Texts()
        report = session.file(path, texts)
        assert report is not None
        (model,) = report.models
        finding = next(f for f in model.findings if f.move is not None and _has(from_plain(f.move), case.move or {}))
        fix = Fixer(session, path, texts).fix(model, finding)
    assert apply(head + case.source, fix.edits) == head + (case.fixed or "")


def _has(move: Move, named: Mapping[str, Any]) -> bool:
    return any(named.items() <= one.to_plain().items() for one in flat(move))
