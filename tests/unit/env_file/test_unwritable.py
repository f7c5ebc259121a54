from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import EnvFileUnreadable, EnvFileUnwritable
from tests.unit.env_file.someone_else import NOBODY, as_nobody

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
def test_a_disk_that_takes_nothing_leaves_the_old_file_as_it_was(
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
        "message": f"{tmp_path}/.env cannot be written: {reason}",
        "intact": True,
        "nothing_left": True,
        "without_a_change": ["A"],
        "read": 2,
    }


def test_a_folder_we_may_not_write_is_told(shared_path: Path) -> None:
    path = shared_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0o644)
    shared_path.chmod(0o555)
    with as_nobody():
        with pytest.raises(EnvFileUnwritable, match=r"/\.env.*Permission denied"):
            update_env_file(path, {"A": "2"})
        assert update_env_file(path, {"A": "1"}).unchanged == ("A",)
    assert path.read_text() == "A=1\n"


def test_a_file_we_may_not_read_is_told(shared_path: Path) -> None:
    path = shared_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0)
    with as_nobody(), pytest.raises(EnvFileUnreadable, match=r"/\.env.*Permission denied"):
        update_env_file(path, {"A": "2"})


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvFileUnwritable, match=r"none/\.env.*No such file or directory"):
        update_env_file(tmp_path / "none" / ".env", {"A": "1"})


def test_a_file_of_somebody_else_is_not_taken_from_them(shared_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a file that belongs to somebody else")
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
        pytest.skip("only root can make a file that belongs to somebody else")
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


def test_a_link_to_dev_null_does_not_cost_us_dev_null(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(os.devnull)
    with pytest.raises(EnvFileUnwritable, match="not a regular file"):
        update_env_file(tmp_path / ".env", {"A": "1"})
    assert Path(os.devnull).is_char_device()


def test_a_loop_of_links_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(".env")
    with pytest.raises(EnvFileUnreadable, match="symbolic links"):
        update_env_file(tmp_path / ".env", {"A": "1"})


def test_what_is_not_utf8_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(EnvFileUnreadable, match="line 1"):
        update_env_file(path, {"B": "1"})
    assert path.read_bytes() == b"A=\xff\n"
