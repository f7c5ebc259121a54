from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gatewayctl.errors import DiskFull, RuntimeProblem
from gatewayctl.operations.backup.create import backup, backups_folder
from gatewayctl.operations.backup.disk_space import (
    RESERVED_BYTES,
    require_free_space,
    require_free_space_in,
)
from gatewayctl.operations.backup.loss import Loss
from gatewayctl.operations.backup.reset import ResetOptions, reset
from gatewayctl.operations.diagnosis.findings.table import FINDINGS
from gatewayctl.runtimes.databases import databases
from tests.fakes.driving import driven, report_of
from tests.fakes.litellm import served
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import project
from tests.fakes.runtime import loading, resolved, up_and_running
from tests.unit.operations.backup.restoring import ENV, World


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the free bytes of the disk, one answer after another; the last one is repeated."""

    def set_free(*free: int) -> None:
        answers: Iterator[int] = iter((*free, *[free[-1]] * 1000))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 0, next(answers)))

    return set_free


def test_too_little_space_is_refused_with_the_numbers() -> None:
    require_free_space(RESERVED_BYTES + 7_000_000, "/data", wanted=7_000_000)
    with pytest.raises(DiskFull, match=r"/data has 200 MB free, and 7 MB more are needed"):
        require_free_space(RESERVED_BYTES, "/data", wanted=7_000_000)
    assert DiskFull.code in FINDINGS


def test_the_disk_of_a_folder_is_checked(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="are needed"):
        require_free_space_in(tmp_path, wanted=10**18)


@pytest.mark.parametrize("free", [(0,), (10**12, 0), (10**12, 10**12, 10**12, 0)])
def test_a_backup_stops_before_the_disk_is_full_and_leaves_nothing(
    tmp_path: Path, disk: Callable[..., None], free: tuple[int, ...]
) -> None:
    settings = project(tmp_path / "shop", env=ENV)
    disk(*free)

    with pytest.raises(DiskFull):
        report_of(backup(settings, resolved(up_and_running()), tmp_path / "a.bak"))

    assert not (tmp_path / "a.bak").exists()
    assert list(backups_folder(settings).rglob("*")) == []


def test_a_reset_without_space_to_verify_its_backup_loses_nothing(tmp_path: Path) -> None:
    settings = project(tmp_path / "shop", env=ENV)
    runtime = up_and_running()
    runtime.server.free = RESERVED_BYTES - 1
    lost = Loss(keys=None, spend=None)

    with served(healthy_stack()) as gateway, pytest.raises(DiskFull):
        driven(reset(settings, loading(settings, runtime, gateway), ResetOptions(), lost=lost))

    assert "empty_litellm_database" not in runtime.calls
    assert set(runtime.server.databases) == {"litellm", "phoenix"}


def test_a_restore_without_space_to_load_the_dumps_changes_nothing(
    world: World,
) -> None:
    world.runtime.server.free = RESERVED_BYTES - 1

    with pytest.raises(DiskFull, match="The disk of the database litellm"):
        world.restore()

    assert set(world.databases) == {"litellm", "phoenix"}
    assert world.databases["litellm"]["LiteLLM_SpendLogs"] == 99


def test_a_restore_without_space_to_unpack_changes_nothing(
    world: World, disk: Callable[..., None]
) -> None:
    disk(RESERVED_BYTES)

    with pytest.raises(DiskFull):
        world.restore()

    assert world.runtime.calls == []


@pytest.mark.parametrize("device", ["/dev/x", "//server/My Share", "overlay 1 2 3"])
def test_the_free_space_is_that_of_the_server_s_data_folder(device: str) -> None:
    runtime = up_and_running()
    runtime.server.free, runtime.server.device = 12_345 * 1024, device

    with databases(runtime)[0].free_space() as free:
        assert free() == 12_345 * 1024

    remembered, asked = runtime.server.told[-2:]
    assert remembered.endswith(r"as folder \gset \setenv GATEWAYCTL_FOLDER :folder")
    assert asked == 'postgres: \\! df -Pk "$GATEWAYCTL_FOLDER"'


def test_a_disk_that_df_does_not_report_stops_the_verb(world: World) -> None:
    world.runtime.server.device = ""

    with pytest.raises(RuntimeProblem, match=r"free disk space .* could not be determined"):
        world.restore()

    assert set(world.databases) == {"litellm", "phoenix"}
