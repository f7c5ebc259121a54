from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import EnvFileUnreadable, EnvFileUnwritable
from tests.fakes.other_user import NOBODY, as_nobody

OWN_MOUNTS = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]


def skip_without_mounts(folder: Path) -> None:
    mount = [*OWN_MOUNTS, "mount", "-t", "tmpfs", "none", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no small file system can be mounted: {error}")
    if done.returncode:
        pytest.skip(f"no small file system can be mounted: {done.stderr.strip()}")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("full", "No space left on device"),
        ("read-only", "Read-only file system"),
        ("limited", "File too large"),
    ],
)
def test_a_disk_that_cannot_be_written_leaves_the_old_file_unchanged(
    tmp_path: Path, kind: str, reason: str
) -> None:
    skip_without_mounts(tmp_path)
    module = "tests.unit.env_file.unwritable_folder"
    done = subprocess.run(
        [*OWN_MOUNTS, sys.executable, "-m", module, kind, str(tmp_path)],
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "code": "env_file_unwritable",
        "message": f"Cannot write {tmp_path}/.env: {reason}.",
        "intact": True,
        "nothing_left": True,
        "without_a_change": ["A"],
        "read": 2,
    }


def test_a_folder_without_write_permission_is_reported(shared_path: Path) -> None:
    path = shared_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0o644)
    shared_path.chmod(0o555)
    with as_nobody():
        with pytest.raises(EnvFileUnwritable, match=r"/\.env.*Permission denied"):
            update_env_file(path, {"A": "2"})
        assert update_env_file(path, {"A": "1"}).unchanged == ("A",)
    assert path.read_text() == "A=1\n"


def test_a_file_without_read_permission_is_reported(shared_path: Path) -> None:
    path = shared_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0)
    with as_nobody(), pytest.raises(EnvFileUnreadable, match=r"/\.env.*Permission denied"):
        update_env_file(path, {"A": "2"})


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(EnvFileUnwritable, match=r"none/\.env.*No such file or directory"):
        update_env_file(tmp_path / "none" / ".env", {"A": "1"})


def test_a_file_of_another_user_is_not_replaced(shared_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can create a file of another user")
    path = shared_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0o644)
    with as_nobody(), pytest.raises(EnvFileUnwritable, match="belongs to another user"):
        update_env_file(path, {"A": "2"})
    assert path.read_text() == "A=1\n"
    assert path.stat().st_uid == 0
    assert [each.name for each in shared_path.iterdir()] == [".env"]


def test_root_keeps_the_owner(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can create a file of another user")
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    os.chown(path, NOBODY, NOBODY)
    update_env_file(path, {"A": "2"})
    assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_not_a_regular_file_is_not_replaced(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / ".env")
    with pytest.raises(EnvFileUnwritable, match="not a regular file"):
        update_env_file(tmp_path / ".env", {"A": "1"})


def test_a_link_to_dev_null_does_not_replace_dev_null(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(os.devnull)
    with pytest.raises(EnvFileUnwritable, match="not a regular file"):
        update_env_file(tmp_path / ".env", {"A": "1"})
    assert Path(os.devnull).is_char_device()


def test_a_loop_of_links_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(".env")
    with pytest.raises(EnvFileUnreadable, match="symbolic links"):
        update_env_file(tmp_path / ".env", {"A": "1"})


def test_what_is_not_utf8_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(EnvFileUnreadable, match="line 1"):
        update_env_file(path, {"B": "1"})
    assert path.read_bytes() == b"A=\xff\n"


def test_a_disk_that_fails_after_the_rename_is_reported_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    with pytest.raises(EnvFileUnwritable, match="is written, but may not survive") as refused:
        update_env_file(tmp_path / ".env", {"A": "1"})
    assert refused.value.hint == "Check the disk."
    assert (tmp_path / ".env").read_text() == "A=1\n"
