from __future__ import annotations

import json
from typing import Any

import pytest

from gatewayctl.errors import RuntimeProblem, ServiceFailed
from gatewayctl.generators import drain
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.kubernetes.rollouts.rollout import is_complete
from tests.fakes.cluster import FakeCluster
from tests.fakes.cluster_controllers import waiting
from tests.unit.runtimes.kubernetes.stack import Stack, collect, run

CHANGED = "models: {demo: {mock_response: hi}}\n"


def deployment(**status: Any) -> dict[str, Any]:
    usual = {
        "observedGeneration": 2,
        "replicas": 2,
        "updatedReplicas": 2,
        "availableReplicas": 2,
    }
    return {
        "kind": "Deployment",
        "metadata": {"generation": 2},
        "spec": {"replicas": 2},
        "status": {**usual, **status},
    }


def stateful_set(**status: Any) -> dict[str, Any]:
    usual = {
        "observedGeneration": 1,
        "readyReplicas": 1,
        "updatedReplicas": 1,
        "currentRevision": "a",
        "updateRevision": "a",
    }
    return {
        "kind": "StatefulSet",
        "metadata": {"generation": 1},
        "spec": {"replicas": 1},
        "status": {**usual, **status},
    }


@pytest.mark.parametrize(
    ("workload", "complete"),
    [
        (deployment(), True),
        (deployment(observedGeneration=1), False),
        (deployment(updatedReplicas=1), False),
        # An old pod still serves.
        (deployment(replicas=3), False),
        (deployment(availableReplicas=1), False),
        (stateful_set(), True),
        # After a rollout that changed everything the server forgets this number.
        (stateful_set(updatedReplicas=0), True),
        (stateful_set(updateRevision="b", updatedReplicas=0), False),
        (stateful_set(readyReplicas=0), False),
    ],
)
def test_a_rollout_is_complete_when_all_pods_are_new_and_ready(
    workload: dict[str, Any], complete: bool
) -> None:
    assert is_complete(workload) is complete


def event(name: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Event",
        "metadata": {"name": f"{name}.1"},
        "involvedObject": {"name": name},
        "reason": reason,
        "message": message,
        "lastTimestamp": "2026-11-29T12:00:00Z",
    }


def add_event(cluster: FakeCluster, item: dict[str, Any]) -> None:
    cluster.objects["Event", item["metadata"]["name"]] = item


def test_a_pod_that_fits_on_no_node_fails_the_rollout_after_a_while(running: Stack) -> None:
    running.cluster.broken["litellm"] = waiting("ContainerCreating")
    running.yaml = CHANGED
    condition = {"type": "PodScheduled", "reason": "Unschedulable", "message": "no cpu"}

    def mark() -> None:
        for pod in running.cluster.pods_of("litellm"):
            if pod["status"]["conditions"][0]["status"] == "False":
                pod["status"]["conditions"].append(condition)

    running.clock.then = mark
    began = running.clock.now

    with pytest.raises(ServiceFailed, match=r"fits on no node .*: no cpu"):
        drain(running.runtime.start())

    assert 100 < running.clock.now - began < 200


def test_a_rollout_past_its_deadline_names_the_failing_probe(running: Stack) -> None:
    running.cluster.broken["litellm"] = waiting("ContainerCreating")
    running.yaml = CHANGED

    def expire() -> None:
        late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        running.live("Deployment", "litellm")["status"]["conditions"] = [late]
        for pod in running.cluster.pods_of("litellm"):
            name = pod["metadata"]["name"]
            if pod["status"]["conditions"][0]["status"] == "False":
                add_event(
                    running.cluster, event(name, "Unhealthy", "Startup probe failed: HTTP 503")
                )

    running.clock.then = expire

    with pytest.raises(ServiceFailed, match="not ready in time: Startup probe failed: HTTP 503"):
        drain(running.runtime.start())


def test_a_database_without_pods_names_why_from_its_events(stack: Stack) -> None:
    stack.cluster.refused["postgres-litellm"] = "quota"
    message = "create Pod failed error: pods is forbidden: exceeded quota: small, used: 1"
    add_event(stack.cluster, event("postgres-litellm", "FailedCreate", message))

    with pytest.raises(ServiceFailed, match="does not allow its pods: small, used: 1") as caught:
        drain(stack.runtime.start())

    assert caught.value.service == "postgres-litellm"


def test_a_fault_that_passes_does_not_fail_the_rollout(running: Stack) -> None:
    running.cluster.broken["litellm"] = waiting("CreateContainerConfigError", "secret not found")
    running.yaml = CHANGED

    def heal() -> None:
        running.cluster.broken.clear()
        running.cluster.reconcile(running.live("Deployment", "litellm"))

    running.clock.then = heal

    _, report = collect(running.runtime.start())

    assert report.restarted == ("litellm",)


