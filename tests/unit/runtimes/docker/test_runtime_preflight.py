from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gatewayctl.errors import (
    EngineNotRunning,
    PortTaken,
    ProjectNameTaken,
    SettingsInvalid,
)
from gatewayctl.runtimes.docker.conflicts import needed_ports
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import Settings
from tests.fakes.docker import FakeDocker, inspected
from tests.fakes.driving import report_of
from tests.fakes.other_user import as_nobody
from tests.fakes.projects import project
from tests.unit.runtimes.docker.faked_engine import free_port, on_ports, runtime_of


def test_an_unusable_docker_is_reported_before_anything_else(settings: Settings) -> None:
    docker = FakeDocker(raising={"check": EngineNotRunning("no engine")})

    with pytest.raises(EngineNotRunning):
        runtime_of(settings, docker).preflight()


@pytest.mark.parametrize("value", ["p@ss", "a/b", "a:b", "100%25", "a#b", "a b", "é"])
def test_a_password_that_no_url_can_contain_is_refused_before_docker_is_contacted(
    value: str, tmp_path: Path
) -> None:
    settings = project(tmp_path / "shop", env=f"# mine\nLITELLM_POSTGRES_PASSWORD='{value}'\n")
    docker = FakeDocker(raising={"check": EngineNotRunning("no engine")})

    with pytest.raises(SettingsInvalid) as refused:
        runtime_of(settings, docker).preflight()

    assert refused.value.exit_code == 3
    assert refused.value.message.startswith(".env line 2: LITELLM_POSTGRES_PASSWORD may contain")
    assert "only letters, digits and -._~" in refused.value.message
    assert value not in refused.value.message + refused.value.hint


def test_a_password_from_the_environment_is_reported_with_its_source(tmp_path: Path) -> None:
    settings = project(tmp_path / "shop", environ={"LITELLM_POSTGRES_PASSWORD": "a@b"})

    with pytest.raises(SettingsInvalid, match=r"^environment variable LITELLM_POSTGRES_PASSWORD: "):
        runtime_of(settings, FakeDocker()).preflight()


@pytest.mark.parametrize(
    "env",
    [
        pytest.param("LITELLM_POSTGRES_PASSWORD=aZ9-._~\n", id="what means itself there"),
        pytest.param(
            "POSTGRES_PASSWORD=a@b/c\nUI_PASSWORD=a@b/c\nREDIS_PASSWORD=a@b/c\n",
            id="passwords that are in no address",
        ),
    ],
)
def test_a_password_that_a_url_can_contain_is_accepted(env: str, tmp_path: Path) -> None:
    docker = FakeDocker(raising={"check": EngineNotRunning("no engine")})

    with pytest.raises(EngineNotRunning):
        runtime_of(project(tmp_path / "shop", env=env), docker).preflight()


def test_with_a_database_of_others_the_password_may_be_anything(tmp_path: Path) -> None:
    env = "LITELLM_POSTGRES_PASSWORD=a@b\nDATABASE=postgresql://app:p@db.example.com/llm\n"
    settings = project(tmp_path / "shop", "services: {postgres: DATABASE}\n", env=env)
    docker = FakeDocker(raising={"check": EngineNotRunning("no engine")})

    with pytest.raises(EngineNotRunning):
        runtime_of(settings, docker).preflight()


