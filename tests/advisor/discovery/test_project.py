from __future__ import annotations

import os
from pathlib import Path

from advisor.discovery.outline import Import
from advisor.discovery.project import Project, python_files, root

from .helpers import write


def test_a_namespace_package_starts_where_the_files_own_imports_do(tmp_path: Path) -> None:
    write(tmp_path, {"ns/inner/net.py": "import os\nfrom ns.inner.cfg import W\n", "ns/inner/cfg.py": "W = 1\n"})
    assert root(tmp_path / "ns/inner/net.py") == tmp_path
    assert root(tmp_path / "ns/inner/cfg.py") == tmp_path / "ns/inner"


def test_root_is_the_nearest_marked_folder(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "", "pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/net.py": ""})
    assert root(tmp_path / "pkg/sub/net.py") == tmp_path
    (tmp_path / "pkg/setup.py").touch()
    assert root(tmp_path / "pkg/sub") == tmp_path / "pkg"


def test_an_installed_package_belongs_to_its_folder_and_searches_only_itself(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": "",
            ".venv/lib/site-packages/pkg/net.py": "class Net: pass\n",
            ".venv/lib/site-packages/pkg/use.py": "from .net import Net\nNet(1)\n",
            ".venv/lib/site-packages/other/use.py": "from pkg.net import Net\nNet(2)\n",
        },
    )
    net = tmp_path / ".venv/lib/site-packages/pkg/net.py"
    project = Project(root(net))
    assert project.root.name == "site-packages"
    assert project.dotted(net) == "pkg.net"
    assert [o.source.path.parent.name for o in project.mentioning({"Net"}, net)] == ["pkg"]


def test_files_of_others_are_skipped(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "b.py": "",
            "a/net.py": "",
            "a/notes.txt": "",
            "node_modules/x.py": "",
            ".hidden/x.py": "",
            "my-env/pyvenv.cfg": "",
            "my-env/lib/x.py": "",
            "__pycache__/x.py": "",
            "third/x.py": "",
            "a/generated.py": "",
        },
    )
    found = python_files(tmp_path, exclude=["third/", "*/generated.py"])
    assert [p.relative_to(tmp_path).as_posix() for p in found] == ["b.py", "a/net.py"]
    assert list(python_files(tmp_path / "third/x.py")) == [tmp_path / "third/x.py"]


def test_lookup_follows_re_exports(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "src/lib/__init__.py": "from .a import Net as Renamed, Net\nfrom . import loop\n",
            "src/lib/a.py": "from .b import *\n",
            "src/lib/b.py": "class Net: pass\n",
            "src/lib/loop.py": "from .loop import Gone\n",
            "use.py": "",
        },
    )
    project = Project(tmp_path)
    use = project.outline(tmp_path / "use.py")
    assert use is not None
    definition = project.lookup(use, Import("lib", "Net", 0))
    assert definition is not None
    assert definition[0].source.path == tmp_path / "src/lib/b.py"
    assert project.lookup(use, Import("lib.loop", "Gone", 0)) is None
    assert project.lookup(use, Import("torch.nn", "Module", 0)) is None


def test_a_file_is_parsed_again_only_when_it_changed(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": "class A: pass\n"})
    project = Project(tmp_path)
    path = tmp_path / "net.py"
    first = project.outline(path)
    assert first is not None
    assert project.outline(path) is first
    path.write_text("class Changed: pass\n")
    os.utime(path, ns=(1, 1))
    second = project.outline(path)
    assert second is not None
    assert list(second.classes) == ["Changed"]


def test_files_that_do_not_parse_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": "class Net: pass\n", "broken.py": "Net(\n", "user.py": "from net import Net\nNet(1)\n"})
    project = Project(tmp_path)
    found = project.mentioning({"Net"}, tmp_path / "net.py")
    assert [o.source.path.name for o in found] == ["user.py"]
