from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gatewayctl.errors import (
    EngineNotRunning,
    ImageMissing,
    PortTaken,
    ProjectNameTaken,
    RuntimeProblem,
    ServiceFailed,
    SettingsInvalid,
    UnknownService,
)
from gatewayctl.rendering.plan import plan
from gatewayctl.runtimes.base import StartReport
from gatewayctl.runtimes.docker.occupied import needed_ports
from gatewayctl.runtimes.docker.runtime import DockerRuntime
from gatewayctl.settings.model import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.docker import FakeDocker, inspected
from tests.fakes.driving import driven, report_of
from tests.fakes.projects import project

SERVICES = ("postgres-litellm", "postgres-phoenix", "phoenix", "litellm")
APPS = "apps:\n  shop: {image: shop:1, key: litellm-dev}\n  api: {build: app}\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path / "shop")


def runtime_of(settings: Settings, docker: FakeDocker) -> DockerRuntime:
    clock = FakeClock()
    return DockerRuntime(settings, docker=docker, clock=clock, sleep=clock.sleep)


def up_and_running(*more: str) -> FakeDocker:
    return FakeDocker(
        running={name: inspected(name, health="healthy") for name in (*SERVICES, *more)}
    )


# start


def test_the_services_are_in_order_and_redis_only_where_it_is_needed(tmp_path: Path) -> None:
    one = DockerRuntime(project(tmp_path / "one", APPS), docker=FakeDocker())
    two = DockerRuntime(project(tmp_path / "two", "workers: 2\n"), docker=FakeDocker())

    assert (one.services, one.apps) == (SERVICES, ("api", "shop"))
    assert two.services == (*SERVICES[:2], "redis", *SERVICES[2:])


def test_a_first_start_brings_up_the_services_and_no_app(tmp_path: Path) -> None:
    docker = FakeDocker(says={"up": [" Container shop-litellm-1  Created", "noise"]})

    seen, report = driven(runtime_of(project(tmp_path / "shop", APPS), docker).start())

    assert docker.calls == [f"up {' '.join(SERVICES)}"]
    assert report == StartReport(started=SERVICES)
    assert [(event.subject, event.detail) for event in seen] == [("litellm", "created")]


def test_a_second_start_changes_nothing(settings: Settings) -> None:
    assert report_of(runtime_of(settings, up_and_running()).start()) == StartReport(
        unchanged=SERVICES
    )


def test_what_compose_made_anew_is_told_as_restarted(settings: Settings) -> None:
    docker = up_and_running()
    docker.differs = {"litellm"}
    docker.running["phoenix"] = inspected("phoenix", status="exited")

    report = report_of(runtime_of(settings, docker).start())

    assert report == StartReport(
        started=("phoenix",), restarted=("litellm",), unchanged=SERVICES[:2]
    )


def test_a_container_that_keeps_ending_gets_a_new_chance_at_once(settings: Settings) -> None:
    docker = up_and_running()
    docker.running["litellm"] = inspected("litellm", health="starting", restarts=7)
    docker.died = [{"Action": "die", "Actor": {"Attributes": {"exitCode": "1"}}}] * 2

    report_of(runtime_of(settings, docker).start())

    assert docker.calls[0] == "remove id-litellm"


def test_apps_are_started_by_themselves(tmp_path: Path) -> None:
    docker = up_and_running()
    runtime = runtime_of(project(tmp_path / "shop", APPS), docker)

    assert report_of(runtime.start_apps()) == StartReport(started=("api", "shop"))
    assert docker.calls == ["up api shop"]
    assert report_of(runtime_of(project(tmp_path / "b"), docker).start_apps()) == StartReport()


def test_a_start_that_is_interrupted_ends_the_program(settings: Settings) -> None:
    docker = FakeDocker(says={"up": [" Container shop-litellm-1  Creating"] * 3})
    start = runtime_of(settings, docker).start()

    next(start)
    start.close()

    assert docker.closed == ["up"]


def test_a_service_that_others_waited_for_in_vain_is_told_with_its_log(settings: Settings) -> None:
    words = "dependency failed to start: container shop-postgres-litellm-1 is unhealthy"
    docker = up_and_running()
    docker.ends = {"up": words}
    docker.says = {"id-postgres-litellm": ["FATAL:  data directory has wrong ownership"]}

    with pytest.raises(ServiceFailed) as failed:
        report_of(runtime_of(settings, docker).start())

    assert failed.value.message.startswith("postgres-litellm failed")
    assert failed.value.message.endswith("wrong ownership")


