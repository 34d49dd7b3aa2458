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
    assert str(user) in trusting.hint(tmp_path / "project" / "net.py")


@pytest.mark.parametrize("told", [True, False])
def test_the_clients_word_comes_first(user, tmp_path, told):
    grant(user, *([] if told else [tmp_path]))
    trusting, _ = trust(tmp_path / "project")
    trusting.told = told
    assert trusting.of(tmp_path / "project" / "net.py") is told


@pytest.mark.parametrize("where", ["elsewhere/net.py", "project2/net.py", "project/out/net.py", "project/out.py"])
def test_the_clients_yes_is_about_its_workspace_alone(user, tmp_path, where):
    for folder in ("project", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "project" / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "project" / "out.py").symlink_to(tmp_path / "elsewhere" / "net.py")
    trusting, _ = trust(tmp_path / "project")
    trusting.told = True
    assert trusting.of(tmp_path / "project" / "net.py") and trusting.of(tmp_path / "project")
    assert not trusting.of(tmp_path / where)
    assert "none of the workspace's folders" in trusting.hint(tmp_path / where)
    grant(user, tmp_path / "elsewhere", tmp_path / "project2")
    assert trusting.of(tmp_path / where)


def test_without_a_workspace_the_clients_yes_is_about_any_file(user, tmp_path):
    trusting, _ = trust()
    trusting.told = True
    assert trusting.of(tmp_path / "net.py")
    trusting.told = None
    assert "trust it in the editor" in trusting.hint(tmp_path / "net.py")


@pytest.mark.parametrize("opened", ["link", "real"])
@pytest.mark.parametrize("root", ["link", "real"])
def test_a_workspace_is_the_same_by_its_link_and_by_its_own_name(user, tmp_path, root, opened):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    trusting, _ = trust(tmp_path / root)
    trusting.told = True
    assert trusting.of(tmp_path / opened / "net.py")


def test_the_hint_names_the_folder_once_each_and_again_when_trust_is_taken_back(user, tmp_path):
    roots = [tmp_path / "one", tmp_path / "two"]
    trusting, _ = trust(*roots)
    first = [trusting.unsaid(root) for root in roots]
    assert [str(root) in (hint or "") for root, hint in zip(roots, first, strict=True)] == [True, True]
    assert trusting.unsaid(roots[0] / "net.py") is None
    trusting.told = True
    assert trusting.unsaid(roots[0]) is None
    trusting.take_back()
    assert [trusting.unsaid(root) for root in roots] == first


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
