from __future__ import annotations

import pytest

from gatewayctl.errors import (
    MigrationFailed,
    NotHealthyInTime,
    ServiceFailed,
)
from gatewayctl.generators import drain
from gatewayctl.runtimes.base import Progress
from tests.fakes.cluster_controllers import waiting
from tests.unit.runtimes.kubernetes.stack import Stack, collect, kinds, run

BROKEN = "images: {litellm: 'ghcr.io/berriai/litellm:v9.9.9'}\n"
NEWER = "ghcr.io/berriai/litellm:v9.9.9"


def test_migrations_are_applied_once_for_a_release(running: Stack) -> None:
    running.env["OPENAI_API_KEY"] = "sk-provider-another-key-0000"

    progress, _ = collect(running.runtime.start())

    assert "migrations" not in {each.subject for each in progress}


def test_another_release_migrates_before_its_pods_start(running: Stack) -> None:
    running.yaml = BROKEN

    run(running.runtime.start())

    order = kinds(running.cluster.changes)
    assert order.index("apply Job litellm-migrate") < order.index("apply Deployment litellm")
    assert len(running.cluster.of("Job")) == 1


def test_failed_migrations_keep_the_pods_and_show_the_log(running: Stack) -> None:
    running.cluster.jobs = "Failed"
    running.yaml = BROKEN
    running.env["OPENAI_API_KEY"] = "sk-provider-another-key-0000"
    before = running.live("Secret", "litellm")["data"]

    with pytest.raises(MigrationFailed, match="it does not work") as caught:
        drain(running.runtime.start())

    assert "LiteLLM's pods were not changed" in caught.value.message
    assert "apply Deployment litellm" not in running.cluster.changes
    assert running.live("Secret", "litellm")["data"] == before


def test_failed_migrations_are_applied_again_by_the_next_start(running: Stack) -> None:
    running.cluster.jobs = "Failed"
    running.yaml = BROKEN
    with pytest.raises(MigrationFailed):
        drain(running.runtime.start())
    running.cluster.jobs = "Complete"
    running.cluster.changes.clear()

    run(running.runtime.start())

    assert kinds(running.cluster.changes)[:2] == [
        "delete Job litellm-migrate",
        "apply Job litellm-migrate",
    ]


def test_migrations_that_a_killed_start_left_running_are_waited_for(running: Stack) -> None:
    running.cluster.jobs = "running"
    running.yaml = BROKEN

    def interrupt() -> None:
        raise KeyboardInterrupt

    running.clock.then = interrupt
    with pytest.raises(KeyboardInterrupt):
        drain(running.runtime.start())
    running.clock.then = running.cluster.finish_jobs

    run(running.runtime.start())

    assert kinds(running.cluster.changes).count("apply Job litellm-migrate") == 1
    assert running.cluster.pods_of("litellm")[0]["spec"]["containers"][0]["image"] == NEWER


def test_migrations_whose_image_is_missing_are_reported_and_removed(running: Stack) -> None:
    running.cluster.broken[NEWER] = waiting("ImagePullBackOff", "no such image")
    running.yaml = BROKEN

    with pytest.raises(ServiceFailed, match=r"cannot pull its image ghcr\.io.*v9\.9\.9"):
        drain(running.runtime.start())

    assert len(running.cluster.of("Job")) == 1
    assert "apply Deployment litellm" not in running.cluster.changes


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient cpu.",
}


def fit_on_no_node(stack: Stack, *, seconds: float) -> None:
    """Let the pod of the next migrations fit on no node for this time."""
    stack.cluster.broken[NEWER] = waiting("ContainerCreating")
    stack.yaml = BROKEN
    until = stack.clock.now + seconds

    def happen() -> None:
        if stack.clock.now >= until:
            stack.cluster.broken.clear()
            stack.cluster.finish_jobs()
            return
        for pod in stack.cluster.of("Pod").values():
            if pod["status"]["phase"] == "Pending":
                pod["status"]["conditions"] = [UNSCHEDULABLE]

    stack.clock.then = happen


def test_migrations_that_fit_on_no_node_say_so_and_fail_as_a_rollout_does(running: Stack) -> None:
    fit_on_no_node(running, seconds=1000)
    began = running.clock.now
    seen: list[Progress] = []
    steps = running.runtime.start()

    with pytest.raises(ServiceFailed, match=r"fits on no node .* 3 Insufficient cpu") as caught:
        seen.extend(steps)

    waited = [each.detail for each in seen if each.subject == "migrations"]
    assert waited[0] == "applying those of this release"
    assert ["no node" in str(detail) for detail in waited[1:]] == [True]
    assert 100 < running.clock.now - began < 200
    assert "kubernetes.resources" in caught.value.hint
    assert "apply Deployment litellm" not in running.cluster.changes


def test_migrations_go_on_when_a_node_is_added(running: Stack) -> None:
    fit_on_no_node(running, seconds=60)

    progress, _ = collect(running.runtime.start())

    assert [each.state for each in progress if each.subject == "migrations"][-1] == "ready"
    assert running.cluster.pods_of("litellm")[0]["spec"]["containers"][0]["image"] == NEWER


def test_a_start_that_has_no_more_time_names_why_its_migrations_wait(running: Stack) -> None:
    fit_on_no_node(running, seconds=1000)

    with pytest.raises(NotHealthyInTime, match="fits on no node"):
        drain(running.runtime.start(timeout=30))
