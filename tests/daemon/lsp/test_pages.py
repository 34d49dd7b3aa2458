"""Pages: links that open, and what they say."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest

from advisor.daemon.lsp import pages
from advisor.packs import pages as installed
from advisor.rulepages import page


def opened(uri: str) -> str:
    return Path(url2pathname(urlparse(uri).path)).read_text(encoding="utf-8")


def test_every_code_has_a_link_to_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "with blank"))
    for known in installed():
        uri = pages.href(known.code)
        assert uri is not None
        assert opened(uri) == page(known)


def test_an_unknown_code_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert pages.href("XYZ999") is None
    assert pages.why("XYZ999") is None


def test_a_page_as_it_should_be_is_left_alone_and_another_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a"))
    pages.prepare()
    written = {f.name: f for f in (tmp_path / "a").rglob("*.md")}
    before = written["CHN101.md"].stat().st_mtime_ns
    written["MEM401.md"].write_text("half a pa", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b" / ".." / "a"))  # another process, the same folder
    pages.prepare()
    assert written["CHN101.md"].stat().st_mtime_ns == before
    assert "peak" in written["MEM401.md"].read_text(encoding="utf-8")


def test_a_cache_that_cannot_be_written_costs_the_links_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert pages.href("CHN101") is None
    assert pages.why("CHN101")


def test_why_is_the_first_paragraph_on_one_line() -> None:
    why = pages.why("TRC905")
    assert why is not None
    assert why.startswith("Without edges")
    assert why.endswith("no praise.")
    assert "\n" not in why
    assert all(pages.why(p.code) for p in installed())


def test_names() -> None:
    assert pages.names() == {p.code: p.name for p in installed()}
