from __future__ import annotations

import pytest

from gatewayctl.errors import RuntimeProblem
from gatewayctl.generators import drain
from gatewayctl.runtimes.kubernetes.preflight import rights_to_change
from tests.unit.runtimes.kubernetes.stack import SERVICES, Stack, collect, run

KEPT = {"Namespace", "PersistentVolumeClaim", "ControllerRevision"}


def kinds(stack: Stack) -> set[str]:
    return {kind for kind, _ in stack.cluster.objects}


def test_a_stop_leaves_the_data_and_nothing_else(running: Stack) -> None:
    stopped = run(running.runtime.stop())

    assert stopped == SERVICES
    assert kinds(running) <= KEPT
    assert running.runtime.has_data()
    assert {state.state for state in running.runtime.states()} == {"stopped"}


def test_a_second_stop_finds_nothing(running: Stack) -> None:
    run(running.runtime.stop())

    assert run(running.runtime.stop()) == ()


def test_services_end_before_their_databases(running: Stack) -> None:
    progress, _ = collect(running.runtime.stop())

    ended = [each.subject for each in progress if each.state == "stopped"]
    assert ended.index("litellm") < ended.index("postgres-litellm")


def test_pods_of_services_get_less_time_to_end_than_in_a_rollout(running: Stack) -> None:
    run(running.runtime.stop())

    deleted = [words for words in running.cluster.calls if words[0] == "delete"]
    (pods,) = [words for words in deleted if "--grace-period=30" in words]
    assert any(word.startswith("pod/litellm-") for word in pods)
    assert not any("postgres" in word for word in pods)


def test_a_stop_with_its_data_removes_the_namespace_that_is_ours(running: Stack) -> None:
    run(running.runtime.stop(remove_data=True))

    assert running.cluster.objects == {}
    assert not running.runtime.has_data()


def test_a_namespace_with_objects_of_others_stays(running: Stack) -> None:
    running.cluster.add("ConfigMap", "of-others")
    running.cluster.add("ConfigMap", "kube-root-ca.crt")
    running.cluster.add("ServiceAccount", "default")

    progress, _ = collect(running.runtime.stop(remove_data=True))

    assert ("ConfigMap", "of-others") in running.cluster.objects
    assert ("Namespace", "shop") in running.cluster.objects
    assert progress[-1].detail == "stays: it has ConfigMap of-others of others"


def test_a_namespace_of_others_stays(stack: Stack) -> None:
    stack.cluster.add("Namespace", "shop", {"team": "payments"})
    stack.up()

    run(stack.runtime.stop(remove_data=True))

    assert set(stack.cluster.objects) == {("Namespace", "shop")}


def test_what_others_have_in_the_namespace_is_never_removed(running: Stack) -> None:
    theirs = {
        ("Deployment", "other"): {"app.kubernetes.io/instance": "shop"},
        ("PersistentVolumeClaim", "other"): {},
        ("Secret", "other"): {"app.kubernetes.io/managed-by": "Helm"},
    }
    for (kind, name), labels in theirs.items():
        running.cluster.add(kind, name, labels)

    run(running.runtime.stop(remove_data=True))

    assert theirs.keys() <= running.cluster.objects.keys()


def test_a_stop_works_without_settings_that_a_start_needs(running: Stack) -> None:
    running.env.clear()

    assert run(running.runtime.stop()) == SERVICES


def test_what_an_interrupted_stop_left_is_removed_by_the_next(running: Stack) -> None:
    for pod in running.cluster.pods_of("litellm"):
        running.cluster.objects.pop(("Pod", pod["metadata"]["name"]))
    del running.cluster.objects["Deployment", "litellm"]
    for replica_set in running.cluster.of("ReplicaSet").values():
        if replica_set["metadata"]["name"].startswith("litellm"):
            del replica_set["metadata"]["ownerReferences"]

    run(running.runtime.stop())

    assert kinds(running) <= KEPT


def test_a_pod_that_does_not_end_is_named(running: Stack) -> None:
    (pod,) = running.cluster.pods_of("litellm")
    pod["metadata"]["ownerReferences"] = []
    running.cluster.keep = {pod["metadata"]["name"]}

    with pytest.raises(RuntimeProblem, match="do not end: litellm"):
        drain(running.runtime.stop())


def test_databases_of_the_operator_are_hibernated_and_keep_their_volumes(stack: Stack) -> None:
    stack.yaml = "kubernetes: {postgres: cloudnative-pg}\n"
    stack.up()

    run(stack.runtime.stop())

    cluster = stack.live("Cluster", "postgres-litellm")
    assert cluster["metadata"]["annotations"]["cnpg.io/hibernation"] == "on"
    assert stack.cluster.of("Deployment") == {}


def test_a_start_wakes_databases_that_hibernate(stack: Stack) -> None:
    stack.yaml = "kubernetes: {postgres: cloudnative-pg}\n"
    stack.up()
    run(stack.runtime.stop())

    run(stack.runtime.start())

    cluster = stack.live("Cluster", "postgres-litellm")
    assert cluster["metadata"]["annotations"]["cnpg.io/hibernation"] == "off"


@pytest.mark.parametrize("postgres", ["statefulset", "cloudnative-pg"])
def test_an_account_with_the_permissions_of_a_start_may_do_all_of_a_stop(
    stack: Stack, postgres: str
) -> None:
    stack.yaml = f"kubernetes: {{postgres: {postgres}, replicas: 2}}\n"
    stack.up()
    granted = {(r.verb, r.resource) for r in rights_to_change(stack.settings().kubernetes)}
    stack.cluster.calls.clear()

    run(stack.runtime.stop())

    deleted = {change.split()[1] for change in stack.cluster.changes if "delete" in change}
    assert {"Deployment", "ReplicaSet", "Pod"} <= deleted
    plurals = {"NetworkPolicy": "networkpolicies"}
    needed = {("delete", plurals.get(kind, f"{kind.lower()}s")) for kind in deleted}
    assert needed <= granted
    read = next(words[1] for words in stack.cluster.calls if words[0] == "get")
    assert {("list", kind.partition(".")[0]) for kind in read.split(",")} <= granted


def test_a_namespace_whose_content_cannot_be_read_stays(running: Stack) -> None:
    broken = "error: unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1"
    running.cluster.failing.append((("api-resources",), broken))

    progress, _ = collect(running.runtime.stop(remove_data=True))

    assert progress[-1].subject == "namespace shop"
    assert "cannot be read" in progress[-1].detail
    assert "metrics.k8s.io" in progress[-1].detail
    assert kinds(running) <= {"Namespace", "ControllerRevision"}
