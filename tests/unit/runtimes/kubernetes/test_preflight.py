from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from gatewayctl.errors import ClusterForbidden, KubectlTooOld, NamespaceTerminating
from gatewayctl.runtimes.kubernetes.preflight import (
    find_missing,
    require_cluster,
    require_kubectl,
    require_namespace,
    require_rights,
    rights_to_change,
)
from gatewayctl.runtimes.kubernetes.rights import Right
from gatewayctl.settings.declared.kubernetes import Autoscaling, Ingress, Kubernetes
from tests.fakes.kubectl import FakeRun

RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
DECLARED = Kubernetes(namespace="shop")


def rules(*granted: tuple[str, str, str]) -> str:
    """The answer to a rules review; each rule is group, resource and verb."""
    listed = [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for group, resource, verb in granted
    ]
    return json.dumps({"status": {"resourceRules": listed, "incomplete": False}})


def answers(*allowed: bool) -> str:
    """The answers to access reviews, as `kubectl create` prints them."""
    return "\n".join(
        json.dumps({"kind": "SelfSubjectAccessReview", "status": {"allowed": each}}, indent=4)
        for each in allowed
    )


def version(text: str) -> str:
    return json.dumps({"clientVersion": {"gitVersion": text}})


@pytest.mark.parametrize("text", ["v1.20.2", "v1.32.4-dispatcher", "v1.37.1", "v2.0.0", "unknown"])
def test_a_kubectl_that_has_server_side_apply_is_accepted(text: str) -> None:
    require_kubectl(FakeRun(answers=[(("version",), version(text))]).kubectl())


@pytest.mark.parametrize("text", ["v1.19.16", "v1.9.0"])
def test_an_older_kubectl_is_refused_with_its_version(text: str) -> None:
    with pytest.raises(KubectlTooOld, match=text):
        require_kubectl(FakeRun(answers=[(("version",), version(text))]).kubectl())


def test_the_cluster_is_asked_once_and_not_for_long() -> None:
    run = FakeRun()
    require_cluster(run.kubectl())

    assert len(run.calls) == 1
    assert "--request-timeout=10s" in run.calls[0]


def test_an_administrator_costs_one_question() -> None:
    run = FakeRun(answers=[((RULES,), rules(("*", "*", "*")))])

    require_rights(run.kubectl(), rights_to_change(DECLARED))

    assert len(run.calls) == 1


def test_a_reader_is_told_every_missing_permission_at_once() -> None:
    needed = rights_to_change(DECLARED)
    reading = [right for right in needed if right.verb in {"get", "list", "watch"}]
    reads = [(right.group, right.resource, right.verb) for right in reading]
    unsure = [right for right in needed if right not in reading]
    run = FakeRun(
        answers=[
            ((RULES,), rules(*reads)),
            (("--validate=false",), answers(*[False] * len(unsure))),
        ]
    )

    with pytest.raises(ClusterForbidden) as caught:
        require_rights(run.kubectl(), needed)

    assert "cannot create, patch, delete deployments.apps in namespace shop" in caught.value.message
    role = yaml.safe_load(caught.value.hint.partition(":\n")[2])
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {(right.group, right.resource, right.verb) for right in unsure}


def test_what_the_list_of_rules_lacks_is_asked_for_by_name() -> None:
    one, other = Right(verb="get", resource="pods"), Right(verb="create", resource="pods/exec")
    run = FakeRun(answers=[((RULES,), rules()), (("--validate=false",), answers(True, False))])

    assert find_missing(run.kubectl(), (one, other)) == (other,)

    asked = json.loads(run.inputs[-1] or "")["items"]
    assert [item["spec"]["resourceAttributes"] for item in asked] == [
        {"verb": "get", "group": "", "resource": "pods", "subresource": "", "namespace": "shop"},
        {
            "verb": "create", "group": "", "resource": "pods", "subresource": "exec",
            "namespace": "shop",
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "granted"),
    [
        (("", "pods/exec", "create"), True),
        (("", "*/exec", "create"), True),
        (("", "*", "*"), True),
        (("", "pods", "create"), False),
        (("apps", "pods/exec", "create"), False),
        (("", "pods/exec", "get"), False),
    ],
)
def test_a_rule_grants_what_it_lists(rule: tuple[str, str, str], granted: bool) -> None:
    run = FakeRun(answers=[((RULES,), rules(rule)), (("--validate=false",), answers(False))])

    missing = find_missing(run.kubectl(), [Right(verb="create", resource="pods/exec")])

    assert (not missing) is granted


