from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from advisor.migration.errors import SourceError
from advisor.migration.sources import sources


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose first commit is tagged ``then``, with changes since that are not committed."""
    git(tmp_path, "init", "-q")
    package = tmp_path / "pkg"
    package.mkdir()
    for name in ("net", "blocks", "gone", "same"):
        (package / f"{name}.py").write_text(f"# {name} then, ü\n", encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "then")
    git(tmp_path, "tag", "then")
    for name in ("net", "blocks"):
        (package / f"{name}.py").write_text(f"# {name} now\n", encoding="utf-8")
    (package / "gone.py").unlink()
    (package / "new.py").write_text("# new\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_revision_is_read_without_touching_the_work_tree(repository):
    before = {p: p.read_bytes() for p in repository.rglob("*") if p.is_file() and ".git" not in p.parts}
    old, new = sources("then", "pkg/net.py::Net")
    assert (old.path, old.name) == (new.path, new.name) == (repository / "pkg/net.py", "Net")
    assert old.shown == "pkg/net.py at then"
    assert not new.texts.buffers
    assert {p.name: text for p, text in old.texts.buffers.items()} == {
        "net.py": "# net then, ü\n",
        "blocks.py": "# blocks then, ü\n",
        "gone.py": "# gone then, ü\n",
    }
    assert before == {p: p.read_bytes() for p in repository.rglob("*") if p.is_file() and ".git" not in p.parts}


def test_a_file_is_taken_as_it_is(repository):
    old, _ = sources("pkg/blocks.py::A", "pkg/net.py::B")
    assert (old.path, old.name, dict(old.texts.buffers)) == (repository / "pkg/blocks.py", "A", {})


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("then", "pkg/none.py", "--to pkg/none.py: there is no such file"),
        ("none.py", "pkg/net.py", "--from none.py: there is no such file"),
        ("never", "pkg/net.py", "--from never: neither a Python file nor a revision"),
        ("--output=x", "pkg/net.py", "neither a Python file nor a revision"),
        ("then", "pkg/new.py", "pkg/new.py did not exist at then; give the old file with --from FILE"),
    ],
)
def test_what_cannot_be_read_is_said(repository, old, new, why):
    with pytest.raises(SourceError, match=why):
        sources(old, new)


def test_outside_of_a_repository_a_file_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "net.py").write_text("", encoding="utf-8")
    with pytest.raises(SourceError, match="is in no git repository"):
        sources("HEAD", str(tmp_path / "net.py"))
