"""Two folders with one project name: the volumes of a stopped stack stay those of their folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gatewayctl.errors import ProjectNameTaken
from gatewayctl.runtimes.docker.runtime import DockerRuntime
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import Settings
from tests.fakes.docker import FakeDocker
from tests.fakes.driving import report_of
from tests.fakes.projects import project
from tests.unit.runtimes.docker.faked_engine import runtime_of

TOUCHING: dict[str, Callable[[DockerRuntime], object]] = {
    "preflight": lambda runtime: runtime.preflight(),
    "states": lambda runtime: runtime.states(),
    "start": lambda runtime: report_of(runtime.start()),
    "down": lambda runtime: report_of(runtime.stop()),
    "down --volumes": lambda runtime: report_of(runtime.stop(remove_data=True)),
    "restart": lambda runtime: report_of(runtime.restart(())),
    "has_data": lambda runtime: runtime.has_data(),
    "logs": lambda runtime: list(runtime.logs((), tail=1, since=None, follow=False)),
    "shell": lambda runtime: runtime.shell("litellm").is_running(),
}


@pytest.fixture
def stopped(settings: Settings) -> FakeDocker:
    """A stack that was started in `settings` and stopped: only its volumes are left."""
    docker = FakeDocker()
    report_of(runtime_of(settings, docker).start())
    report_of(runtime_of(settings, docker).stop())
    docker.calls.clear()
    return docker


@pytest.mark.parametrize("verb", TOUCHING)
def test_volumes_of_another_folder_are_not_touched(
    verb: str, stopped: FakeDocker, tmp_path: Path
) -> None:
    other = project(tmp_path / "elsewhere" / "shop")

    with pytest.raises(ProjectNameTaken, match="shop_litellm_postgres_data") as refused:
        TOUCHING[verb](runtime_of(other, stopped))

    assert "project_name in gateway.yaml" in refused.value.hint
    assert stopped.calls == []


def test_a_copy_of_the_folder_with_its_state_does_not_own_the_volumes(
    stopped: FakeDocker, settings: Settings, tmp_path: Path
) -> None:
    shutil.copytree(settings.project_dir, tmp_path / "copy" / "shop")
    copy = project(tmp_path / "copy" / "shop")

    with pytest.raises(ProjectNameTaken, match=str(settings.project_dir)):
        report_of(runtime_of(copy, stopped).stop(remove_data=True))


def test_a_folder_that_was_moved_keeps_its_volumes(
    stopped: FakeDocker, settings: Settings, tmp_path: Path
) -> None:
    settings.project_dir.rename(tmp_path / "moved")
    moved = project(tmp_path / "moved", "project_name: shop\n")

    assert runtime_of(moved, stopped).has_data()
    report_of(runtime_of(moved, stopped).start())

    settings.project_dir.mkdir()
    with pytest.raises(ProjectNameTaken):
        runtime_of(project(settings.project_dir), FakeDocker(kept=stopped.kept)).preflight()


def test_a_renamed_project_does_not_take_the_volumes_of_that_name(
    stopped: FakeDocker, tmp_path: Path
) -> None:
    report_of(runtime_of(project(tmp_path / "own"), FakeDocker()).start())
    renamed = project(tmp_path / "own", "project_name: shop\n")

    with pytest.raises(ProjectNameTaken):
        runtime_of(renamed, stopped).has_data()


def test_a_stack_older_than_the_record_keeps_its_volumes(settings: Settings) -> None:
    docker = FakeDocker(kept=["shop_litellm_postgres_data"])
    write_runtime(settings.state_dir, "docker")

    assert runtime_of(settings, docker).has_data()


def test_the_hint_adopts_volumes_whose_record_was_lost(
    stopped: FakeDocker, settings: Settings
) -> None:
    shutil.rmtree(settings.state_dir)
    with pytest.raises(ProjectNameTaken, match="did not create") as refused:
        runtime_of(settings, stopped).has_data()

    assert refused.value.hint.endswith("echo docker > .gatewayctl/runtime")
    settings.state_dir.mkdir()
    (settings.state_dir / "runtime").write_text("docker\n")

    assert runtime_of(settings, stopped).has_data()


@pytest.mark.parametrize("garbage", [b"\xff", b"[1]", b"[" * 100_000])
def test_a_damaged_record_is_as_good_as_none(
    garbage: bytes, stopped: FakeDocker, settings: Settings
) -> None:
    (settings.state_dir / "volumes.json").write_bytes(garbage)

    with pytest.raises(ProjectNameTaken):
        runtime_of(settings, stopped).has_data()


def test_deleted_data_leaves_no_record(stopped: FakeDocker, settings: Settings) -> None:
    report_of(runtime_of(settings, stopped).stop(remove_data=True))

    assert (settings.state_dir / "volumes.json").read_text() == "{}"
