from __future__ import annotations

from pathlib import Path

import pytest

from advisor.daemon.trust import Trust, settings_file


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own settings file, outside every workspace."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = settings_file()
    file.parent.mkdir(parents=True)
    return file


def trust(*roots: Path) -> tuple[Trust, list[str]]:
    said: list[str] = []
    return Trust(lambda: roots, said.append), said


def grant(file: Path, *folders: Path) -> None:
    file.write_text(f"trusted = {[str(f) for f in folders]!r}\n")


def test_nothing_is_trusted_by_default(user, tmp_path):
    trusting, said = trust(tmp_path / "project")
    assert not trusting.of(tmp_path / "project" / "net.py") and not said
    assert str(user) in trusting.hint()


@pytest.mark.parametrize("told", [True, False])
def test_the_clients_word_comes_first(user, tmp_path, told):
    grant(user, *([] if told else [tmp_path]))
    trusting, _ = trust(tmp_path / "project")
    trusting.told = told
    assert trusting.of(tmp_path / "project" / "net.py") is told


def test_folders_of_the_users_own_file_are_trusted_with_what_is_in_them(user, tmp_path):
    grant(user, tmp_path / "project")
    trusting, said = trust(tmp_path / "project")
    assert trusting.of(tmp_path / "project" / "a" / "net.py")
    assert not trusting.of(tmp_path / "project2" / "net.py") and not trusting.of(tmp_path / "net.py")
    assert not said


def test_the_file_is_read_anew_when_it_changes(user, tmp_path):
    trusting, _ = trust(tmp_path / "project")
    assert not trusting.of(tmp_path / "project")
    grant(user, tmp_path / "project")
    assert trusting.of(tmp_path / "project")
    user.unlink()
    assert not trusting.of(tmp_path / "project")


def test_a_link_out_of_a_trusted_folder_is_not_trusted(user, tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "project" / "link").symlink_to(tmp_path / "foreign")
    grant(user, tmp_path / "project")
    trusting, _ = trust(tmp_path / "project")
    assert not trusting.of(tmp_path / "project" / "link" / "net.py")


def test_a_workspace_around_the_file_cannot_grant_itself_trust(user, tmp_path):
    grant(user, tmp_path)
    trusting, said = trust(tmp_path)
    assert not trusting.of(tmp_path / "net.py") and not trusting.of(tmp_path / "net.py")
    assert len(said) == 1 and "cannot grant trust to itself" in said[0]


def test_a_link_to_a_file_in_the_workspace_grants_nothing(user, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    grant(project / "config.toml", project)
    user.symlink_to(project / "config.toml")
    trusting, said = trust(project)
    assert not trusting.of(project / "net.py") and "cannot grant trust" in said[0]


def test_a_file_that_others_can_write_grants_nothing(user, tmp_path):
    grant(user, tmp_path / "project")
    user.chmod(0o666)
    trusting, said = trust(tmp_path / "project")
    assert not trusting.of(tmp_path / "project") and "chmod go-w" in said[0]


def test_another_users_file_grants_nothing(user, tmp_path, monkeypatch):
    grant(user, tmp_path / "project")
    owner = user.stat().st_uid
    monkeypatch.setattr("advisor.daemon.trust.os.getuid", lambda: owner + 1)
    trusting, said = trust(tmp_path / "project")
    assert not trusting.of(tmp_path / "project") and "another user" in said[0]


@pytest.mark.parametrize("text", ["trusted = [", 'trusted = "all"', 'trusted = ["here"]', "trusted = [1]"])
def test_a_file_that_cannot_be_read_is_named(user, tmp_path, text):
    user.write_text(text)
    trusting, said = trust(tmp_path / "project")
    assert not trusting.of(tmp_path / "project") and str(user) in said[0]
