"""The README's commands for Docker, in its order, on a real engine."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import Project
from tests.e2e.docker.conftest import MakeProject
from tests.e2e.docker.containers import ok
from tests.e2e.test_readme import COMMANDS, README, commands, offline

OF_DOCKER = commands(docker=True)


def test_every_command_of_the_readme_is_run_here_or_on_the_embedded_stack() -> None:
    lines = [
        line for part in README.split("```sh\n")[1:] for line in part.split("```")[0].split("\n")
    ]

    assert sorted([*COMMANDS, *OF_DOCKER]) == sorted(line for line in lines if line.strip())
    assert OF_DOCKER[0] == "gatewayctl --runtime docker up"


@pytest.mark.timeout(900)
def test_the_commands_for_docker_work_in_the_order_of_the_readme(
    new_project: MakeProject,
) -> None:
    project = new_project()
    config = project.folder / "gateway.yaml"
    # The option selects the runtime, later commands use the project's record.
    config.write_text(config.read_text("utf-8").replace("runtime: docker\n", ""), "utf-8")

    output = {command: _run(project, command) for command in OF_DOCKER}

    assert "docker runtime: selected by --runtime" in output["gatewayctl --runtime docker up"]
    assert (
        "docker runtime (this project's stack was created with it)" in output["gatewayctl status"]
    )
    # The stack is an ordinary Compose project.
    assert {one["health"] for one in project.data("status")["services"]} == {"healthy"}
    listed = json.loads(ok("compose", "ls", "--format", "json"))
    assert str(project.folder / "compose/docker-compose.yml") in {
        one["ConfigFiles"] for one in listed
    }


def _run(project: Project, command: str) -> str:
    done = project.shell(offline(command))
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
