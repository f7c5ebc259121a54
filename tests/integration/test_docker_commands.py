"""The commands on a stack of containers with an app, as scripts see them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gatewayctl.cli.app import app
from gatewayctl.errors import EngineNotRunning
from tests.fakes.runtime import DOCKER_SERVICES, docker_stack
from tests.integration.stack_project import Project, document, master_key_of

YAML = 'runtime: docker\napps: {shop: {image: "shop:1", key: litellm-dev}}\n'
EVERY = [*DOCKER_SERVICES, "shop"]


@pytest.fixture
def containers(tmp_path: Path) -> Project:
    made = Project(folder=tmp_path / "shop", runtime=docker_stack("shop", state="stopped"))
    made.folder.mkdir()
    (made.folder / "gateway.yaml").write_text(YAML)
    made.litellm.master = master_key_of(made)
    return made


def test_the_whole_life_of_a_stack_with_an_app(containers: Project) -> None:
    first = document(containers.run("up", "--json"))
    second = document(containers.run("up", "--json"))
    status = document(containers.run("status", "--json"))
    again = containers.run("restart", "shop")
    down = containers.run("down")

    assert first["data"]["started"] == EVERY
    assert (second["data"]["started"], second["data"]["changed"]) == ([], False)
    assert [service["service"] for service in status["data"]["services"]] == EVERY
    assert status["data"]["healthy"]
    assert again.stdout.startswith("Restarted: shop.\n")
    assert "Data stays in Docker's volumes" in down.stdout


def test_up_writes_a_compose_file_that_refers_to_env_file_only(containers: Project) -> None:
    containers.run("up")

    text = (containers.folder / "compose" / "docker-compose.yml").read_text()

    assert "  shop:" in text
    assert not any(value in text for value in containers.secrets().values() if value)


def test_an_app_that_does_not_run_makes_the_stack_unhealthy(containers: Project) -> None:
    containers.run("up")
    containers.runtime.processes["shop"] = "failed"
    containers.runtime.details["shop"] = "exit code 1"

    result = containers.run("status")

    assert result.exit_code == 4
    assert "shop is unhealthy" in result.stderr
    assert "shop: exit code 1" in result.stdout


def test_a_rotated_key_lists_the_apps_that_need_it(containers: Project) -> None:
    containers.run("up")

    result = containers.run("keys", "rotate", "litellm-dev")

    assert (
        f"Run `gatewayctl -C {containers.folder} up` to pass the new key to shop." in result.output
    )


def test_a_stopped_engine_has_its_own_error_code(containers: Project) -> None:
    containers.runtime.raising = {
        verb: EngineNotRunning("No Docker engine answers at unix:///x.")
        for verb in ("preflight", "states", "stop")
    }

    for command in ("up", "status", "down"):
        found = document(containers.run(command, "--json"))
        assert found["error"]["code"] == "engine_not_running"
    assert containers.run("up").exit_code == 4


def test_a_stack_without_data_is_not_tied_to_its_runtime(containers: Project) -> None:
    containers.run("up")
    there = (containers.folder / ".gatewayctl" / "runtime").read_text()

    containers.run("down", "--volumes", "--yes")

    assert there == "docker\n"
    assert not (containers.folder / ".gatewayctl" / "runtime").exists()


def test_the_address_of_the_gateway_depends_on_where_an_application_runs(
    containers: Project,
) -> None:
    containers.run("up")

    inside = containers.run("env", "--for", "container").stdout
    outside = containers.run("env").stdout

    assert "LLM_BASE_URL=http://litellm:4000\n" in inside
    assert "LLM_BASE_URL=http://127.0.0.1:4000\n" in outside


@pytest.mark.parametrize("command", ["up", "status", "down"])
def test_a_machine_without_docker_is_distinguished_from_a_stopped_engine(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    (tmp_path / "gateway.yaml").write_text("project_name: shop\n")

    done = CliRunner().invoke(app, ["-C", str(tmp_path), "--runtime", "docker", command, "--json"])

    found = document(done)
    assert (done.exit_code, found["error"]["code"]) == (4, "engine_missing")
    assert "There is no program `docker` on this machine" in found["error"]["message"]
    assert "--runtime embedded" in found["error"]["hint"]
