"""Each rule finds a fault that schemas let through."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import kubernetes_validate
import pytest

from tests.unit.rendering.kubernetes.object_set import Object, ObjectSet, objects_of
from tests.unit.rendering.kubernetes.projects import load
from tests.unit.rendering.kubernetes.rules import find_faults
from tests.unit.rendering.kubernetes.test_valid_objects import NEWEST, OF_OTHERS

Break = Callable[[Object], None]


def pod(item: Object) -> Object:
    found: Object = item["spec"]["template"]["spec"]
    return found


def container(item: Object) -> Object:
    found: Object = pod(item)["containers"][0]
    return found


def set_name(name: str) -> Break:
    return lambda item: item["metadata"].update(name=name)


def set_variable(name: str, value: str) -> Break:
    return lambda item: container(item)["env"].append({"name": name, "value": value})


def refer(secret: str, key: str) -> Break:
    reference = {"secretKeyRef": {"name": secret, "key": key}}
    return lambda item: container(item)["env"].append({"name": "X", "valueFrom": reference})


CASES: list[tuple[str, str, str, Break, str]] = [
    ("production", "Deployment", "litellm", set_name("Bad_Name"), "is not a DNS label"),
    ("production", "Service", "redis", set_name("9redis"), "is not a DNS label"),
    (
        "production",
        "Deployment",
        "phoenix",
        lambda item: item["metadata"]["labels"].update(x="-no-"),
        "has a label that is none: '-no-'",
    ),
    ("production", "Deployment", "phoenix", set_name("redis"), "Deployment redis is there twice"),
    (
        "production",
        "Service",
        "litellm",
        lambda item: item["metadata"].update(namespace="other"),
        "Service litellm is not in the namespace shop",
    ),
    (
        "production",
        "Deployment",
        "litellm",
        lambda item: item["spec"]["selector"]["matchLabels"].update(app="another"),
        "Deployment litellm does not select its own pods",
    ),
    (
        "production",
        "Deployment",
        "redis",
        lambda item: item["spec"]["selector"]["matchLabels"].pop("app.kubernetes.io/name"),
        "Deployment redis selects the pods of Deployment/litellm",
    ),
    (
        "production",
        "Service",
        "redis",
        lambda item: item["spec"]["selector"].update(app="another"),
        "Service redis selects no pod",
    ),
    (
        "production",
        "PodDisruptionBudget",
        "litellm",
        lambda item: item["spec"]["selector"]["matchLabels"].update(app="another"),
        "PodDisruptionBudget litellm selects no pod",
    ),
    (
        "production",
        "NetworkPolicy",
        "postgres-litellm",
        lambda item: item["spec"]["ingress"][0]["from"][0]["podSelector"].update(
            matchLabels={"app": "another"}
        ),
        "NetworkPolicy postgres-litellm selects no pod",
    ),
    (
        "production",
        "Deployment",
        "litellm",
        lambda item: container(item)["resources"]["limits"].update(memory="4Gb"),
        "limits.memory is no quantity: '4Gb'",
    ),
    (
        "production",
        "Deployment",
        "litellm",
        lambda item: container(item)["resources"]["requests"].update(memory="40Gi"),
        "requests more memory than its limit",
    ),
    (
        "production",
        "StatefulSet",
        "postgres-litellm",
        lambda item: item["spec"]["volumeClaimTemplates"][0]["spec"]["resources"][
            "requests"
        ].update(storage="ten"),
        "StatefulSet postgres-litellm is no quantity: 'ten'",
    ),
    (
        "production",
        "Deployment",
        "litellm",
        lambda item: container(item)["ports"][0].update(containerPort=99999),
        "Deployment/litellm has the port 99999",
    ),
    (
        "production",
        "Service",
        "litellm",
        lambda item: item["spec"]["ports"][0].update(targetPort="https"),
        "Service litellm leads to a port https that Deployment/litellm has not",
    ),
    (
        "production",
        "Service",
        "litellm",
        lambda item: item["spec"]["ports"][0].pop("protocol"),
        "Service litellm: a port has no protocol",
    ),
    (
        "production",
        "Deployment",
        "litellm",
        lambda item: container(item)["readinessProbe"]["httpGet"].update(port="https"),
        "readinessProbe asks a port https that it has not",
    ),
    (
        "production",
        "Deployment",
        "litellm",
        lambda item: pod(item)["volumes"].pop(),
        "Deployment/litellm mounts a volume tmp that it has not",
    ),
    (
        "production",
        "ConfigMap",
        "litellm-config-",
        set_name("litellm-config-older"),
        "there is no ConfigMap litellm-config-",
    ),
    (
        "production",
        "ConfigMap",
        "litellm-config-",
        lambda item: item["data"].pop("litellm_callbacks.py"),
        "mounts litellm_callbacks.py, which the ConfigMap has not",
    ),
    (
        "mirror",
        "Deployment",
        "litellm",
        lambda item: pod(item)["volumes"][-1]["secret"].update(secretName="another"),
        "no Secret another is planned",
    ),
    (
        "mirror",
        "Deployment",
        "litellm",
        lambda item: container(item)["volumeMounts"][-2].update(subPath="another"),
        "mounts another, which is not planned in the Secret litellm-files",
    ),
    ("production", "Deployment", "litellm", refer("nowhere", "X"), "nowhere.X is not planned"),
    ("production", "Deployment", "litellm", refer("litellm", "X"), "litellm.X is not planned"),
    (
        "production",
        "Deployment",
        "litellm",
        refer("litellm", "OPENAI_API_KEY"),
        "cannot start without OPENAI_API_KEY, which may be missing",
    ),
    (
        "production",
        "Deployment",
        "litellm",
        set_variable("URL", "http://$(UNKNOWN)"),
        "URL refers to UNKNOWN, which is not set before",
    ),
    ("production", "Deployment", "litellm", set_variable("HOME", "/"), "sets HOME twice"),
    (
        "autoscaling",
        "HorizontalPodAutoscaler",
        "litellm",
        lambda item: item["spec"].update(minReplicas=30),
        "has its minimum above its maximum",
    ),
    (
        "autoscaling",
        "HorizontalPodAutoscaler",
        "litellm",
        lambda item: item["spec"]["scaleTargetRef"].update(name="another"),
        "HorizontalPodAutoscaler litellm scales nothing",
    ),
    (
        "autoscaling",
        "Deployment",
        "litellm",
        lambda item: item["spec"].update(replicas=3),
        "HorizontalPodAutoscaler litellm and its Deployment both set replicas",
    ),
    (
        "autoscaling",
        "Deployment",
        "litellm",
        lambda item: container(item).update(resources={}),
        "measures CPU that no container requests",
    ),
    (
        "production",
        "Deployment",
        "litellm",
        lambda item: pod(item).update(serviceAccountName="default"),
        "runs under an account that is not there",
    ),
    (
        "production",
        "Deployment",
        "litellm",
        lambda item: pod(item).pop("automountServiceAccountToken"),
        "gets a token for the API",
    ),
    (
        "production",
        "Deployment",
        "litellm",
        lambda item: pod(item)["securityContext"].update(runAsUser=0),
        "Deployment/litellm is not allowed in a restricted namespace",
    ),
    (
        "production",
        "StatefulSet",
        "postgres-phoenix",
        lambda item: container(item)["securityContext"].pop("capabilities"),
        "StatefulSet/postgres-phoenix is not allowed in a restricted namespace",
    ),
    (
        "ingress",
        "Ingress",
        "litellm",
        lambda item: item["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"].update(
            name="gateway"
        ),
        "Ingress litellm leads to gateway:http, which is not there",
    ),
    (
        "gateway",
        "HTTPRoute",
        "litellm",
        lambda item: item["spec"]["rules"][0]["backendRefs"][0].update(port=4001),
        "HTTPRoute litellm leads to litellm:4001, which is not there",
    ),
    (
        "production",
        "Deployment",
        "redis",
        lambda item: container(item).update(image="redis"),
        "the image redis has no version",
    ),
]


@pytest.mark.parametrize(("project", "kind", "name", "break_it", "fault"), CASES)
def test_a_rule_finds_what_the_schema_lets_through(
    tmp_path: Path, project: str, kind: str, name: str, break_it: Break, fault: str
) -> None:
    found = objects_of(load(tmp_path, project))
    objects = copy.deepcopy(found.objects)
    item = next(
        each
        for each in objects
        if each["kind"] == kind
        and (each["metadata"]["name"] == name or name.endswith("-"))
        and each["metadata"]["name"].startswith(name)
    )

    break_it(item)

    assert any(
        fault in each for each in find_faults(ObjectSet(objects=objects, secrets=found.secrets))
    )
    if not item["apiVersion"].startswith(OF_OTHERS):
        kubernetes_validate.validate(item, NEWEST, strict=True)
