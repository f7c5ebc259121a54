"""The ``kubernetes:`` of gateway.yaml: where and how the project runs in a cluster.

Owns the reading of one section. Must not know the objects that are made of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, get_args

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.kubernetes import (
    Access,
    Autoscaling,
    Ingress,
    Kubernetes,
    PostgresKind,
)
from gatewayctl.settings.fields import Setting
from gatewayctl.settings.sections.cluster_values import (
    LABEL,
    SUBDOMAIN,
    read_boolean,
    read_choice,
    read_count,
    read_name,
    read_subdomain,
    read_text,
)
from gatewayctl.settings.sections.kubernetes_ingress import parse_ingress
from gatewayctl.settings.sections.kubernetes_resources import parse_resources, parse_storage

SETTINGS: Final = {
    "context": Setting("string", "the current one", "Context of your kubeconfig."),
    "namespace": Setting("DNS label", "project_name", "Namespace of the project's objects."),
    "replicas": Setting(
        "integer from 1", "1, in production 2", "Pods of LiteLLM; more than one needs Redis."
    ),
    "autoscaling": Setting("mapping", "", "Limits of the number of pods, instead of replicas."),
    "postgres": Setting(
        "statefulset or cloudnative-pg",
        "statefulset",
        "What runs the databases: a StatefulSet for trying out, or Clusters of the CloudNativePG"
        " operator, which must be installed. services.postgres is a server that others run.",
    ),
    "storage": Setting("mapping", "", "Volumes of the databases."),
    "resources": Setting(
        "mapping",
        "by profile",
        "Service: {requests: {cpu: 500m, memory: 1Gi}, limits: {memory: 2Gi}}.",
    ),
    "secrets": Setting(
        "mapping, or string",
        "made of .env",
        "{from: NAME}: a Secret that exists, with a key for each variable. NAME alone is short"
        " for it.",
    ),
    "image_pull_secrets": Setting(
        "list of strings", "", "Secrets of type kubernetes.io/dockerconfigjson that exist."
    ),
    "ingress": Setting("mapping", "", "How callers outside the cluster reach LiteLLM."),
    "access": Setting(
        "port-forward, ingress or cluster",
        "port-forward",
        "How gatewayctl reaches LiteLLM and Phoenix; cluster: it runs in the cluster itself.",
    ),
    "network_policies": Setting(
        "true or false", "true", "NetworkPolicies that allow only what must talk."
    ),
}
AUTOSCALING_SETTINGS: Final = {
    "min": Setting("integer from 1", "1, in production 2", "Lowest number of pods."),
    "max": Setting("integer from 1", "required", "Highest number of pods."),
    "cpu": Setting("percent", "70", "Average use of the requested CPU to scale at."),
}
SERVICES: Final = (
    *("litellm", "litellm-migrate", "phoenix", "postgres-litellm", "postgres-phoenix", "redis"),
)
"""What can have resources, besides the apps."""
_MOST_REPLICAS: Final = 1000


def parse_kubernetes(
    section: Cursor, *, values: Mapping[str, Any], apps: Collection[str]
) -> Kubernetes:
    """Read the section. ``values`` are the scalar settings, ``apps`` the names of the apps."""
    section.check_names(SETTINGS)
    usual = 2 if values["profile"] == "production" else 1
    ingress = parse_ingress(section.child("ingress"))
    autoscaling = _autoscaling(section.child("autoscaling"), usual)
    if autoscaling and section.child("replicas").is_set:
        section.child("replicas").add_at_name(
            f"{section.path} has both replicas and autoscaling: keep one"
        )
    return Kubernetes(
        namespace=_namespace(section.child("namespace"), values["project_name"]),
        context=read_text(section.child("context")),
        replicas=read_count(section.child("replicas"), usual, _MOST_REPLICAS),
        autoscaling=autoscaling,
        postgres=read_choice(section.child("postgres"), get_args(PostgresKind), "statefulset"),
        storage=parse_storage(section.child("storage")),
        resources=parse_resources(section.child("resources"), (*SERVICES, *apps)),
        secrets_from=_secrets_from(section.child("secrets")),
        image_pull_secrets=_pull_secrets(section.child("image_pull_secrets")),
        ingress=ingress,
        access=_access(section.child("access"), ingress, values["runtime"]),
        network_policies=read_boolean(section.child("network_policies"), default=True),
    )


def _namespace(given: Cursor, project_name: str) -> str:
    name = read_name(
        given, LABEL, "a DNS label: lower-case letters, digits and hyphens, at most 63"
    )
    if name is None:
        # That of a project is a DNS label, unless it ends with a hyphen.
        name = project_name.rstrip("-")
        return f"gatewayctl-{name}"[:63].rstrip("-") if _belongs_to_cluster(name) else name
    if _belongs_to_cluster(name):
        given.add(
            f"{given.path}: {name} belongs to the cluster or to everybody: choose another one,"
            " for this project alone"
        )
    return name


def _belongs_to_cluster(namespace: str) -> bool:
    return namespace == "default" or namespace.startswith("kube-")


def _autoscaling(section: Cursor, usual: int) -> Autoscaling | None:
    if not section.is_set:
        return None
    section.check_names(AUTOSCALING_SETTINGS)
    given = section.child("max")
    if not given.is_set and isinstance(section.value, dict):
        section.add_at_name(f"{section.path} needs max:, the highest number of pods")
    most = read_count(given, _MOST_REPLICAS, _MOST_REPLICAS)
    least = read_count(section.child("min"), min(usual, most), _MOST_REPLICAS)
    if least > most:
        section.child("min").add(f"{section.path}.min must be at most max ({most}), not {least}")
    cpu = read_count(section.child("cpu"), 70, 100)
    return Autoscaling(min_replicas=least, max_replicas=most, cpu_percent=cpu)


def _secrets_from(section: Cursor) -> str | None:
    # A string alone is the name.
    section = section.expand(str, "from")
    section.check_names(("from",))
    if isinstance(section.value, dict) and not section.child("from").is_set:
        section.add_at_name(f"{section.path} needs from:, the name of a Secret that exists")
    return read_subdomain(section.child("from"))


def _pull_secrets(section: Cursor) -> tuple[str, ...]:
    section.strings()
    found = [read_name(item, SUBDOMAIN, "the name of a Secret") for item in section.items()]
    return tuple(name for name in found if name is not None)


def _access(given: Cursor, ingress: Ingress | None, runtime: str) -> Access:
    chosen: Access = read_choice(given, get_args(Access), "port-forward")
    if chosen == "ingress" and ingress is None:
        given.add(f"{given.path}: ingress needs kubernetes.ingress, with the host of LiteLLM")
    if chosen != "port-forward" and runtime == "auto":
        given.add(
            f"{given.path}: {chosen} needs runtime: kubernetes in gateway.yaml,"
            " GATEWAYCTL_RUNTIME or --runtime"
        )
    return chosen
