"""The main use cases on the Docker runtime, and failures specific to an engine."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.metering.containers import find_bridge
from tests.e2e.company import THROUGH_PROXY, company
from tests.e2e.conftest import Project
from tests.e2e.docker.conftest import POSTGRES_PORT, MakeProject
from tests.e2e.docker.containers import container_of, ok, until
from tests.e2e.one_change import moved, predicted
from tests.e2e.sweeps import SCRIPT
from tests.e2e.test_retention import TRACES
from tests.e2e.test_story import spans_of, wait_for_spans

REPLY = "Hello from upstream."
SERVICES = ("postgres-litellm", "postgres-phoenix", "phoenix", "litellm")


def container(project: Project, service: str) -> str:
    """The id of a service's container."""
    return container_of(project.name, service)


def containers(project: Project) -> dict[str, str]:
    """The container of every service."""
    return {service: container(project, service) for service in SERVICES}


def refused(project: Project, *words: str, timeout: float = 300) -> tuple[int, str, str]:
    """Run a command that must fail: exit code, code and message of the error."""
    done = project.run(*words, "--json", timeout=timeout)
    assert done.returncode != 0, done.stdout
    error = json.loads(done.stdout)["error"]
    return done.returncode, str(error["code"]), str(error["message"])


def test_up_creates_four_healthy_services_of_a_compose_project(docker_stack: Project) -> None:
    services = {one["service"]: one for one in docker_stack.data("status")["services"]}
    listed = json.loads(ok("compose", "ls", "--format", "json"))

    assert [name for name in SERVICES if services[name]["health"] != "healthy"] == []
    assert docker_stack.name in {project["Name"] for project in listed}
    assert docker_stack.secrets()["LITELLM_API_KEY"].startswith("sk-")


def test_a_stack_starts_beside_a_postgresql_of_the_machine(docker_stack: Project) -> None:
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", POSTGRES_PORT)) == 0
    services = {one["service"]: one for one in docker_stack.data("status")["services"]}

    assert services["postgres-phoenix"]["address"] is None
    assert services["postgres-litellm"]["address"].endswith(
        f":{docker_stack.ports['postgres_litellm']}"
    )


def test_a_copied_folder_changes_and_dumps_nothing_of_its_original(
    docker_stack: Project, tmp_path: Path
) -> None:
    copies = []
    for name in (docker_stack.name, f"{docker_stack.name}-copy"):
        folder = tmp_path / name
        shutil.copytree(docker_stack.folder, folder)
        yaml = folder / "gateway.yaml"
        text = yaml.read_text(encoding="utf-8")
        yaml.write_text(text.replace(docker_stack.name, name, 1), encoding="utf-8")
        copies.append(Project(folder=folder, ports=docker_stack.ports, name=name))
    before = docker_stack.data("keys", "list")

    for copy in copies:
        code, error, message = refused(copy, "keys", "rotate", "litellm-dev")
        assert (code, error) == (4, "port_taken")
        assert f"the gatewayctl project {docker_stack.folder}" in message
        code, error, _ = refused(copy, "backup")
        assert (code, error) in {(4, "port_taken"), (4, "project_name_taken")}
        assert str(docker_stack.folder) in copy.run("keys", "list").stderr
    assert docker_stack.data("keys", "list") == before
    assert "is used by" not in docker_stack.run("keys", "list").stderr


def test_a_chat_is_one_trace_found_by_its_component(docker_stack: Project) -> None:
    chat = docker_stack.data("chat", "--component", "passthrough", "--model", "demo", "Hello")
    trace = wait_for_spans(docker_stack, 3, trace_id=chat["trace_id"])
    found = spans_of(
        docker_stack, trace_id=chat["trace_id"], attribute="metadata.component:passthrough"
    )

    assert chat["reply"]
    assert [span["span_kind"] for span in trace].count("LLM") == 1
    assert [span for span in found if span["span_kind"] == "LLM"]
    roots = [span for span in trace if not span["parent_id"]]
    assert [root["context"]["span_id"] for root in roots] == [chat["span_id"]]


