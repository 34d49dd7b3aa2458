"""Files are rewritten whole or not at all, and never over a change."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from advisor.fixes.writing import Rewrite, WriteError, read, write


def rewrite(path: Path, text: str) -> Rewrite:
    return Rewrite(read(path), text)


@pytest.mark.parametrize(
    "data",
    [
        b"a = 1\r\nb = 2\r\n",
        b"\xef\xbb\xbfa = 1\n",
        b"# -*- coding: latin-1 -*-\na = '\xe9'\n",
        b"a = 1\rb = 2",
        b"",
        b"s = '\x0c\x0b'\nt = '\xe2\x80\xa8'\n",
    ],
    ids=["crlf", "bom", "latin-1", "cr", "empty", "form feed and line separator"],
)
def test_what_is_not_edited_keeps_its_bytes(tmp_path, data):
    file = tmp_path / "net.py"
    file.write_bytes(data)
    write([Rewrite(original := read(file), original.text)])
    assert file.read_bytes() == data


def test_several_files_become_what_they_shall(tmp_path):
    a, b = tmp_path / "a.py", tmp_path / "b.yaml"
    a.write_text("width = 60\n")
    b.write_text("width: 60\n")
    write([rewrite(a, "width = 64\n"), rewrite(b, "width: 64\n")])
    assert (a.read_text(), b.read_text()) == ("width = 64\n", "width: 64\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.py", "b.yaml"]


def test_a_file_that_changed_meanwhile_stays_and_so_do_the_others(tmp_path):
    a, b = tmp_path / "a.py", tmp_path / "b.py"
    a.write_text("a = 1\n")
    b.write_text("b = 1\n")
    rewrites = [rewrite(a, "a = 2\n"), rewrite(b, "b = 2\n")]
    b.write_text("b = 3  # mine\n")
    with pytest.raises(WriteError, match=r"b\.py: it changed meanwhile; run the command again"):
        write(rewrites)
    assert (a.read_text(), b.read_text()) == ("a = 1\n", "b = 3  # mine\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.py", "b.py"]


def test_mode_and_links_stay(tmp_path):
    file, link = tmp_path / "net.py", tmp_path / "link.py"
    file.write_text("a = 1\n")
    file.chmod(0o751)
    link.symlink_to(file)
    write([rewrite(link, "a = 2\n")])
    assert link.is_symlink()
    assert file.read_text() == "a = 2\n"
    assert file.stat().st_mode & 0o777 == 0o751


def test_a_character_that_the_encoding_lacks_is_named(tmp_path):
    file = tmp_path / "net.py"
    file.write_bytes(b"# coding: ascii\na = 1\n")
    with pytest.raises(WriteError, match="its encoding, ascii, has no '×'"):
        write([rewrite(file, "# coding: ascii\na = 1  # ×\n")])
    assert file.read_bytes() == b"# coding: ascii\na = 1\n"


def test_a_notebook_and_a_missing_file_are_refused_with_the_remedy(tmp_path):
    notebook = tmp_path / "net.ipynb"
    notebook.write_text("{}")
    with pytest.raises(WriteError, match="apply its fixes in the editor"):
        read(notebook)
    with pytest.raises(WriteError, match="cannot be read"):
        read(tmp_path / "gone.py")


def test_a_failing_rename_undoes_those_before_it(tmp_path, monkeypatch):
    a, b = tmp_path / "a.py", tmp_path / "b.py"
    a.write_text("a = 1\n")
    b.write_text("b = 1\n")
    rewrites = [rewrite(a, "a = 2\n"), rewrite(b, "b = 2\n")]
    replace = Path.replace

    def failing(self, target):
        if Path(target) == b:
            raise OSError(28, "No space left on device", str(b))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(WriteError, match="No space left on device"):
        write(rewrites)
    monkeypatch.undo()
    assert (a.read_text(), b.read_text()) == ("a = 1\n", "b = 1\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.py", "b.py"]


@pytest.mark.parametrize("function", ["os.fsync", "pathlib.Path.replace"])
def test_a_process_that_dies_leaves_the_old_text_or_the_new(tmp_path, function):
    file = tmp_path / "net.py"
    file.write_text("a = 1\n" * 1000)
    program = f"""
        import os, pathlib, sys
        from advisor.fixes.writing import Rewrite, read, write
        def die(*_):
            os._exit(9)
        {function} = die
        path = pathlib.Path(sys.argv[1])
        write([Rewrite(read(path), "a = 2\\n" * 1000)])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), file], cwd="/", env={**os.environ})
    assert done.returncode == 9
    assert file.read_text() in ("a = 1\n" * 1000, "a = 2\n" * 1000)
