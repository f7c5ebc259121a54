from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gatewayctl.errors import DiskFull
from gatewayctl.operations.backup.create import backup, backups_folder
from gatewayctl.operations.backup.disk_space import (
    RESERVED_BYTES,
    require_free_space,
    require_free_space_in,
)
from gatewayctl.operations.backup.reset import Loss, ResetOptions, reset
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.runtimes.databases import databases
from tests.fakes.driving import driven, report_of
from tests.fakes.litellm import served
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import project
from tests.fakes.runtime import resolved, up_and_running
from tests.unit.operations.backup.restoring import ENV, World


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Disks with as many bytes free, one answer after another; the last one stays."""

    def has(*free: int) -> None:
        answers: Iterator[int] = iter((*free, *[free[-1]] * 1000))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, next(answers)))

    return has


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.living(tmp_path)


def test_what_would_fill_the_disk_is_refused_with_the_numbers() -> None:
    require_free_space(RESERVED_BYTES + 7_000_000, "/data", wanted=7_000_000)
    with pytest.raises(DiskFull, match=r"/data has 200 MB free, and 7 MB more are to be written"):
        require_free_space(RESERVED_BYTES, "/data", wanted=7_000_000)
    assert DiskFull.code in FINDINGS


def test_a_folder_is_asked_for_its_disk(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="to be written"):
        require_free_space_in(tmp_path, wanted=10**18)


@pytest.mark.parametrize("free", [(0,), (10**12, 0), (10**12, 10**12, 10**12, 0)])
def test_a_backup_gives_up_before_the_disk_is_full_and_leaves_nothing(
    tmp_path: Path, disk: Callable[..., None], free: tuple[int, ...]
) -> None:
    settings = project(tmp_path / "shop", env=ENV)
    disk(*free)

    with pytest.raises(DiskFull):
        report_of(backup(settings, resolved(up_and_running()), tmp_path / "a.bak"))

    assert not (tmp_path / "a.bak").exists()
    assert list(backups_folder(settings).rglob("*")) == []


def test_a_reset_whose_backup_finds_no_room_to_be_proven_loses_nothing(tmp_path: Path) -> None:
    settings = project(tmp_path / "shop", env=ENV)
    runtime = up_and_running()
    runtime.server.free = RESERVED_BYTES - 1
    lost = Loss(keys=None, spend=None)

    with served(healthy_stack()) as gateway, pytest.raises(DiskFull):
        driven(reset(settings, resolved(runtime), gateway, ResetOptions(), lost=lost))

    assert "empty_litellm_database" not in runtime.calls
    assert set(runtime.server.databases) == {"litellm", "phoenix"}


def test_a_restore_without_room_for_the_copies_touches_nothing_and_leaves_none(
    world: World,
) -> None:
    world.runtime.server.free = RESERVED_BYTES - 1

    with pytest.raises(DiskFull, match="The disk of the database litellm"):
        world.restored()

    assert set(world.databases) == {"litellm", "phoenix"}
    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99


def test_a_restore_without_room_to_unpack_touches_nothing(
    world: World, disk: Callable[..., None]
) -> None:
    disk(RESERVED_BYTES)

    with pytest.raises(DiskFull):
        world.restored()

    assert world.runtime.calls == []


def test_the_free_bytes_are_those_of_the_server_s_own_folder() -> None:
    runtime = up_and_running()
    runtime.server.free = 12_345 * 1024

    with databases(runtime)[0].free_space() as free:
        assert free() == 12_345 * 1024

    assert runtime.server.told[-1] == "postgres: \\! df -Pk '/var/lib/postgresql/data'"
