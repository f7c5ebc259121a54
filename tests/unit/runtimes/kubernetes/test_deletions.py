from __future__ import annotations

import json
from typing import Any

import pytest

from gatewayctl.errors import ClusterUnreachable, ProgramTimeout, RuntimeProblem
from tests.fakes.kubectl import FakeRun
from tests.unit.runtimes.kubernetes.stack import Stack, run

SLOW = "error: timed out waiting for the condition on persistentvolumeclaims/data"
DATA: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data", "finalizers": ["kubernetes.io/pvc-protection"]},
}


def delete_slowly(item: dict[str, Any], *, left: bool = True) -> FakeRun:
    run = FakeRun(failing=[(("delete",), SLOW)])
    if left:
        run.answers.append((("get",), json.dumps(item)))
    run.kubectl().delete([item])
    return run


def test_kubectl_ends_a_slow_deletion_itself_before_it_is_ended_from_outside() -> None:
    limits: list[float | None] = []
    fake = FakeRun()

    def timed(*args: Any, timeout: float | None = None, **more: Any) -> Any:
        limits.append(timeout)
        return fake(*args, **more)

    kubectl = fake.kubectl()
    kubectl._run = timed
    kubectl.delete([DATA], timeout=50)

    assert "--timeout=50s" in fake.calls[0]
    assert "--request-timeout=80s" in fake.calls[0]
    assert limits == [85]


def test_what_is_still_being_deleted_is_named_with_its_finalizers() -> None:
    with pytest.raises(RuntimeProblem) as caught:
        delete_slowly(DATA)

    assert not isinstance(caught.value, ClusterUnreachable)
    assert caught.value.message == (
        "Not deleted within 120 seconds (context staging, namespace shop):\n"
        "  PersistentVolumeClaim data, kept by its finalizers kubernetes.io/pvc-protection"
    )
    assert "controllers that set them" in caught.value.hint


def test_a_namespace_says_itself_why_it_is_not_gone() -> None:
    message = "Some content in the namespace has finalizers remaining: x in 1 resource instances"
    conditions = [
        {"type": "NamespaceFinalizersRemaining", "status": "True", "message": message},
        {"type": "NamespaceContentRemaining", "status": "False", "message": "All is gone"},
    ]
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "shop"},
        "status": {"conditions": conditions},
    }

    with pytest.raises(RuntimeProblem) as caught:
        delete_slowly(namespace)

    assert f"Namespace shop: {message}" in caught.value.message
    assert "All is gone" not in caught.value.message


def test_a_pod_that_takes_its_time_is_named_with_it() -> None:
    meta = {"name": "litellm-1", "deletionGracePeriodSeconds": 630}

    with pytest.raises(RuntimeProblem, match="Pod litellm-1, which has 630 seconds to end"):
        delete_slowly({"apiVersion": "v1", "kind": "Pod", "metadata": meta})


def test_what_is_gone_at_the_last_moment_is_no_failure() -> None:
    assert "get" in delete_slowly(DATA, left=False).calls[-1]


def test_a_server_that_does_not_answer_a_deletion_is_called_so() -> None:
    late = ProgramTimeout("kubectl did not end within 155 s.")

    with pytest.raises(ClusterUnreachable):
        FakeRun(answers=[(("delete",), late)]).kubectl().delete([DATA])


@pytest.mark.parametrize("killed_after", ["Deployment", "ReplicaSet"])
def test_pods_without_an_owner_that_a_killed_stop_left_get_no_more_time(
    running: Stack, killed_after: str
) -> None:
    cluster = running.cluster
    names = {pod["metadata"]["name"] for pod in cluster.pods_of("litellm")}
    del cluster.objects["Deployment", "litellm"]
    for name, item in cluster.of("ReplicaSet").items():
        if name.startswith("litellm"):
            del item["metadata"]["ownerReferences"]
            if killed_after == "ReplicaSet":
                del cluster.objects["ReplicaSet", name]
                for pod in cluster.pods_of("litellm"):
                    del pod["metadata"]["ownerReferences"]
    cluster.calls.clear()

    run(running.runtime.stop())

    deletions = [
        words
        for words in cluster.calls
        if words[0] == "delete" and names & {word.removeprefix("pod/") for word in words}
    ]
    assert deletions
    assert all("--grace-period=30" in words for words in deletions)
    assert not any(pod["metadata"]["name"] in names for pod in cluster.of("Pod").values())


def test_a_pod_that_ends_faster_than_that_keeps_its_own_time(running: Stack) -> None:
    labels = running.cluster.pods_of("litellm")[0]["metadata"]["labels"]
    labels = {**labels, "app.kubernetes.io/name": "litellm-migrate"}
    pod = running.cluster.add("Pod", "preflight", labels)
    pod["spec"] = {
        "terminationGracePeriodSeconds": 5,
        "containers": [{"name": "litellm", "image": "x"}],
    }
    running.cluster.calls.clear()

    run(running.runtime.stop())

    assert ("Pod", "preflight") not in running.cluster.objects
    deleting = [words for words in running.cluster.calls if "pod/preflight" in words]
    assert not any("--grace-period=30" in words for words in deleting)