def test_a_fault_that_comes_back_later_has_its_whole_time_again(running: Stack) -> None:
    running.cluster.broken["litellm"] = waiting("ContainerCreating")
    running.yaml = CHANGED
    condition = {"type": "PodScheduled", "reason": "Unschedulable", "message": "no cpu"}
    began = running.clock.now

    def mark() -> None:
        after = running.clock.now - began
        for pod in running.cluster.pods_of("litellm"):
            if pod["status"]["conditions"][0]["status"] == "False":
                faulty = after < 10 or 125 < after < 145
                pod["status"]["conditions"][1:] = [condition] if faulty else []
        if after > 160:
            running.cluster.broken.clear()
            running.cluster.reconcile(running.live("Deployment", "litellm"))

    running.clock.then = mark

    assert run(running.runtime.start()).restarted == ("litellm",)


def evict_once(stack: Stack, service: str) -> None:
    """Evict a pod of a service after a moment, and let each pod of it start 20 s from now."""
    began = stack.clock.now

    def happen() -> None:
        if len(stack.clock.naps) == 1:
            stack.cluster.evict(service)
        elif stack.clock.now >= began + 20:
            stack.cluster.broken.clear()
            kind = "StatefulSet" if service.startswith("postgres") else "Deployment"
            stack.cluster.reconcile(stack.live(kind, service))

    stack.clock.then = happen


def test_a_pod_that_a_node_evicted_weeks_ago_does_not_fail_a_scale(stack: Stack) -> None:
    stack.yaml = "kubernetes: {replicas: 2}\n"
    stack.up()
    evict_once(stack, "litellm")
    stack.cluster.broken["litellm"] = waiting("ContainerCreating")
    stack.yaml = "kubernetes: {replicas: 3}\n"

    progress, _ = collect(stack.runtime.start())

    assert not [each for each in progress if "low on resource" in str(each.detail)]
    assert len([pod for pod in stack.cluster.pods_of("litellm") if "evicted" in str(pod)]) == 1


def test_an_eviction_during_a_rollout_does_not_roll_it_back(running: Stack) -> None:
    running.cluster.broken["litellm"] = waiting("ContainerCreating")
    evict_once(running, "litellm")
    running.yaml = CHANGED

    assert run(running.runtime.start()).restarted == ("litellm",)


def test_a_database_whose_pod_a_node_evicts_waits_for_the_next_one(running: Stack) -> None:
    running.cluster.broken["postgres-litellm"] = waiting("ContainerCreating")
    evict_once(running, "postgres-litellm")
    running.yaml = "images: {postgres: 'postgres:16.1'}\n"

    assert "postgres-litellm" in run(running.runtime.start()).restarted


def test_a_rollout_whose_pods_no_node_keeps_names_why(running: Stack) -> None:
    running.yaml = CHANGED
    running.cluster.broken["litellm"] = waiting("ContainerCreating")

    def reject() -> None:
        if len(running.clock.naps) > 1:
            return
        running.cluster.evict("litellm", "Pod was rejected: no such device")
        for name in [name for name in running.cluster.of("Pod") if "evicted" not in name]:
            pod = running.live("Pod", name)
            if pod["status"]["conditions"][0]["status"] == "False":
                del running.cluster.objects["Pod", name]
        late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        running.live("Deployment", "litellm")["status"]["conditions"] = [late]

    running.clock.then = reject

    with pytest.raises(ServiceFailed, match="failed: Pod was rejected: no such device"):
        drain(running.runtime.start())


def test_a_workload_that_somebody_deletes_meanwhile_is_named(running: Stack) -> None:
    running.cluster.broken["litellm"] = waiting("ContainerCreating")
    running.yaml = CHANGED

    def delete() -> None:
        running.cluster.objects.pop(("Deployment", "litellm"), None)

    running.clock.then = delete

    with pytest.raises(RuntimeProblem, match="The workload of litellm was deleted"):
        drain(running.runtime.start())


def test_progress_is_reported_once_for_each_change(running: Stack) -> None:
    running.cluster.broken["litellm"] = waiting("ContainerCreating")
    running.yaml = CHANGED

    def heal() -> None:
        if len(running.clock.naps) > 5:
            running.cluster.broken.clear()
            running.cluster.reconcile(running.live("Deployment", "litellm"))

    running.clock.then = heal

    progress, _ = collect(running.runtime.start())

    waited = Progress(subject="litellm", state="working", detail="0 of 1 pods ready")
    assert progress.count(waited) == 1


def test_the_log_of_a_crashed_pod_has_its_secrets_masked(running: Stack) -> None:
    running.cluster.broken["litellm"] = waiting("CrashLoopBackOff", restarts=3, exitCode=1)
    running.cluster.log = "refused: sk-proj-0123456789abcdef0123456789abcdef"
    running.yaml = CHANGED

    with pytest.raises(ServiceFailed) as caught:
        drain(running.runtime.start())

    assert "refused: sk-" in caught.value.message
    assert "0123456789abcdef" not in caught.value.message


def test_of_a_traceback_in_json_the_error_is_shown(running: Stack) -> None:
    running.cluster.broken["litellm"] = waiting("CrashLoopBackOff", restarts=3, exitCode=1)
    frames = 'Traceback (most recent call last):\n  File "x.py", line 1, in y\n    z()\n'
    running.cluster.log = json.dumps({"message": f"{frames}ValueError: the reason"})
    running.yaml = CHANGED

    with pytest.raises(ServiceFailed, match="its log:\nValueError: the reason"):
        drain(running.runtime.start())
