"""A project whose volumes are on another engine, or were deleted with Docker's own commands."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from gatewayctl.errors import RuntimeProblem, VolumesMissing
from gatewayctl.operations.stack.down import down
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.docker.volumes import advise_start, claim_volumes
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import Settings
from tests.fakes.docker import FakeDocker
from tests.fakes.driving import report_of
from tests.fakes.projects import project
from tests.unit.runtimes.docker.faked_engine import free_port, on_ports, runtime_of

DESKTOP = "unix:///home/me/.docker/desktop/docker.sock"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return on_ports(tmp_path / "shop", free_port())


@pytest.fixture
def desktop(settings: Settings) -> FakeDocker:
    """The engine on which the stack of `settings` was started and stopped."""
    docker = FakeDocker(endpoint=DESKTOP, identity="desktop")
    report_of(runtime_of(settings, docker).start())
    report_of(runtime_of(settings, docker).stop())
    return docker


def refused(settings: Settings, docker: FakeDocker) -> VolumesMissing:
    docker.calls.clear()
    with pytest.raises(VolumesMissing) as missing:
        runtime_of(settings, docker).preflight()
    assert docker.calls == []
    return missing.value


@pytest.mark.usefixtures("desktop")
def test_another_engine_is_refused_with_the_one_that_has_the_data(settings: Settings) -> None:
    found = refused(settings, FakeDocker(identity="engine"))

    assert "none of them is on the engine at unix:///var/run/docker.sock" in found.message
    assert found.message.endswith(f"They were created on the engine at {DESKTOP}.")
    assert "DOCKER_HOST" in found.hint


def test_the_engine_that_had_the_volumes_is_not_called_another_one(
    desktop: FakeDocker, settings: Settings
) -> None:
    desktop.kept = []
    desktop.endpoint = "tcp://127.0.0.1:2375"

    found = refused(settings, desktop)

    assert found.message.endswith("so they were deleted since.")
    assert DESKTOP not in found.message


def test_the_engine_with_the_volumes_is_accepted(desktop: FakeDocker, settings: Settings) -> None:
    runtime_of(settings, desktop).preflight()


def test_the_commands_of_the_hint_start_anew_where_the_volumes_were_deleted(
    desktop: FakeDocker, settings: Settings
) -> None:
    write_runtime(settings.state_dir, "docker")
    desktop.kept = []
    assert "`gatewayctl down --volumes`" in refused(settings, desktop).hint

    report_of(down(settings, runtime_of(settings, desktop), volumes=True))
    runtime_of(settings, desktop).preflight()
    report_of(runtime_of(settings, desktop).start())

    assert desktop.kept


def test_a_first_start_that_created_no_volume_is_repeated_on_any_engine(
    settings: Settings,
) -> None:
    failing = FakeDocker(ends={"up": "no space left on device"})
    with suppress(RuntimeProblem):
        report_of(runtime_of(settings, failing).start())

    runtime_of(settings, FakeDocker(identity="other")).preflight()


def test_volumes_of_a_first_start_that_failed_are_recorded(settings: Settings) -> None:
    failing = FakeDocker(ends={"up": "boom"})
    start = runtime_of(settings, failing).start()
    failing.kept = ["shop_litellm_postgres_data"]
    claim_volumes(settings)
    with suppress(RuntimeProblem):
        report_of(start)

    refused(settings, FakeDocker(identity="other"))


def test_a_removal_that_was_killed_is_no_reason_to_refuse_a_start(
    desktop: FakeDocker, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove_and_die() -> None:
        desktop.kept = []
        raise KeyboardInterrupt

    monkeypatch.setattr(desktop, "remove_volumes", remove_and_die)
    with pytest.raises(KeyboardInterrupt):
        report_of(runtime_of(settings, desktop).stop(remove_data=True))

    runtime_of(settings, desktop).preflight()


@pytest.mark.usefixtures("desktop")
def test_a_stack_that_needs_no_volume_any_more_starts_without(tmp_path: Path) -> None:
    env = "DATABASE=postgresql://app:p@db.example.com/llm\n"
    others = "services: {postgres: {url_env: DATABASE}}\ntracing: none\n"
    on_ports(tmp_path / "shop", free_port(), others)
    settings = project(tmp_path / "shop", env=env)

    runtime_of(settings, FakeDocker(identity="other")).preflight()


@pytest.mark.usefixtures("desktop")
def test_a_moved_folder_looks_for_its_volumes_and_a_copy_does_not(
    settings: Settings, tmp_path: Path
) -> None:
    shutil.copytree(settings.project_dir, tmp_path / "copy" / "shop")
    copy = project(tmp_path / "copy" / "shop")

    runtime_of(copy, FakeDocker(identity="other")).preflight()
    settings.project_dir.rename(tmp_path / "moved")

    refused(copy, FakeDocker(identity="other"))


@pytest.mark.parametrize("was_started", [True, False])
def test_a_record_of_an_older_version_counts_if_a_stack_was_started(
    was_started: bool, settings: Settings
) -> None:
    if was_started:
        write_runtime(settings.state_dir, "docker")
    settings.state_dir.mkdir(exist_ok=True)
    record = {settings.project_name: str(settings.project_dir)}
    (settings.state_dir / "volumes.json").write_text(json.dumps(record))

    if was_started:
        refused(settings, FakeDocker())
        assert (advise_start(settings) or "").startswith("Start the engine that has")
    else:
        runtime_of(settings, FakeDocker()).preflight()
        assert advise_start(settings) is None


def stopped_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.usefixtures("desktop")
def test_where_no_engine_answers_the_one_with_the_volumes_is_to_be_started(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_engine(tmp_path, monkeypatch)
    monkeypatch.setenv("DOCKER_HOST", DESKTOP)
    with pytest.raises(RuntimeProblem) as stopped:
        DockerCli.of(settings).check()
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    with pytest.raises(RuntimeProblem) as other:
        DockerCli.of(settings).containers()

    assert stopped.value.hint.startswith(f"This project's volumes are on the engine at {DESKTOP}")
    assert "DOCKER_HOST" not in stopped.value.hint
    assert other.value.hint.endswith(f"and choose it: export DOCKER_HOST={DESKTOP}")