def test_a_rule_for_some_names_is_not_enough() -> None:
    named = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"], "resourceNames": ["one"]}
    text = json.dumps({"status": {"resourceRules": [named]}})
    run = FakeRun(answers=[((RULES,), text), (("--validate=false",), answers(False))])

    assert find_missing(run.kubectl(), [Right(verb="get", resource="pods")])


def namespace(phase: str) -> str:
    found = {"kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": phase}}
    return json.dumps(found)


def test_an_active_namespace_is_used() -> None:
    run = FakeRun(answers=[(("get", "namespace"), namespace("Active"))])

    assert require_namespace(run.kubectl()) == "active"


def test_a_namespace_that_is_being_deleted_is_named() -> None:
    run = FakeRun(answers=[(("get", "namespace"), namespace("Terminating"))])

    with pytest.raises(NamespaceTerminating, match="namespace shop is being deleted"):
        require_namespace(run.kubectl())


def test_a_missing_namespace_must_be_ours_to_create() -> None:
    def answering(*allowed: bool) -> FakeRun:
        return FakeRun(answers=[((RULES,), rules()), (("--validate=false",), answers(*allowed))])

    assert require_namespace(answering(True, True).kubectl()) == "missing"
    with pytest.raises(
        ClusterForbidden, match="cannot create, patch namespaces in the whole cluster"
    ):
        require_namespace(answering(False, False).kubectl())


def test_who_may_create_a_namespace_but_not_apply_it_is_told_before_anything_is_applied() -> None:
    run = FakeRun(answers=[((RULES,), rules()), (("--validate=false",), answers(True, False))])

    with pytest.raises(ClusterForbidden) as caught:
        require_namespace(run.kubectl())

    role = yaml.safe_load(caught.value.hint.partition(":\n")[2])
    assert role["kind"] == "ClusterRole"
    assert role["rules"] == [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["patch"]}]


def test_who_may_not_see_namespaces_works_in_one_that_others_made() -> None:
    refused = (
        'Error from server (Forbidden): namespaces "shop" is forbidden: User "jane" cannot get '
        'resource "namespaces" in API group "" in the namespace "shop"'
    )
    run = FakeRun(failing=[(("get", "namespace"), refused)])

    assert require_namespace(run.kubectl()) == "unknown"


def test_only_what_the_settings_need_is_asked_for() -> None:
    def names(declared: Kubernetes) -> set[str]:
        return {right.name for right in rights_to_change(declared)}

    route = Ingress(host="llm.example.com", gateway="shared/main")
    more = replace(
        DECLARED,
        postgres="cloudnative-pg",
        ingress=route,
        access="ingress",
        secrets_from="ours",
        autoscaling=Autoscaling(min_replicas=2, max_replicas=5),
    )

    assert "statefulsets.apps" in names(DECLARED)
    # A failed rollout of a StatefulSet goes back to a revision that is read by its name.
    assert Right(verb="get", resource="controllerrevisions", group="apps") in set(
        rights_to_change(DECLARED)
    )
    assert "controllerrevisions.apps" not in names(more)
    assert "pods/portforward" in names(DECLARED)
    assert "horizontalpodautoscalers.autoscaling" not in names(DECLARED)
    assert "pods/portforward" not in names(more)
    assert {
        "clusters.postgresql.cnpg.io",
        "httproutes.gateway.networking.k8s.io",
        "horizontalpodautoscalers.autoscaling",
    } <= names(more)
    secrets = [right.verb for right in rights_to_change(more) if right.resource == "secrets"]
    assert secrets == ["get"]
