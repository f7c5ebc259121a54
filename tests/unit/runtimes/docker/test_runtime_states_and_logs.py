from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gatewayctl.runtimes.docker.runtime import DockerRuntime
from gatewayctl.settings.model import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.docker import FakeDocker, inspected
from tests.fakes.projects import project
from tests.unit.runtimes.docker.faked_engine import APPS, SERVICES, runtime_of, up_and_running


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


def test_a_service_has_the_address_it_is_published_at_until_it_is_recreated(tmp_path: Path) -> None:
    settings = project(tmp_path / "shop", "ports: {litellm: 4001, phoenix: 6007}\n")
    docker = up_and_running()
    docker.running["litellm"] = inspected("litellm", ports={4000: 4000})
    docker.running["phoenix"] = inspected("phoenix", ports={4317: 4317, 6006: 6006})
    runtime = runtime_of(settings, docker)

    running = {state.service: state.address for state in runtime.states()}
    docker.running["litellm"] = inspected("litellm", status="exited", ports={4000: 4000})
    stopped = runtime_of(settings, docker).states()[-1].address

    assert running["litellm"] == "http://127.0.0.1:4000"
    assert running["phoenix"] == "http://127.0.0.1:6006"
    assert stopped == "http://127.0.0.1:4001"


def test_health_is_known_where_there_is_a_health_check(settings: Settings) -> None:
    docker = up_and_running()
    docker.running["litellm"] = inspected("litellm", health="unhealthy", ports={4000: 4000})
    docker.running["phoenix"] = inspected("phoenix")
    runtime = runtime_of(settings, docker)

    assert runtime.is_healthy("postgres-litellm") is True
    assert runtime.is_healthy("litellm") is False
    assert runtime.is_healthy("phoenix") is None
    assert runtime.owns_port("litellm", 4000)
    assert not runtime.owns_port("litellm", 6006)
    assert not runtime.owns_port("redis", 4000)


def test_the_owner_of_a_port_is_asked_without_an_inspection(
    settings: Settings, tmp_path: Path
) -> None:
    def labels(folder: object, service: str = "litellm") -> Mapping[str, str]:
        compose = "com.docker.compose"
        return {f"{compose}.service": service, f"{compose}.project.working_dir": str(folder)}

    other = tmp_path / "another" / "compose"
    other.mkdir(parents=True)
    docker = up_and_running()
    answers = []
    for found in (
        [labels(settings.compose_dir)],
        [labels(settings.compose_dir, "phoenix")],
        [labels(other)],
        [labels("/moved/shop/compose")],
        [],
    ):
        docker.published = found
        answers.append(runtime_of(settings, docker).owns_port("litellm", 4000))

    assert answers == [True, False, False, True, False]
    assert docker.looks == 0


def test_one_inspection_serves_all_questions_of_a_moment(settings: Settings) -> None:
    docker, clock = up_and_running(), FakeClock()
    runtime = DockerRuntime(settings, docker=docker, clock=clock, sleep=clock.sleep)

    runtime.states()
    runtime.is_healthy("litellm")
    runtime.owns_port("litellm", 4000)
    first = docker.looks
    clock.sleep(1)
    runtime.states()

    assert (first, docker.looks) == (1, 2)


def test_the_logs_of_a_missing_container_are_empty(settings: Settings) -> None:
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


def test_the_last_lines_are_those_of_the_container(settings: Settings) -> None:
    docker = up_and_running()
    docker.says = {"id-litellm": ["one", "two", "three", ""]}

    assert runtime_of(settings, docker).last_lines("litellm", 3) == "two\nthree"