def test_a_new_model_behind_a_company_s_proxy_recreates_only_litellm(
    docker_stack: Project,
) -> None:
    before = containers(docker_stack)
    (host,) = find_bridge(engine.endpoint())
    with company(bind="0.0.0.0") as network:  # noqa: S104 - containers are not on loopback
        with (docker_stack.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
            config.write("models:\n  second: {model: openai/second, mock_response: Second.}\n")
        network.surround(docker_stack, host)
        planned = moved(predicted(docker_stack))

        docker_stack.ok("up")

        after = containers(docker_stack)
        recreated = {name for name in SERVICES if after[name] != before[name]}
        assert (planned, recreated) == ({"litellm"}, {"litellm"})
        assert "Second." in docker_stack.ok("chat", "--model", "second", "Hello")
        for model in ("behind-tls", "behind-proxy"):
            assert REPLY in docker_stack.ok("chat", "--model", model, "--verify", "Hello")
        assert network.calls() == THROUGH_PROXY


def test_older_traces_are_deleted_and_younger_ones_stay(docker_stack: Project) -> None:
    file = docker_stack.folder / "gateway.yaml"
    before, unchanged = containers(docker_stack), file.read_text(encoding="utf-8")
    docker_stack.ok("chat", "--model", "demo", "--verify", "Hello")
    file.write_text(f"{unchanged}retention: {{traces: 30d}}\n", encoding="utf-8")

    assert docker_stack.data("up")["retention"] == {"before": "all", "after": "30d"}
    psql = ("psql", "-X", "-A", "-t", "-U", "phoenix_user", "-d", "phoenix", "-c")
    ok("exec", before["postgres-phoenix"], *psql, TRACES)
    # The program comes by its input: the image has neither a shell nor a place to write to.
    sweep = ("docker", "exec", "-i", before["phoenix"], "/usr/bin/python3", "-")
    subprocess.run(sweep, input=SCRIPT.read_text(), text=True, timeout=120, check=True)

    left = "select count(*) filter (where name = 'old'), count(*) > 29 from spans"
    assert ok("exec", before["postgres-phoenix"], *psql, left) == "29|t"
    file.write_text(unchanged, encoding="utf-8")
    assert docker_stack.data("up")["retention"] == {"before": "30d", "after": "all"}
    assert containers(docker_stack) == before


@pytest.mark.full
def test_litellm_survives_an_outage_of_its_database(docker_stack: Project) -> None:
    before = containers(docker_stack)
    ok("stop", before["postgres-litellm"])
    time.sleep(30)
    ok("start", before["postgres-litellm"])

    until(
        lambda: docker_stack.run("chat", "--model", "demo", "Still there?").returncode == 0,
        seconds=120,
        what="a chat after the database came back",
    )

    assert containers(docker_stack) == before


@pytest.mark.full
def test_a_killed_main_process_is_restarted_in_its_container(docker_stack: Project) -> None:
    name = container(docker_stack, "litellm")
    process = ok("inspect", "--format", "{{.State.Pid}}", name)
    # Process 1 cannot be killed from inside the container, but from outside.
    subprocess.run(("kill", "-9", process), check=True)

    until(
        lambda: ok("inspect", "--format", "{{.State.Pid}}", name) not in {"0", process},
        seconds=30,
        what="the engine restarts it",
    )
    until(
        lambda: docker_stack.run("status").returncode == 0,
        seconds=120,
        what="LiteLLM healthy again without help",
    )
    assert container(docker_stack, "litellm") == name


def test_an_image_that_does_not_exist_is_reported(new_project: MakeProject) -> None:
    project = new_project()
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
        config.write("images:\n  redis: redis:7\n  phoenix: registry.invalid/phoenix:v0\n")

    code, error, message = refused(project, "up")

    assert code == 4
    assert error in {"image_missing", "registry_unreachable"}
    assert "registry.invalid/phoenix:v0" in message


@pytest.mark.full
def test_a_volume_created_with_another_password_is_given_that_of_env_file(
    new_project: MakeProject,
) -> None:
    project = new_project()
    project.ok("init")
    # The volume as an earlier `up` left it, with nothing else started.
    env = project.folder / ".env"
    project.ok("render")
    compose = ("compose", "--file", "compose/docker-compose.yml", "--env-file")
    run_in(project, *compose, ".env", "up", "--detach", "--wait", "postgres-litellm")
    run_in(project, *compose, ".env", "down")
    password = project.secrets()["LITELLM_POSTGRES_PASSWORD"]
    text = env.read_text(encoding="utf-8")
    env.write_text(text.replace(password, "another" + password), encoding="utf-8")

    project.ok("up", "--timeout", "200")

    assert project.data("chat", "--model", "demo", "Hello")["reply"]


def run_in(project: Project, *words: str) -> None:
    """Run docker in the project's folder."""
    subprocess.run(
        ("docker", *words),
        cwd=project.folder, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
def test_a_stopped_engine_is_reported(new_project: MakeProject, host: str) -> None:
    project = new_project()
    project.extra_env["DOCKER_HOST"] = host

    code, error, _ = refused(project, "up")
    del project.extra_env["DOCKER_HOST"]

    assert (code, error) == (4, "engine_not_running")
