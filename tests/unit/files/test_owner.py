from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import FolderUnusable
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.owner import create_folder
from gatewayctl.operations.backup.workdir import create_file, open_workdir
from gatewayctl.operations.state.exclusive import change_folder
from tests.fakes.other_user import NOBODY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user who calls gatewayctl with sudo."""
    os.chown(tmp_path, NOBODY, NOBODY)
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    return tmp_path


def owners(folder: Path) -> set[int]:
    return {path.stat().st_uid for path in folder.rglob("*")}


def write_everything(folder: Path) -> None:
    write_atomically(folder / "compose" / "file", b"x")
    update_env_file(folder / ".env", {"A": "1"})
    create_folder(folder / "a" / "b")
    with change_folder(folder / ".gatewayctl", "keys create"):
        pass
    with open_workdir(folder / ".gatewayctl" / "backups" / ".work") as work:
        create_file(work / "file").close()
        (work / "file").rename(folder / "a.bak")


def test_under_sudo_everything_new_belongs_to_the_user_who_called_it(folder: Path) -> None:
    write_everything(folder)

    assert len(list(folder.rglob("*"))) == 10
    assert owners(folder) == {NOBODY}


def test_in_a_folder_of_another_user_root_creates_files_of_root(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "12345")

    write_everything(folder)

    assert owners(folder) == {0}


def test_without_sudo_root_creates_files_of_root(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUDO_UID")

    write_everything(folder)

    assert owners(folder) == {0}


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")

    with pytest.raises(FolderUnusable, match="a is not a folder"):
        create_folder(tmp_path / "a")
    with pytest.raises(FolderUnusable, match="a is not a folder"):
        create_folder(tmp_path / "a" / "b")
