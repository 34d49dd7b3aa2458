from __future__ import annotations

import pytest

from advisor.words import suggestion

TARGETS = ["npu-64", "ethos-u55-128", "ethos-u55-256", "ethos-u85-512"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("ethos-u55", "; did you mean 'ethos-u55-128' or 'ethos-u55-256'?"),
        ("npu-65", "; did you mean 'npu-64'?"),
        ("zzz", "; known: ethos-u55-128, ethos-u55-256, ethos-u85-512, npu-64"),
    ],
)
def test_the_words_that_begin_so_then_the_nearest_then_all(word: str, said: str) -> None:
    assert suggestion(word, TARGETS) == said
