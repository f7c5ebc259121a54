"""What up refuses before it touches anything, and what it leaves behind when it fails."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from gatewayctl.errors import RuntimeProblem, SaltKeyChanged, ServiceFailed
from gatewayctl.operations.stack.down import down
from gatewayctl.operations.stack.restart import restart
from gatewayctl.operations.stack.up import UpOptions, up
from gatewayctl.operations.state import salt_key
from gatewayctl.settings.model import Settings
from tests.fakes.driving import driven, report_of
from tests.fakes.litellm import served
from tests.fakes.phoenix import healthy_stack
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.runtime import FakeRuntime, loading, resolved, up_and_running

SALT = "sk-salt-0123456789abcdef"


def made(folder: Path, salt: str = SALT) -> Settings:
    return project(folder, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\nLITELLM_SALT_KEY={salt}\n")


def brought_up(settings: Settings, runtime: FakeRuntime) -> None:
    with served(healthy_stack()) as gateway:
        report_of(
            up(settings, loading(settings, runtime, gateway), UpOptions(timeout=2, keys=False))
        )


def test_the_salt_key_of_the_first_up_is_remembered_and_another_is_refused(tmp_path: Path) -> None:
    brought_up(made(tmp_path), FakeRuntime())
    other, runtime = made(tmp_path, f"{SALT}-other"), up_and_running()

    with pytest.raises(SaltKeyChanged):
        brought_up(other, runtime)
    with served(healthy_stack()) as gateway, pytest.raises(SaltKeyChanged):
        driven(restart(other, resolved(runtime), gateway.http, [], timeout=2))

    assert runtime.calls == []


def test_a_failed_start_records_no_salt_key(tmp_path: Path) -> None:
    runtime = FakeRuntime(raising={"start": ServiceFailed("It ended.")})

    with pytest.raises(ServiceFailed):
        brought_up(made(tmp_path), runtime)

    assert not salt_key.is_recorded(made(tmp_path))


def test_data_that_is_removed_takes_the_memory_of_its_salt_key_along(tmp_path: Path) -> None:
    runtime = FakeRuntime()
    brought_up(made(tmp_path), runtime)

    report_of(down(made(tmp_path), runtime, volumes=False))
    assert salt_key.is_recorded(made(tmp_path))
    report_of(down(made(tmp_path), runtime, volumes=True))

    assert not salt_key.is_recorded(made(tmp_path))


class FullDisk(FakeRuntime):
    """The first file that is written does not fit."""

    def preflight(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", ".gatewayctl/run")


def test_a_full_disk_is_named_and_no_bug(tmp_path: Path) -> None:
    with pytest.raises(RuntimeProblem) as full:
        brought_up(made(tmp_path), FullDisk())

    assert full.value.finding == "disk_full"
    assert full.value.exit_code == 4
