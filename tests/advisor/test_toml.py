"""TOML files that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from advisor.config import ConfigError, resolve
from advisor.targets import TargetError, load
from advisor.toml import MAX_BYTES, TomlError, read_toml


def test_a_table(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes('a = "ü"\r\n[b]\r\nc = 1\r\n'.encode())
    assert read_toml(file) == {"a": "ü", "b": {"c": 1}}


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"a = \xff", "decode"), (b"a =", "Invalid value"), (b"#" * (MAX_BYTES + 1), "larger than 4,194,304 bytes")],
)
def test_what_is_no_toml_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(data)
    with pytest.raises(TomlError, match=why):
        read_toml(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_nobody_waits_for_a_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "npu.toml"
    os.mkfifo(pipe)
    with pytest.raises(TomlError, match="no regular file"):
        read_toml(pipe)
    with pytest.raises(TargetError, match=r"npu\.toml: no regular file"):
        load("npu", [tmp_path])


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices here")
def test_settings_that_are_a_device_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").symlink_to("/dev/zero")
    assert resolve(tmp_path).file is None
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "pyproject.toml").write_text("a =")
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        resolve(tmp_path)
