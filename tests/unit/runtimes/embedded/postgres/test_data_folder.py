from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.postgres.data_folder import create_cluster, has_cluster
from gatewayctl.runtimes.embedded.postgres.privileges import PostgresUser

NAMES = ("PG_VERSION", "base", "postgresql.conf")


def initdb(folder: Path) -> None:
    folder.mkdir()
    for name in NAMES:
        (folder / name).touch()


def fails(folder: Path) -> None:
    folder.mkdir()
    (folder / NAMES[0]).touch()
    raise RuntimeError


def never(folder: Path) -> None:
    raise AssertionError


def create(layout: Layout, run: Callable[[Path], None] = initdb) -> bool:
    return create_cluster(layout, PostgresUser(), run)


@pytest.fixture
def disk(layout: Layout, tmp_path: Path) -> Path:
    """The empty folder on another disk that the data folder is a link to."""
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o755)
    layout.postgres_data.symlink_to(disk)
    return disk


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_link_to_an_empty_folder_is_no_data_and_gets_a_cluster(
    layout: Layout, disk: Path
) -> None:
    (disk / "lost+found").mkdir()
    assert not has_cluster(layout)

    assert create(layout)

    assert names_in(disk) == [*NAMES[:2], "lost+found", NAMES[2]]
    assert disk.stat().st_mode & 0o777 == 0o700
    assert layout.postgres_data.is_symlink()
    assert has_cluster(layout)
    assert not create(layout, never)


def test_a_cluster_that_was_partly_created_behind_a_link_is_created_again(
    layout: Layout, disk: Path
) -> None:
    with pytest.raises(RuntimeError):
        create(layout, fails)
    assert not has_cluster(layout)

    assert create(layout)

    assert names_in(disk) == list(NAMES)


@pytest.mark.parametrize("moved", range(len(NAMES) + 1))
def test_a_cluster_that_was_partly_moved_behind_a_link_is_completed(
    moved: int, layout: Layout, disk: Path
) -> None:
    complete = disk / "initdb.complete"
    initdb(complete)
    for name in NAMES[:moved]:
        (complete / name).rename(disk / name)
    assert not has_cluster(layout)

    assert create(layout, never)

    assert names_in(disk) == list(NAMES)


def test_existing_data_behind_a_link_are_kept(layout: Layout, disk: Path) -> None:
    (disk / "precious").touch()

    assert has_cluster(layout)
    assert not create(layout, never)
    assert names_in(disk) == ["precious"]


def test_a_link_to_a_disk_that_is_not_mounted_counts_as_data(layout: Layout, disk: Path) -> None:
    disk.rmdir()

    assert has_cluster(layout)
    assert not create(layout, never)


@pytest.mark.usefixtures("disk")
def test_a_folder_that_cannot_be_read_counts_as_data(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)

    assert has_cluster(layout)


def test_an_empty_folder_that_is_no_link_counts_as_data(layout: Layout) -> None:
    assert not has_cluster(layout)
    layout.postgres_data.mkdir()

    assert has_cluster(layout)


def test_the_user_of_postgresql_owns_the_folder_behind_the_link(
    layout: Layout, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "chown", lambda *given: owned.append(given))

    create_cluster(layout, PostgresUser(uid=2**20, gid=2**20), initdb)

    assert [path for path, *_ in owned] == [layout.postgres_home, layout.postgres_data]
