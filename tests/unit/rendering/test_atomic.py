from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gatewayctl.errors import FileUnwritable
from gatewayctl.rendering.atomic import write_atomically


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A full disk, as the system reports it: writing beyond the size fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_file_is_made_with_its_folders_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"

    write_atomically(path, b"text", mode=0o640)

    assert path.read_bytes() == b"text"
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(path.parent) == ["file"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old and longer")
    path.chmod(0o600)

    write_atomically(path, b"new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    with no_file_larger_than(10), pytest.raises(FileUnwritable, match="File too large"):
        write_atomically(path, b"x" * 4096)

    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_folder_in_its_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()

    with pytest.raises(FileUnwritable, match="Is a directory"):
        write_atomically(tmp_path / "file", b"x")

    assert names(tmp_path) == ["file"]


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")

    with pytest.raises(FileUnwritable, match=r"Cannot write .*a/b: "):
        write_atomically(tmp_path / "a" / "b", b"x")


def test_a_file_system_that_takes_no_files_is_told() -> None:
    with pytest.raises(FileUnwritable, match="Cannot write /proc/gatewayctl/file: "):
        write_atomically(Path("/proc/gatewayctl/file"), b"x")
