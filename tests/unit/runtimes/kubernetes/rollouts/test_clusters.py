"""Databases that CloudNativePG runs: until it has seen a change, its status is that from before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gatewayctl.errors import ServiceFailed
from gatewayctl.generators import drain
from gatewayctl.runtimes.kubernetes.rollouts.clusters import is_healthy
from tests.fakes.cluster_controllers import pod_status
from tests.fakes.cluster_words import Object
from tests.unit.runtimes.kubernetes.stack import Stack, collect, run

OPERATOR = "kubernetes: {postgres: cloudnative-pg}\n"
CHANGED = f"{OPERATOR}images: {{postgres: 'ghcr.io/cloudnative-pg/postgresql:17'}}\n"
DATABASES = ("postgres-litellm", "postgres-phoenix")


@pytest.fixture
def databases(stack: Stack) -> Stack:
    """A project whose databases an operator runs, started; it has other work now."""
    stack.yaml = OPERATOR
    stack.up()
    stack.cluster.is_operator_busy = True
    return stack


def operate(stack: Stack, *, after: float, before: Callable[[], None] = lambda: None) -> float:
    """Let the operator come to the Clusters after some seconds, and return when that is."""
    until = stack.clock.now + after

    def happen() -> None:
        before()
        if stack.clock.now >= until:
            stack.cluster.is_operator_busy = False
        for name in DATABASES:
            stack.cluster.reconcile(stack.live("Cluster", name))

    stack.clock.then = happen
    return until


def test_another_image_is_complete_only_when_every_pod_has_it(databases: Stack) -> None:
    databases.yaml = CHANGED
    until = operate(databases, after=60)

    run(databases.runtime.start())

    assert databases.clock.now >= until


def test_a_restart_is_complete_only_when_every_pod_was_restarted_for_it(databases: Stack) -> None:
    until = operate(databases, after=60)

    run(databases.runtime.restart(DATABASES))

    assert databases.clock.now >= until


def test_a_pod_that_starts_meanwhile_for_another_reason_is_no_restart(databases: Stack) -> None:
    def start_again() -> None:
        pod = databases.live("Pod", "postgres-litellm-1")
        pod["status"]["containerStatuses"][0]["state"]["running"] = {
            "startedAt": "2099-01-01T00:00:00Z"
        }

    until = operate(databases, after=60, before=start_again)

    run(databases.runtime.restart(["postgres-litellm"]))

    assert databases.clock.now >= until


def test_databases_that_were_stopped_are_waited_for(databases: Stack) -> None:
    for name in DATABASES:
        del databases.cluster.objects["Pod", f"{name}-1"]
    until = operate(databases, after=60)

    run(databases.runtime.start())

    assert databases.clock.now >= until


def test_a_start_that_changes_nothing_waits_for_no_operator(databases: Stack) -> None:
    began = databases.clock.now

    report = run(databases.runtime.start())

    assert databases.clock.now == began
    assert set(DATABASES) <= set(report.unchanged)


def test_what_the_operator_does_is_reported(databases: Stack) -> None:
    databases.yaml = CHANGED

    def upgrade() -> None:
        databases.live("Cluster", DATABASES[0])["status"]["phase"] = "Upgrading cluster"

    operate(databases, after=20, before=upgrade)

    progress, _ = collect(databases.runtime.start())

    assert "1 of 1 pods ready: Upgrading cluster" in {each.detail for each in progress}


def test_an_operator_that_does_nothing_is_named_after_a_while(databases: Stack) -> None:
    databases.yaml = CHANGED

    with pytest.raises(ServiceFailed, match="CloudNativePG did not do in time") as caught:
        drain(databases.runtime.start())

    assert "describe clusters.postgresql.cnpg.io postgres-litellm" in caught.value.hint


def test_a_database_whose_creation_fails_in_a_job_is_named_with_it(stack: Stack) -> None:
    stack.yaml = OPERATOR
    stack.cluster.is_operator_busy = True

    def fail() -> None:
        labels = stack.live("Cluster", DATABASES[0])["spec"]["inheritedMetadata"]["labels"]
        pod = stack.cluster.add(
            "Pod", f"{DATABASES[0]}-1-initdb-x", {**labels, "job-name": "initdb"}
        )
        container = {"name": "initdb", "image": "postgresql"}
        pod["spec"] = {"containers": [container]}
        pod["status"] = {**pod_status(None, container), "phase": "Failed", "message": "no locale"}

    stack.clock.then = fail

    with pytest.raises(ServiceFailed, match="initdb-x failed: no locale"):
        drain(stack.runtime.start())


@pytest.mark.parametrize(
    ("status", "healthy"),
    [
        ({"readyInstances": 3, "phase": "Cluster in healthy state"}, True),
        ({"readyInstances": 3}, True),
        ({"readyInstances": 2, "phase": "Cluster in healthy state"}, False),
        ({"readyInstances": 3, "phase": "Primary instance is being restarted in-place"}, False),
        ({}, False),
    ],
)
def test_a_database_is_healthy_when_its_operator_says_so(status: Object, healthy: bool) -> None:
    assert is_healthy({"kind": "Cluster", "spec": {"instances": 3}, "status": status}) is healthy
