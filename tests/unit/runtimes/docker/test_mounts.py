from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import FolderInvisible, RuntimeProblem
from gatewayctl.rendering.plan import TEMPLATES
from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.settings.model import Settings
from tests.fakes.docker import FakeDocker
from tests.fakes.driving import driven
from tests.unit.runtimes.docker.faked_engine import runtime_of, up_and_running

# As they say it: Docker of a folder that colima or the snap does not share, Docker Desktop, Podman,
# then `cat` where an engine made a folder in its place, and where its root is another user.
WORDS = (
    "bind source path does not exist: /tmp/x/compose/litellm_config.yaml.",
    "Mounts denied: The path /opt/x is not shared from the host and is not known to Docker.",
    "Error: statfs /opt/x/compose/litellm_config.yaml: no such file or directory",
    "cat: /gatewayctl-check: Is a directory",
    "cat: /gatewayctl-check: Permission denied",
)


@pytest.mark.parametrize("words", WORDS)
def test_a_folder_that_the_engine_cannot_see_is_reported_before_anything_is_created(
    words: str, settings: Settings
) -> None:
    docker = FakeDocker(blind=f"WARNING: no swap limit\n{words}\nSee 'docker run --help'.\n")

    with pytest.raises(FolderInvisible) as invisible:
        driven(runtime_of(settings, docker).prepare())

    assert invisible.value.message.endswith(f"litellm_config.yaml: {words}")
    assert "below your home folder" in invisible.value.hint
    assert not any(call.startswith("up") for call in docker.calls)


def test_any_other_failure_of_the_check_is_left_to_the_start(settings: Settings) -> None:
    no_cat = 'exec: "cat": executable file not found in $PATH: unknown'

    driven(runtime_of(settings, FakeDocker(blind=no_cat)).prepare())


def test_a_folder_with_a_container_was_seen_by_the_engine(settings: Settings) -> None:
    docker = up_and_running()
    docker.blind = "bind source path does not exist"

    driven(runtime_of(settings, docker).prepare())


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    for name in TEMPLATES["docker"]:
        (tmp_path / name).write_text("")
    return tmp_path


def test_a_missing_rendered_file_is_reported_before_docker_makes_a_folder_of_it(
    rendered: Path,
) -> None:
    docker = DockerCli(
        project="shop", compose_file=rendered / "docker-compose.yml", env_file=rendered / ".env"
    )
    (rendered / "litellm_config.yaml").unlink()

    with pytest.raises(RuntimeProblem, match=r"litellm_config\.yaml is missing") as missing:
        docker.up(["litellm"])

    assert missing.value.hint == "Run `gatewayctl render`."


def test_the_snap_of_docker_that_cannot_read_a_file_that_is_there_is_recognized(
    rendered: Path,
) -> None:
    said = f"open {rendered}/docker-compose.yml: no such file or directory"
    (rendered / ".env").write_text("")

    assert type(engine.failure(said, doing="start")) is FolderInvisible
    env_file = f"couldn't find env file: {rendered}/.env"
    assert type(engine.failure(env_file, doing="start")) is FolderInvisible
    denied = f"open {rendered}/.env: permission denied"
    assert type(engine.failure(denied, doing="start")) is FolderInvisible

    (rendered / "docker-compose.yml").unlink()
    assert type(engine.failure(said, doing="start")) is RuntimeProblem
