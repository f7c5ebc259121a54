from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatewayctl.files.regular import read_regular_file


def test_a_file_is_read_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\r\nb")
    (tmp_path / "link").symlink_to("file")

    assert read_regular_file(tmp_path / "link") == b"a\r\nb"


def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")

    for path in (tmp_path / "pipe", tmp_path / "zeros"):
        with pytest.raises(OSError, match="Not a regular file"):
            read_regular_file(path)
    with pytest.raises(IsADirectoryError):
        read_regular_file(tmp_path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1234")

    with pytest.raises(OSError, match="File too large"):
        read_regular_file(tmp_path / "file", most=3)
