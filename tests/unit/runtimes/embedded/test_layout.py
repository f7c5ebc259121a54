from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.runtimes.embedded.layout import Layout


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_every_folder_is_private_to_its_owner(tmp_path: Path) -> None:
    layout = Layout(state_dir=tmp_path / ".gatewayctl")

    layout.make()

    folders = [layout.state_dir, *layout.state_dir.iterdir()]
    assert len(folders) == 6
    assert {mode(folder) for folder in folders} == {0o700}


def test_making_the_folders_again_keeps_files_and_restores_the_mode(tmp_path: Path) -> None:
    layout = Layout(state_dir=tmp_path / ".gatewayctl")
    layout.make()
    layout.log("litellm").write_text("kept")
    layout.state_dir.chmod(0o755)

    layout.make()

    assert layout.log("litellm").read_text() == "kept"
    assert mode(layout.state_dir) == 0o700


def test_everything_is_under_the_state_folder(tmp_path: Path) -> None:
    layout = Layout(state_dir=tmp_path)

    for path in (
        layout.postgres_data,
        layout.phoenix_home,
        layout.litellm_home,
        layout.socket,
        layout.supervisor_pid,
        layout.supervisor_config,
        layout.fingerprints,
        layout.log("litellm"),
    ):
        assert path.is_relative_to(tmp_path)


def fill(folder: Path) -> Path:
    """What PostgreSQL has in its data folder, and what a disk has in its root."""
    (folder / "base" / "1").mkdir(parents=True)
    (folder / "base" / "1" / "table").write_text("rows")
    (folder / "PG_VERSION").write_text("16")
    (folder / "lost+found").mkdir()
    return folder


@pytest.mark.parametrize("is_home_linked", [False, True])
def test_removing_data_empties_the_folder_behind_the_link_to_them(
    is_home_linked: bool, tmp_path: Path
) -> None:
    layout, disk = Layout(state_dir=tmp_path / ".gatewayctl"), fill(tmp_path / "disk")
    layout.make()
    if is_home_linked:
        layout.postgres_home.rmdir()
        (tmp_path / "home").mkdir()
        layout.postgres_home.symlink_to(tmp_path / "home")
    layout.postgres_data.symlink_to(disk)
    (layout.postgres_home / "data.partial").mkdir()
    (layout.phoenix_home / "traces").write_text("of Phoenix")

    for _ in ("first", "again"):
        layout.remove_data()

        assert [path.name for path in disk.iterdir()] == ["lost+found"]
        assert layout.postgres_data.readlink() == disk
        assert layout.postgres_home.is_symlink() == is_home_linked
        assert list(layout.postgres_home.iterdir()) == [layout.postgres_data]
        assert {each.name for each in layout.state_dir.iterdir()} == {"logs", "postgres"}
    layout.make()


def test_removing_data_does_not_follow_links_inside_them(tmp_path: Path) -> None:
    layout, disk, other = Layout(state_dir=tmp_path / "s"), tmp_path / "disk", tmp_path / "other"
    layout.make()
    disk.mkdir()
    fill(other)
    (disk / "pg_wal").symlink_to(other)
    layout.postgres_data.symlink_to(disk)

    layout.remove_data()

    assert list(disk.iterdir()) == []
    assert (other / "PG_VERSION").exists()
