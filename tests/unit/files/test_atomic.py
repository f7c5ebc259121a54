from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gatewayctl.errors import FileUnwritable
from gatewayctl.files.atomic import sync_folder, temporary_name, write_atomically
from tests.fakes.other_user import NOBODY, as_nobody

NO_DESCRIPTOR = 1_000_000


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


def test_a_file_is_created_with_its_folders_and_mode(tmp_path: Path) -> None:
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


def test_a_folder_of_that_name_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()

    with pytest.raises(FileUnwritable, match="Is a directory"):
        write_atomically(tmp_path / "file", b"x")

    assert names(tmp_path) == ["file"]


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")

    with pytest.raises(FileUnwritable, match="/a is not a folder"):
        write_atomically(tmp_path / "a" / "b", b"x")


def test_a_file_system_that_takes_no_files_is_reported() -> None:
    with pytest.raises(FileUnwritable, match="Cannot write /proc/gatewayctl/file: "):
        write_atomically(Path("/proc/gatewayctl/file"), b"x")


def test_a_temporary_file_of_a_killed_process_is_replaced(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep")
    (tmp_path / temporary_name("file")).symlink_to(victim)

    write_atomically(tmp_path / "file", b"new")

    assert (tmp_path / "file").read_bytes() == b"new"
    assert victim.read_text() == "keep"
    assert sorted(names(tmp_path)) == ["file", "victim"]


def test_a_folder_that_cannot_be_synced_is_reported() -> None:
    with pytest.raises(FileUnwritable, match=r"file is written, but may not survive") as caught:
        sync_folder(NO_DESCRIPTOR, "file")

    assert caught.value.hint == "Check the disk."


def test_a_file_system_that_cannot_sync_folders_is_not_a_failure() -> None:
    # A pipe answers fsync like such a file system: invalid argument.
    ends = os.pipe()
    try:
        with pytest.raises(OSError, match="Invalid argument"):
            os.fsync(ends[0])
        sync_folder(ends[0], "file")
    finally:
        for end in ends:
            os.close(end)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of a file")
def test_root_keeps_the_owner_of_a_replaced_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    os.chown(path, NOBODY, NOBODY)

    write_atomically(path, b"new")

    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can create a file of another user")
def test_only_a_private_file_of_another_user_is_refused(shared_path: Path) -> None:
    path = shared_path / "file"
    path.write_text("old")

    with as_nobody():
        with pytest.raises(FileUnwritable, match="it belongs to another user"):
            write_atomically(path, b"new", mode=0o600)
        assert path.read_text() == "old"
        write_atomically(path, b"new")

    assert (path.read_text(), path.stat().st_uid) == ("new", NOBODY)
    assert names(shared_path) == ["file"]
