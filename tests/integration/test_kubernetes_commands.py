"""Commands on a project in a cluster: which one, who agreed to it, and how many pods."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gatewayctl.errors import ClusterForbidden, RuntimeProblem
from tests.fakes.kubectl import plant_kubectl
from tests.integration.stack_project import Project, document

STAGING, PRODUCTION = "https://staging:6443", "https://production:6443"
Plant = Callable[[Mapping[str, str], str | None], None]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Put a kubectl with these contexts first in PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:{os.environ['PATH']}")

    def put(servers: Mapping[str, str], current: str | None = None) -> None:
        plant_kubectl(tmp_path / "programs", servers, current)

    return put


@pytest.fixture
def cluster(ready: Project, plant: Plant) -> Project:
    """A project that was never started in a cluster; kubectl has two, the current is staging."""
    ready.runtime.name = "kubernetes"
    (ready.folder / ".gatewayctl" / "runtime").unlink()
    declare(ready, "")
    plant({"staging": STAGING, "production": PRODUCTION}, "staging")
    return ready


def declare(project: Project, section: str) -> None:
    text = f"project_name: shop\nruntime: kubernetes  # a comment\n{section}"
    (project.folder / "gateway.yaml").write_text(text)


def record(project: Project) -> dict[str, str] | None:
    file = project.folder / ".gatewayctl" / "kubernetes.json"
    return json.loads(file.read_text()) if file.exists() else None


# The cluster of up


def test_up_asks_before_it_uses_a_context_that_gateway_yaml_does_not_name(
    cluster: Project,
) -> None:
    refused = cluster.run("up")

    assert refused.exit_code == 2
    assert f"context staging ({STAGING}), namespace shop" in refused.stderr
    assert "add --yes, or set kubernetes.context: staging in gateway.yaml" in refused.stderr
    assert "start" not in cluster.runtime.calls
    assert record(cluster) is None


def test_up_with_yes_remembers_the_cluster_and_the_next_one_does_not_ask(cluster: Project) -> None:
    first = document(cluster.run("up", "--yes", "--json"))
    again = cluster.run("up")

    place = {"context": "staging", "server": STAGING, "namespace": "shop"}
    assert first["data"]["kubernetes"] == place
    assert record(cluster) == place
    assert again.exit_code == 0
    assert f"Using context staging ({STAGING}), namespace shop." in again.stderr


def test_up_uses_a_context_that_gateway_yaml_names_without_a_question(cluster: Project) -> None:
    declare(cluster, "kubernetes: {context: production, namespace: llm}\n")

    assert cluster.run("up").exit_code == 0
    assert record(cluster) == {
        "context": "production", "server": PRODUCTION, "namespace": "llm"
    }  # fmt: skip


def test_the_recorded_cluster_is_kept_when_another_becomes_the_current_one(
    cluster: Project, plant: Plant
) -> None:
    cluster.run("up", "--yes")
    plant({"staging": STAGING, "production": PRODUCTION}, "production")

    assert cluster.run("up").exit_code == 0
    assert cluster.run("restart").exit_code == 0
    assert (record(cluster) or {})["context"] == "staging"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("kubernetes: {context: production}\n", id="context"),
        pytest.param("kubernetes: {namespace: other}\n", id="namespace"),
        pytest.param(None, id="server"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        *(["restart"], ["down"], ["reset", "--yes"], ["scale", "litellm=2"]),
        *(["keys", "create"], ["keys", "revoke", "litellm-dev", "--yes"], ["down", "--volumes"]),
    ],
    ids=" ".join,
)
def test_another_place_is_changed_by_nothing_but_up(
    cluster: Project, plant: Plant, change: str | None, command: list[str]
) -> None:
    cluster.run("up", "--yes")
    before = record(cluster)
    cluster.runtime.calls.clear()
    if change is None:
        plant({"staging": "https://elsewhere:6443"}, "staging")
    else:
        declare(cluster, change)
    words = [*command, "--yes"] if "--volumes" in command else command

    refused = document(cluster.run(*words, "--json"))

    assert refused["error"]["code"] == "context_changed"
    assert "gatewayctl up" in refused["error"]["hint"]
    assert not {"start", "stop", "stop --remove-data"} & set(cluster.runtime.calls)
    assert document(cluster.run("up", "--json"))["error"]["code"] == "confirmation_required"
    assert record(cluster) == before
    assert cluster.run("up", "--yes").exit_code == 0
    assert record(cluster) != before


def test_what_was_never_started_is_not_stopped_in_the_current_context(cluster: Project) -> None:
    refused = document(cluster.run("down", "--json"))

    assert refused["error"]["code"] == "context_changed"
    assert "never started in context staging" in refused["error"]["message"]


def test_status_shows_the_place_of_the_stack_and_notes_another_one(cluster: Project) -> None:
    cluster.run("up", "--yes")
    declare(cluster, "kubernetes: {context: production}\n")

    text = cluster.run("status")
    found = document(cluster.run("status", "--json"))["data"]

    assert f"In context staging ({STAGING}), namespace shop" in text.stdout
    assert "`up` would use context production" in text.stdout
    assert found["kubernetes"]["context"] == "staging"


def test_plan_shows_where_up_would_start_and_that_it_moves(cluster: Project) -> None:
    cluster.run("up", "--yes")
    same = cluster.run("plan")
    declare(cluster, "kubernetes: {context: production}\n")
    moved = document(cluster.run("plan", "--json"))

    assert f"In context staging ({STAGING}), namespace shop" in same.stdout
    assert moved["status"] == "partial"
    assert moved["data"]["kubernetes"]["context"] == "production"
    assert {each["action"] for each in moved["data"]["services"]} == {"start"}
    assert "moves to context production" in moved["data"]["services"][0]["why"][0]


def test_a_refused_start_leaves_the_record_as_it_was(cluster: Project) -> None:
    cluster.runtime.raising["preflight"] = ClusterForbidden("It may not.")
    assert document(cluster.run("up", "--yes", "--json"))["error"]["code"] == "cluster_forbidden"
    assert record(cluster) is None


def test_after_the_data_is_deleted_the_next_up_asks_again(cluster: Project) -> None:
    cluster.run("up", "--yes")
    assert cluster.run("down", "--volumes", "--yes").exit_code == 0

    assert record(cluster) is None
    assert cluster.run("up").exit_code == 2


# env


def test_an_application_in_the_cluster_gets_the_names_of_the_services(cluster: Project) -> None:
    declare(cluster, "kubernetes: {namespace: llm, context: staging}\n")
    for place in ("cluster", "container"):
        found = document(cluster.run("env", "--for", place, "--json"))["data"]["variables"]
        assert found["LLM_BASE_URL"] == "http://litellm.llm.svc.cluster.local:4000"
        assert found["LLM_API_KEY"].startswith("sk-")


def test_a_project_in_docker_has_no_addresses_in_a_cluster(ready: Project) -> None:
    ready.runtime.name = "docker"
    refused = document(ready.run("env", "--for", "cluster", "--json"))

    assert refused["error"]["code"] == "usage"
    assert "--for container" in refused["error"]["hint"]


# scale


@pytest.fixture
def scalable(cluster: Project) -> Project:
    declare(cluster, "kubernetes:\n  context: staging  # ours\n")
    assert cluster.run("up").exit_code == 0
    cluster.runtime.calls.clear()
    return cluster


def test_scale_sets_the_number_in_gateway_yaml_and_starts(scalable: Project) -> None:
    done = scalable.run("scale", "litellm=3")

    assert done.exit_code == 0
    assert "Scaled litellm from 1 to 3 pods (gateway.yaml)." in done.stdout
    assert "Redis was added" in done.stdout
    assert "start" in scalable.runtime.calls
    assert scalable.secrets()["REDIS_PASSWORD"]
    assert (scalable.folder / "gateway.yaml").read_text() == (
        "project_name: shop\nruntime: kubernetes  # a comment\n"
        "kubernetes:\n  replicas: 3\n  context: staging  # ours\n"
    )
    rendered = (scalable.folder / "compose" / "kubernetes" / "litellm.yaml").read_text()
    assert "replicas: 3" in rendered


def test_scale_as_a_document_and_again_changes_nothing(scalable: Project) -> None:
    first = document(scalable.run("scale", "litellm=2", "--json"))
    again = scalable.run("scale", "litellm=2")
    back = document(scalable.run("scale", "litellm=1", "--json"))
    entries = document(scalable.run("audit", "--json"))["data"]["entries"]

    assert first["command"] == "scale"
    assert (first["data"]["before"], first["data"]["replicas"]) == (1, 2)
    assert (first["data"]["changed"], first["data"]["redis"]) == (True, "added")
    assert "Nothing changed: litellm runs with 2 pods already." in again.stdout
    assert back["data"]["redis"] == "removed"
    assert [each["subject"] for each in entries[-3:]] == ["litellm=2", "litellm=2", "litellm=1"]
    assert {(each["verb"], each["outcome"]) for each in entries[-3:]} == {("scale", "done")}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("litellm", "expected litellm=N"),
        ("litellm=", "expected litellm=N"),
        ("litellm=-1", "expected litellm=N"),
        ("litellm=two", "expected litellm=N"),
        ("litellm=2.5", "expected litellm=N"),
        ("litellm=٣", "expected litellm=N"),
        ("litellm=0", "expected 1 to 1000"),
        ("litellm=" + "9" * 5000, "expected 1 to 1000"),
        ("phoenix=2", "Only litellm can be scaled, not 'phoenix'"),
    ],
)
def test_another_target_is_a_usage_error_and_changes_nothing(
    scalable: Project, target: str, said: str
) -> None:
    before = (scalable.folder / "gateway.yaml").read_bytes()
    refused = scalable.run("scale", target)

    assert refused.exit_code == 2
    assert said in refused.stderr
    assert (scalable.folder / "gateway.yaml").read_bytes() == before


def test_autoscaling_decides_the_number(scalable: Project) -> None:
    declare(scalable, "kubernetes: {context: staging, autoscaling: {min: 2, max: 5}}\n")
    refused = scalable.run("scale", "litellm=3")

    assert refused.exit_code == 3
    assert "kubernetes.autoscaling in gateway.yaml decides" in refused.stderr
    assert "2 to 5" in refused.stderr


@pytest.mark.parametrize(
    ("runtime", "instead"), [("docker", "workers: 3"), ("embedded", "workers")]
)
def test_other_runtimes_have_no_pods_and_say_what_they_have(
    ready: Project, runtime: str, instead: str
) -> None:
    ready.runtime.name = runtime  # type: ignore[assignment]
    before = (ready.folder / "gateway.yaml").read_bytes()
    refused = ready.run("scale", "litellm=3")

    assert refused.exit_code == 4
    assert f"The {runtime} runtime has no pods to scale." in refused.stderr
    assert instead in refused.stderr
    assert (ready.folder / "gateway.yaml").read_bytes() == before


def test_a_scale_that_preflight_refuses_leaves_gateway_yaml_as_it_was(scalable: Project) -> None:
    before = (scalable.folder / "gateway.yaml").read_bytes()
    scalable.runtime.raising["preflight"] = RuntimeProblem("It may not.")

    assert scalable.run("scale", "litellm=3").exit_code == 4

    assert (scalable.folder / "gateway.yaml").read_bytes() == before
    assert "start" not in scalable.runtime.calls
