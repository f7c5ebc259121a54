"""A backup goes from one runtime to another and back: keys, spend, credentials and traces.

The tests share the stack in the cluster and build on each other, in the order of the file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, own_stack
from tests.e2e.docker.conftest import new_stack as new_docker_stack
from tests.e2e.kubernetes.cluster import Cluster, until
from tests.e2e.kubernetes.stacks import loaded, new_stack, roll_out
from tests.e2e.test_backup import PROVIDER_KEY, is_accepted, store_credential, traces

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]

RATE = 5.0
"""Chats a second."""


@dataclass
class Story:
    """What a backup has to bring along: grows with each runtime that it comes from."""

    key: str = ""
    traces: list[str] = field(default_factory=list)
    requests: int = 0


@pytest.fixture(scope="module")
def in_cluster(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with new_stack(cluster, tmp_path_factory.mktemp("backup"), "backup") as project:
        roll_out(project, "up")
        store_credential(project)
        yield project


@pytest.fixture(scope="module")
def story(in_cluster: Project) -> Story:
    return Story(key=in_cluster.secrets()["LITELLM_API_KEY"])


def use(project: Project, story: Story) -> None:
    """Make a call, and wait until its spend and its trace are stored."""
    call = project.data("chat", "--model", "demo", "--verify", "Will this be kept?")
    story.traces.append(call["trace_id"])
    until(lambda: count(project) > story.requests, seconds=60, what="the chat is in the spend logs")
    # LiteLLM writes them in batches.
    time.sleep(5)
    story.requests = count(project)


def count(project: Project) -> int:
    return int(project.data("usage", "--since", "1d")["total"]["requests"])


def move(source: Project, target: Project, story: Story, file: Path) -> None:
    """Restore a backup of one project into the other, and look for everything there."""
    backup = source.data("backup", str(file))
    assert PROVIDER_KEY.encode() not in file.read_bytes()

    report = roll_out(target, "restore", str(file), "--force", "--yes")

    assert report["contents"] == backup["contents"]
    assert (report["key_opens"], report["credential"]) == (True, "decrypted")
    assert target.secrets()["LITELLM_API_KEY"] == story.key
    assert is_accepted(target, story.key)
    found: dict[str, list[Any]] = {trace: traces(target, trace) for trace in story.traces}
    assert [trace for trace, spans in found.items() if len(spans) < 2] == []
    assert count(target) >= story.requests
    assert {each["state"] for each in target.data("keys", "list")["keys"]} == {"ok"}


def test_a_backup_under_load_fails_no_chat(
    cluster: Cluster, in_cluster: Project, tmp_path: Path
) -> None:
    with loaded(cluster, in_cluster, rate=RATE) as load:
        load.wait(2)
        in_cluster.ok("backup", str(tmp_path / "under-load"))
        load.wait(10)


def test_a_backup_goes_from_the_cluster_to_docker_and_back(
    in_cluster: Project, story: Story, tmp_path: Path
) -> None:
    use(in_cluster, story)
    with new_docker_stack(tmp_path / "docker") as docker:
        move(in_cluster, docker, story, tmp_path / "to-docker")
        use(docker, story)
        move(docker, in_cluster, story, tmp_path / "to-the-cluster")


def test_a_backup_goes_from_the_cluster_to_the_embedded_runtime_and_back(
    in_cluster: Project, story: Story, embedded_environment: Environment, tmp_path: Path
) -> None:
    use(in_cluster, story)
    with own_stack(tmp_path / "embedded") as embedded:
        move(in_cluster, embedded, story, tmp_path / "to-embedded")
        use(embedded, story)
        move(embedded, in_cluster, story, tmp_path / "to-the-cluster")