def test_any_other_failed_start_says_why(settings: Settings) -> None:
    docker = FakeDocker(ends={"up": "No such image: litellm:typo"})

    with pytest.raises(ImageMissing):
        report_of(runtime_of(settings, docker).start())


def test_images_are_pulled_and_apps_built_before(tmp_path: Path) -> None:
    docker = FakeDocker(images={"postgres:16"})

    driven(runtime_of(project(tmp_path, APPS), docker).prepare())

    assert [call.split()[0] for call in docker.calls] == ["pull", "pull", "pull", "build"]
    assert docker.calls[-2:] == ["pull shop:1", "build api"]


# preflight


def test_docker_that_cannot_be_used_is_told_before_anything(settings: Settings) -> None:
    docker = FakeDocker(raising={"check": EngineNotRunning("no engine")})

    with pytest.raises(EngineNotRunning):
        runtime_of(settings, docker).preflight()


@pytest.mark.parametrize("value", ["p@ss", "a/b", "a:b", "100%25", "a#b", "a b", "é"])
def test_a_password_that_no_address_can_hold_is_refused_before_docker_is_asked(
    value: str, tmp_path: Path
) -> None:
    settings = project(tmp_path / "shop", env=f"# mine\nLITELLM_POSTGRES_PASSWORD='{value}'\n")
    docker = FakeDocker(raising={"check": EngineNotRunning("no engine")})

    with pytest.raises(SettingsInvalid) as refused:
        runtime_of(settings, docker).preflight()

    assert refused.value.exit_code == 3
    assert refused.value.message.startswith(".env line 2: LITELLM_POSTGRES_PASSWORD may hold")
    assert "letters, digits and -._~ only" in refused.value.message
    assert value not in refused.value.message + refused.value.hint


def test_a_password_of_the_environment_is_told_with_its_place(tmp_path: Path) -> None:
    settings = project(tmp_path / "shop", environ={"LITELLM_POSTGRES_PASSWORD": "a@b"})

    with pytest.raises(SettingsInvalid, match=r"^environment variable LITELLM_POSTGRES_PASSWORD: "):
        runtime_of(settings, FakeDocker()).preflight()


def test_every_character_that_means_itself_in_an_address_may_be_in_a_password(
    tmp_path: Path,
) -> None:
    settings = on_ports(tmp_path / "shop", free_port(), env="LITELLM_POSTGRES_PASSWORD=aZ9-._~\n")

    runtime_of(settings, FakeDocker()).preflight()


def test_what_other_passwords_hold_is_no_concern_of_the_address(tmp_path: Path) -> None:
    env = "POSTGRES_PASSWORD=a@b/c\nUI_PASSWORD=a@b/c\nREDIS_PASSWORD=a@b/c\n"
    settings = on_ports(tmp_path / "shop", free_port(), env=env)

    runtime_of(settings, FakeDocker()).preflight()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def on_ports(folder: Path, litellm: int, extra: str = "", env: str = "") -> Settings:
    others = [free_port() for _ in range(4)]
    names = ("phoenix", "phoenix_grpc", "postgres_litellm", "postgres_phoenix")
    ports = ", ".join(f"{name}: {port}" for name, port in zip(names, others, strict=True))
    return project(folder, f"ports: {{litellm: {litellm}, {ports}}}\n{extra}", env=env)


