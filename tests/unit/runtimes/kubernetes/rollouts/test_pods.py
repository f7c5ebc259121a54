from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gatewayctl.runtimes.kubernetes.rollouts.pods import find_fault, parse_pod
from gatewayctl.runtimes.kubernetes.rollouts.rollout import explain_refused_pod
from tests.fakes.cluster_controllers import waiting


def status(container: dict[str, Any], **more: Any) -> dict[str, Any]:
    named = {"name": "litellm", "image": "litellm:v1", **container}
    return {"phase": "Running", "containerStatuses": [named], **more}


def running(restarts: int = 0, *, ready: bool = False, **ended: Any) -> dict[str, Any]:
    state = {"running": {"startedAt": "2026-11-29T12:00:00Z"}}
    last = {"lastState": {"terminated": ended}} if ended else {}
    return {"ready": ready, "restartCount": restarts, "state": state, **last}


@pytest.mark.parametrize(
    ("container", "summary", "certain"),
    [
        (
            waiting("ImagePullBackOff", "Back-off pulling image"),
            "cannot pull its image litellm:v1 (ImagePullBackOff): Back-off pulling image",
            True,
        ),
        (
            waiting("InvalidImageName", "couldn't parse image"),
            "cannot pull its image litellm:v1 (InvalidImageName): couldn't parse image",
            True,
        ),
        (
            waiting("CreateContainerConfigError", 'secret "litellm" not found'),
            'cannot be created (CreateContainerConfigError): secret "litellm" not found',
            True,
        ),
        (
            waiting("CrashLoopBackOff", restarts=2, exitCode=3),
            "crashes again and again (exit code 3)",
            True,
        ),
        (
            waiting("CrashLoopBackOff", restarts=2, exitCode=137, reason="OOMKilled"),
            "crashes again and again (out of memory: it is over its memory limit)",
            True,
        ),
        (running(2, exitCode=1), "crashes again and again (exit code 1)", False),
    ],
)
def test_a_container_that_does_not_work_is_explained(
    container: dict[str, Any], summary: str, certain: bool
) -> None:
    fault = find_fault(status(container))

    assert fault is not None
    assert (fault.summary, fault.is_certain) == (summary, certain)


@pytest.mark.parametrize(
    "container",
    [
        waiting("ContainerCreating"),
        waiting("PodInitializing"),
        # The first try to pull an image; kubelet tries again.
        waiting("ErrImagePull", "timeout"),
        waiting("CrashLoopBackOff", restarts=1, exitCode=1),
        waiting("CreateContainerConfigError", "failed to sync secret cache: timed out"),
        running(),
        running(5, ready=True, exitCode=1),
    ],
)
def test_what_still_starts_or_works_has_no_fault(container: dict[str, Any]) -> None:
    assert find_fault(status(container)) is None


def test_a_pod_that_fits_on_no_node_may_fit_later() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient cpu.",
    }

    fault = find_fault({"phase": "Pending", "conditions": [condition]})

    assert fault is not None
    assert fault.summary.endswith("(unschedulable): 0/3 nodes are available: 3 Insufficient cpu.")
    assert not fault.is_certain
    assert "kubernetes.resources" in fault.hint


def test_an_evicted_pod_has_its_reason() -> None:
    fault = find_fault({"phase": "Failed", "reason": "Evicted", "message": "low on memory"})

    assert fault is not None
    assert fault.summary == "failed: low on memory"


def test_a_failure_of_an_init_container_counts() -> None:
    init = {**waiting("ImagePullBackOff", "no"), "name": "init", "image": "busybox:9"}

    fault = find_fault({"phase": "Pending", "initContainerStatuses": [init]})

    assert fault is not None
    assert "busybox:9" in fault.summary


def test_a_pod_is_read_with_what_the_runtime_needs() -> None:
    pod = parse_pod(
        {
            "metadata": {
                "name": "litellm-1",
                "uid": "u",
                "deletionTimestamp": "2026-11-29T12:00:00Z",
                "labels": {"app.kubernetes.io/name": "litellm", "pod-template-hash": "abc"},
            },
            "spec": {"containers": [{"name": "main", "image": "litellm:v1"}]},
            "status": status(
                running(1, ready=True), conditions=[{"type": "Ready", "status": "True"}]
            ),
        }
    )

    assert (pod.service, pod.template, pod.image) == ("litellm", "abc", "litellm:v1")
    assert (pod.is_ready, pod.is_deleted, pod.is_alive, pod.restarts) == (True, True, False, 1)
    assert pod.started == datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "summary"),
    [
        (
            (
                'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=5,'
                " limited: pods=5"
            ),
            (
                "the quota of the namespace does not allow its pods: small, requested: pods=1,"
                " used: pods=5, limited: pods=5"
            ),
        ),
        (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            "Pod Security restricted:latest forbids its pods: runAsNonRoot != true",
        ),
        (
            'admission webhook "policy.example" denied the request: no such registry',
            (
                'its pods are forbidden: admission webhook "policy.example" denied the request: no'
                " such registry"
            ),
        ),
    ],
)
def test_a_pod_that_the_server_does_not_take_is_explained(message: str, summary: str) -> None:
    assert explain_refused_pod(message).summary == summary