def test_a_port_of_our_own_container_is_free_for_us(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        settings = on_ports(tmp_path / "shop", port)
        docker = FakeDocker(running={"litellm": inspected("litellm", ports={port: 4000})})

        runtime_of(settings, docker).preflight()
        docker.running.clear()
        with pytest.raises(PortTaken):
            runtime_of(settings, docker).preflight()


def test_a_port_of_another_container_is_reported_with_its_project(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        docker = FakeDocker(others=[inspected("web", project="blog", ports={port: 80})])

        with pytest.raises(PortTaken) as taken:
            runtime_of(on_ports(tmp_path / "shop", port), docker).preflight()

    assert f"Port {port}, which litellm needs, is used by" in taken.value.message
    assert "the container blog-web-1 of the Compose project blog" in taken.value.message
    assert "ports.litellm" in taken.value.hint


def test_a_port_of_another_process_and_of_an_app_are_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        app = f'apps: {{api: {{image: "a:1", ports: {{"{port}": 8000}}}}}}\n'
        settings = on_ports(tmp_path / "shop", free_port(), app)

        with pytest.raises(PortTaken) as taken:
            runtime_of(settings, FakeDocker()).preflight()

    assert f"Port {port}, which api needs, is used by" in taken.value.message
    assert "pid" in taken.value.message
    assert "apps.api.ports" in taken.value.hint


def test_a_postgresql_of_the_machine_on_its_usual_port_is_no_conflict(tmp_path: Path) -> None:
    needed = needed_ports(project(tmp_path))

    assert 5432 not in needed
    assert needed[5433] == ("postgres-litellm", "ports.postgres_litellm")


def test_a_port_that_is_none_is_not_needed(tmp_path: Path) -> None:
    settings = project(tmp_path, "ports: {phoenix_grpc: none, postgres_litellm: none}\n")

    assert needed_ports(settings).keys() == {4000, 6006}


def test_production_databases_need_no_port(tmp_path: Path) -> None:
    settings = project(tmp_path, "profile: production\n")

    assert {service for service, _ in needed_ports(settings).values()} == {"litellm", "phoenix"}


def test_a_project_of_the_same_name_in_another_folder_is_left_alone(
    tmp_path: Path, settings: Settings
) -> None:
    other = tmp_path / "elsewhere" / "compose"
    other.mkdir(parents=True)
    docker = FakeDocker(running={"litellm": inspected("litellm", folder=str(other))})
    runtime = runtime_of(settings, docker)

    with pytest.raises(ProjectNameTaken, match="elsewhere"):
        runtime.preflight()
    with pytest.raises(ProjectNameTaken, match="elsewhere"):
        report_of(runtime.stop(remove_data=True))
    assert docker.calls == []


@pytest.mark.usefixtures("macos")
def test_on_macos_a_folder_in_another_case_is_the_same_project(tmp_path: Path) -> None:
    settings = on_ports(tmp_path / "Shop", free_port())
    settings.compose_dir.mkdir()
    written = str(settings.compose_dir).replace("Shop", "shop")
    docker = FakeDocker(running={"litellm": inspected("litellm", folder=written)})

    runtime_of(settings, docker).preflight()


def test_the_command_of_the_hint_frees_the_name_of_the_project(tmp_path: Path) -> None:
    other = project(tmp_path / "elsewhere", "project_name: shop\n")
    write_runtime(other.state_dir, "docker")
    other.compose_dir.mkdir()
    docker = FakeDocker(running={"litellm": inspected("litellm", folder=str(other.compose_dir))})
    runtime = runtime_of(on_ports(tmp_path / "shop", free_port()), docker)

    with pytest.raises(ProjectNameTaken) as taken:
        runtime.preflight()
    assert f"run `gatewayctl -C {other.project_dir} down`" in taken.value.hint

    report_of(runtime_of(other, docker).stop())
    runtime.preflight()


def test_a_project_in_an_unreadable_folder_is_left_alone_too(
    tmp_path: Path, settings: Settings
) -> None:
    other = tmp_path / "closed" / "shop" / "compose"
    other.mkdir(parents=True)
    docker = FakeDocker(running={"litellm": inspected("litellm", folder=str(other))})
    (tmp_path / "closed").chmod(0)

    try:
        with as_nobody(), pytest.raises(ProjectNameTaken, match="closed"):
            runtime_of(settings, docker).preflight()
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_a_project_whose_folder_was_moved_keeps_its_containers(
    tmp_path: Path, settings: Settings
) -> None:
    missing = str(tmp_path / "before" / "compose")
    docker = FakeDocker(running={"litellm": inspected("litellm", folder=missing)})

    assert report_of(runtime_of(settings, docker).stop()) == ("litellm",)