def test_a_port_of_our_own_container_is_free_for_us(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        docker = FakeDocker(running={"litellm": inspected("litellm", ports={port: 4000})})

        runtime_of(on_ports(tmp_path / "shop", port), docker).preflight()


def test_a_port_of_another_container_is_told_with_its_project(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        docker = FakeDocker(others=[inspected("web", project="blog", ports={port: 80})])

        with pytest.raises(PortTaken) as taken:
            runtime_of(on_ports(tmp_path / "shop", port), docker).preflight()

    assert f"Port {port}, which litellm needs, is held by" in taken.value.message
    assert "the container blog-web-1 of the Compose project blog" in taken.value.message
    assert "ports.litellm" in taken.value.hint


def test_a_port_of_another_process_and_of_an_app_are_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        app = f'apps: {{api: {{image: "a:1", ports: {{"{port}": 8000}}}}}}\n'
        settings = on_ports(tmp_path / "shop", free_port(), app)

        with pytest.raises(PortTaken) as taken:
            runtime_of(settings, FakeDocker()).preflight()

    assert f"Port {port}, which api needs, is held by" in taken.value.message
    assert "pid" in taken.value.message
    assert "apps.api.ports" in taken.value.hint


def test_databases_of_production_need_no_port(tmp_path: Path) -> None:
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


def test_a_project_whose_folder_was_moved_keeps_its_containers(
    tmp_path: Path, settings: Settings
) -> None:
    gone = str(tmp_path / "before" / "compose")
    docker = FakeDocker(running={"litellm": inspected("litellm", folder=gone)})

    assert report_of(runtime_of(settings, docker).stop()) == ("litellm",)


# looking


def test_every_service_and_app_has_a_state(tmp_path: Path) -> None:
    settings = project(tmp_path / "shop", APPS)
    docker = up_and_running("shop")
    docker.running["shop"] = inspected("shop", ports={8080: 8000}, image="shop:1")

    states = runtime_of(settings, docker).states()

    assert [state.service for state in states] == [*SERVICES, "api", "shop"]
    assert [state.state for state in states] == ["running"] * 4 + ["stopped", "running"]
    assert [state.address for state in states][2:] == [
        settings.phoenix_url,
        settings.gateway_url,
        None,
        "http://127.0.0.1:8080",
    ]
    assert (states[-1].pid, states[-1].version) == (4000, "1")


def test_the_engine_knows_of_health_where_there_is_a_check(settings: Settings) -> None:
    docker = up_and_running()
    docker.running["litellm"] = inspected("litellm", health="unhealthy", ports={4000: 4000})
    docker.running["phoenix"] = inspected("phoenix")
    runtime = runtime_of(settings, docker)

    assert runtime.healthy("postgres-litellm") is True
    assert runtime.healthy("litellm") is False
    assert runtime.healthy("phoenix") is None
    assert runtime.owns("litellm", 4000)
    assert not runtime.owns("litellm", 6006)
    assert not runtime.owns("redis", 4000)


def test_questions_about_one_moment_are_one_look(settings: Settings) -> None:
    docker, clock = up_and_running(), FakeClock()
    runtime = DockerRuntime(settings, docker=docker, clock=clock, sleep=clock.sleep)

    runtime.states()
    runtime.healthy("litellm")
    runtime.owns("litellm", 4000)
    first = docker.looks
    clock.sleep(1)
    runtime.states()

    assert (first, docker.looks) == (1, 2)


# stop and restart


def test_a_stop_ends_what_needs_a_database_before_it_and_keeps_the_data(
    settings: Settings,
) -> None:
    docker = up_and_running("old-app")

    seen, ran = driven(runtime_of(settings, docker).stop())

    assert ran == (*SERVICES, "old-app")
    assert docker.calls == [
        "stop id-phoenix id-litellm id-old-app",
        "stop id-postgres-litellm id-postgres-phoenix",
        "remove id-postgres-litellm id-postgres-phoenix id-phoenix id-litellm id-old-app",
        "remove networks",
    ]
    assert {event.subject for event in seen if event.state == "stopped"} == set(ran)


def test_a_stop_removes_data_only_where_that_is_wanted(settings: Settings) -> None:
    docker = FakeDocker()

    assert report_of(runtime_of(settings, docker).stop(remove_data=True)) == ()
    assert docker.calls == ["remove networks", "remove volumes"]


def test_containers_that_ended_by_themselves_are_removed_too(settings: Settings) -> None:
    docker = FakeDocker(running={"litellm": inspected("litellm", status="exited")})

    assert report_of(runtime_of(settings, docker).stop()) == ("left-over containers",)


def test_a_restart_keeps_containers_whose_settings_did_not_change(settings: Settings) -> None:
    docker = up_and_running()
    docker.differs = {"phoenix"}

    driven(runtime_of(settings, docker).restart(["phoenix", "litellm"]))

    assert docker.calls == [f"up {' '.join(SERVICES)}", "restart litellm"]


def test_a_restart_of_all_takes_the_apps_that_were_started(tmp_path: Path) -> None:
    docker = up_and_running("shop")

    driven(runtime_of(project(tmp_path / "shop", APPS), docker).restart([]))

    assert docker.calls[-2:] == ["up shop", f"restart {' '.join(SERVICES)} shop"]


def test_a_restart_of_nothing_that_runs_is_a_start(settings: Settings) -> None:
    docker = FakeDocker()

    driven(runtime_of(settings, docker).restart([]))

    assert docker.calls == [f"up {' '.join(SERVICES)}"]


def test_unknown_services_are_told_with_the_known(settings: Settings) -> None:
    runtime = runtime_of(settings, FakeDocker())

    with pytest.raises(UnknownService) as unknown:
        driven(runtime.restart(["postgres"]))
    with pytest.raises(UnknownService):
        runtime.logs(["postgres"], tail=None, since=None, follow=False)

    assert "postgres-litellm" in unknown.value.hint


# logs and data


def test_logs_of_nothing_are_empty(settings: Settings) -> None:
    nothing = runtime_of(settings, FakeDocker())

    assert list(nothing.logs([], tail=None, since=None, follow=False)) == []
    assert nothing.last_lines("litellm") == ""


def test_logs_need_no_compose_file_and_no_secret(settings: Settings) -> None:
    docker = up_and_running()
    docker.says = {"logs": ["litellm-1  | 2026-11-23T17:00:00Z hello"]}

    (line,) = runtime_of(settings, docker).logs([], tail=None, since=None, follow=False)

    assert (line.service, line.text) == ("litellm", "hello")
    assert not settings.compose_dir.exists()
    assert not settings.env_file.exists()


def test_there_is_data_while_there_is_a_volume(settings: Settings) -> None:
    docker = FakeDocker()
    runtime = runtime_of(settings, docker)

    assert runtime.has_data()
    driven(runtime.stop(remove_data=True))
    assert not runtime.has_data()


def test_a_plan_counts_with_the_secrets_that_up_would_generate(settings: Settings) -> None:
    needed = "${POSTGRES_PASSWORD:?gatewayctl init makes it in .env}"
    docker = up_and_running()
    docker.configured = {"postgres-phoenix": {"environment": {"POSTGRES_PASSWORD": needed}}}
    files = plan(settings, runtime="docker")

    found = {c.service: c for c in runtime_of(settings, docker).pending(files)}

    assert found["postgres-phoenix"].action == "recreate"
    assert found["postgres-phoenix"].why[-1] == "POSTGRES_PASSWORD"


def test_the_last_lines_are_the_containers(settings: Settings) -> None:
    docker = up_and_running()
    docker.says = {"id-litellm": ["one", "two", "three", ""]}

    assert runtime_of(settings, docker).last_lines("litellm", 3) == "two\nthree"


def test_the_database_is_emptied_while_litellm_does_not_run(settings: Settings) -> None:
    docker = up_and_running()

    driven(runtime_of(settings, docker).empty_litellm_database())

    assert docker.calls[:2] == ["stop id-litellm", "up postgres-litellm"]
    assert docker.calls[2].startswith("execute id-postgres-litellm psql -U litellm_user")
    assert "DROP DATABASE IF EXISTS litellm WITH (FORCE)" in docker.calls[2]
    assert "CREATE DATABASE litellm OWNER litellm_user" in docker.calls[2]


def test_a_database_that_does_not_become_healthy_is_not_emptied(settings: Settings) -> None:
    docker = up_and_running()
    docker.running["postgres-litellm"] = inspected("postgres-litellm", health="starting")

    with pytest.raises(ServiceFailed, match="postgres-litellm does not become healthy"):
        driven(runtime_of(settings, docker).empty_litellm_database())

    assert not any(call.startswith("execute") for call in docker.calls)


def test_client_programs_run_inside_the_database_of_that_name(settings: Settings) -> None:
    runtime = runtime_of(settings, up_and_running())
    shell = runtime.shell("phoenix")

    assert (shell.database, shell.owner) == ("phoenix", "phoenix_user")
    assert shell.running()
    assert not runtime_of(settings, FakeDocker()).shell("phoenix").running()


def test_a_database_that_does_not_run_is_started_for_a_shell(settings: Settings) -> None:
    docker = FakeDocker()
    shell = runtime_of(settings, docker).shell("litellm")

    with pytest.raises(RuntimeProblem, match="postgres-litellm does not run"):
        next(shell.run("pg_dump", database="litellm"))
    shell.start()

    assert docker.calls == ["up postgres-litellm"]
