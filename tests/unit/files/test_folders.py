from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayctl.errors import FolderUnusable
from gatewayctl.files.folders import WRITE, explain_os_error, require_folder
from gatewayctl.files.owner import create_folder
from gatewayctl.runtimes.embedded.layout import Layout
from tests.fakes.other_user import as_nobody


def be_a_file(path: Path) -> None:
    path.write_text("x")


def lead_nowhere(path: Path) -> None:
    path.symlink_to("/mnt/not-mounted")


def lead_to_itself(path: Path) -> None:
    path.symlink_to(path)


def be_forbidden(path: Path) -> None:
    path.mkdir(mode=0)


PLANTED = [
    (be_a_file, "is not a folder, and gatewayctl needs one there."),
    (lead_nowhere, "is a link to /mnt/not-mounted, which does not exist."),
    (lead_to_itself, "is a link that leads to itself."),
    (be_forbidden, "cannot be used: no permission."),
]


@pytest.mark.parametrize(("plant", "said"), PLANTED)
def test_what_is_in_the_place_of_a_folder_is_named(
    plant: Callable[[Path], None], said: str, shared_path: Path
) -> None:
    path = shared_path / "logs"
    plant(path)

    for use in (require_folder, create_folder):
        with as_nobody(), pytest.raises(FolderUnusable) as raised:
            use(path)
        assert raised.value.message == f"{path} {said}"
        assert raised.value.hint.endswith(", then run the command again.")


def test_a_missing_folder_and_one_behind_a_link_pass(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")

    for name in ("missing", "there", "link"):
        require_folder(tmp_path / name, access=WRITE)


def test_a_folder_below_a_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("x")

    with pytest.raises(FolderUnusable, match="state is not a folder"):
        require_folder(tmp_path / "state" / "logs")


def test_an_error_of_the_system_is_explained_by_the_folder_that_causes_it(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("x")
    path = str(tmp_path / "state" / "logs" / "a.log")

    cause = explain_os_error(NotADirectoryError(20, "Not a directory", path), "state")
    itself = explain_os_error(PermissionError(13, "Permission denied", path), "pytest")

    assert cause is not None
    assert cause.message.startswith(f"{tmp_path / 'state'} is not a folder")
    assert itself is None
    assert explain_os_error(OSError(5, "Input/output error"), "state") is None


def test_deleting_the_data_of_a_linked_folder_keeps_the_link(tmp_path: Path) -> None:
    layout, disk = Layout(state_dir=tmp_path / "state"), tmp_path / "disk"
    layout.make()
    (disk / "data").mkdir(parents=True)
    (disk / "file").touch()
    layout.postgres_home.rmdir()
    layout.postgres_home.symlink_to(disk)

    layout.remove_data()

    assert layout.postgres_home.is_symlink()
    assert list(disk.iterdir()) == []
    assert {each.name for each in layout.state_dir.iterdir()} == {"logs", "postgres"}


def test_no_data_is_deleted_while_a_folder_leads_nowhere(tmp_path: Path) -> None:
    layout = Layout(state_dir=tmp_path / "state")
    layout.make()
    (layout.postgres_home / "data").mkdir()
    layout.phoenix_home.rmdir()
    lead_nowhere(layout.phoenix_home)

    with pytest.raises(FolderUnusable, match="phoenix is a link"):
        layout.remove_data()

    assert layout.postgres_data.exists()
