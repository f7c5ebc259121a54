"""The ``kubernetes:`` of gateway.yaml: where and how the project runs in a cluster.

Owns the reading of one section. Must not know the objects that are made of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast, get_args

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.kubernetes import (
    Access,
    Autoscaling,
    Ingress,
    Kubernetes,
    PostgresKind,
    Storage,
)
from gatewayctl.settings.fields import Setting
from gatewayctl.settings.masking import looks_like_a_secret
from gatewayctl.settings.problems import quote, suggest
from gatewayctl.settings.sections.quantities import parse_quantity

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
STORAGE_SETTINGS: Final = {
    "class": Setting("string", "that of the cluster", "StorageClass of the volumes."),
    "postgres_litellm": Setting("quantity", Storage().postgres_litellm, "LiteLLM's database."),
    "postgres_phoenix": Setting("quantity", Storage().postgres_phoenix, "Phoenix's database."),
}
INGRESS_SETTINGS: Final = {
    "host": Setting("host", "required", "Host of LiteLLM."),
    "phoenix_host": Setting(
        "host", "", "Host of Phoenix, which has no login: protect it with annotations."
    ),
    "class": Setting("string", "that of the cluster", "IngressClass."),
    "tls_secret": Setting("string", "", "Secret of type kubernetes.io/tls for the hosts."),
    "gateway": Setting(
        "string", "", "Gateway, or NAMESPACE/NAME: an HTTPRoute of the Gateway API, no Ingress."
    ),
    "annotations": Setting("mapping", "", "Annotations of the Ingress or HTTPRoute."),
}
SERVICES: Final = (
    *("litellm", "litellm-migrate", "phoenix", "postgres-litellm", "postgres-phoenix", "redis"),
)
"""What can have resources, besides the apps."""
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
_ANNOTATION: Final = re.compile(
    rf"({_SUBDOMAIN.pattern}/)?[A-Za-z0-9]([A-Za-z0-9._\-]{{0,61}}[A-Za-z0-9])?"
)
_RESOURCE: Final = re.compile(
    rf"cpu|memory|ephemeral-storage|hugepages-[A-Za-z0-9]+|{_SUBDOMAIN.pattern}/[A-Za-z0-9._\-]+"
)
_MOST_REPLICAS: Final = 1000
_Choice = TypeVar("_Choice", bound=str)


def parse_kubernetes(
    section: Cursor, *, values: Mapping[str, Any], apps: Collection[str]
) -> Kubernetes:
    """Read the section. ``values`` are the scalar settings, ``apps`` the names of the apps."""
    section.check_names(SETTINGS)
    usual = 2 if values["profile"] == "production" else 1
    ingress = _ingress(section.child("ingress"))
    autoscaling = _autoscaling(section.child("autoscaling"), usual)
    if autoscaling and section.child("replicas").is_set:
        section.child("replicas").add_at_name(
            f"{section.path} has both replicas and autoscaling: keep one"
        )
    return Kubernetes(
        namespace=_namespace(section.child("namespace"), values["project_name"]),
        context=_text(section.child("context")),
        replicas=_count(section.child("replicas"), usual, _MOST_REPLICAS),
        autoscaling=autoscaling,
        postgres=_choice(section.child("postgres"), get_args(PostgresKind), "statefulset"),
        storage=_storage(section.child("storage")),
        resources=_resources(section.child("resources"), (*SERVICES, *apps)),
        secrets_from=_secrets_from(section.child("secrets")),
        image_pull_secrets=_pull_secrets(section.child("image_pull_secrets")),
        ingress=ingress,
        access=_access(section.child("access"), ingress, values["runtime"]),
        network_policies=_boolean(section.child("network_policies"), default=True),
    )


def _namespace(given: Cursor, project_name: str) -> str:
    name = _name(given, _LABEL, "a DNS label: lower-case letters, digits and hyphens, at most 63")
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
    if not given.is_given and isinstance(section.value, dict):
        section.add_at_name(f"{section.path} needs max:, the highest number of pods")
    most = _count(given, _MOST_REPLICAS, _MOST_REPLICAS)
    least = _count(section.child("min"), min(usual, most), _MOST_REPLICAS)
    if least > most:
        section.child("min").add(f"{section.path}.min must be at most max ({most}), not {least}")
    cpu = _count(section.child("cpu"), 70, 100)
    return Autoscaling(min_replicas=least, max_replicas=most, cpu_percent=cpu)


def _storage(section: Cursor) -> Storage:
    section.check_names(STORAGE_SETTINGS)
    usual = Storage()
    return Storage(
        storage_class=_subdomain(section.child("class")),
        postgres_litellm=_size(section.child("postgres_litellm"), usual.postgres_litellm),
        postgres_phoenix=_size(section.child("postgres_phoenix"), usual.postgres_phoenix),
    )


def _size(given: Cursor, usual: str) -> str:
    text = _quantity(given)
    number = None if text is None else parse_quantity(text)
    if text is None or number is None:
        return usual
    if number < 1 or number != int(number):
        given.refuse("a positive size, such as 10Gi")
    return text


def _quantity(given: Cursor) -> str | None:
    """Read a quantity; a number without a unit, too."""
    if not given.is_given:
        return None
    value = given.value
    text = str(value) if isinstance(value, str | int | float) else ""
    if isinstance(value, bool) or parse_quantity(text) is None:
        given.refuse("a quantity, such as 500m, 2, 512Mi or 10Gi")
        return None
    return text


def _resources(
    section: Cursor, services: Collection[str]
) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    found = {}
    section.check_names(services)
    for name, service in section.mapping().items():
        service.check_names(("requests", "limits"))
        kinds = {kind: _amounts(part) for kind, part in service.mapping().items()}
        _check_limits(service, kinds)
        found[name] = MappingProxyType({kind: kinds[kind] for kind in kinds})
    return MappingProxyType(found)


def _amounts(section: Cursor) -> Mapping[str, str]:
    found = {}
    for name, part in section.mapping().items():
        if not _RESOURCE.fullmatch(name):
            known = ("cpu", "memory", "ephemeral-storage")
            part.add_at_name(f"unknown resource '{name}' in {section.path} {suggest(name, known)}")
        amount = _quantity(part)
        if amount is not None:
            found[name] = amount
    return MappingProxyType(found)


def _check_limits(service: Cursor, kinds: Mapping[str, Mapping[str, str]]) -> None:
    limits = kinds.get("limits", {})
    for name, requested in kinds.get("requests", {}).items():
        if name in limits and _exceeds(requested, limits[name]):
            service.child("requests").child(name).add(
                f"{service.path}.requests.{name} ({requested}) is above its limit ({limits[name]})"
            )


def _exceeds(requested: str, limit: str) -> bool:
    first, second = parse_quantity(requested), parse_quantity(limit)
    return first is not None and second is not None and first > second


def _secrets_from(section: Cursor) -> str | None:
    # A string alone is the name.
    section = section.expand(str, "from")
    section.check_names(("from",))
    if isinstance(section.value, dict) and not section.child("from").is_given:
        section.add_at_name(f"{section.path} needs from:, the name of a Secret that exists")
    return _subdomain(section.child("from"))


def _pull_secrets(section: Cursor) -> tuple[str, ...]:
    section.strings()
    found = [_name(item, _SUBDOMAIN, "the name of a Secret") for item in section.items()]
    return tuple(name for name in found if name is not None)


def _ingress(section: Cursor) -> Ingress | None:
    if not section.is_set:
        return None
    # A string alone is the host.
    section = section.expand(str, "host")
    section.check_names(INGRESS_SETTINGS)
    if isinstance(section.value, dict) and not section.child("host").is_given:
        section.add_at_name(f"{section.path} needs host:, the host of LiteLLM")
    gateway = section.child("gateway")
    for other in ("class", "tls_secret"):
        if gateway.is_set and section.child(other).is_set:
            section.child(other).add_at_name(
                f"{section.path} has both gateway and {other}: the Gateway has the certificate"
                if other == "tls_secret"
                else f"{section.path} has both gateway and {other}: keep one"
            )
    host, phoenix = _host(section.child("host")), _host(section.child("phoenix_host"))
    if host is not None and host == phoenix:
        section.child("phoenix_host").add(f"{section.path}: both hosts are {host}")
    return Ingress(
        host=host or "",
        phoenix_host=phoenix,
        class_name=_subdomain(section.child("class")),
        tls_secret=_subdomain(section.child("tls_secret")),
        gateway=_gateway(gateway),
        annotations=_annotations(section.child("annotations")),
    )


def _host(given: Cursor) -> str | None:
    return _name(given, _SUBDOMAIN, "a host, such as llm.example.com")


def _gateway(given: Cursor) -> str | None:
    kind = re.compile(rf"({_LABEL.pattern}/)?{_SUBDOMAIN.pattern}")
    return _name(given, kind, "the name of a Gateway, or NAMESPACE/NAME")


def _annotations(section: Cursor) -> Mapping[str, str]:
    found = {}
    for name, part in section.mapping().items():
        if not _ANNOTATION.fullmatch(name):
            part.add_at_name(f"{section.path}: {quote(name)} is not the name of an annotation")
        value = part.value
        if isinstance(value, bool):
            value = str(value).lower()
        if not isinstance(value, str | int | float):
            part.refuse("a string")
        elif looks_like_a_secret(str(value)):
            part.add(f"{part.path} contains a secret: annotations are readable for everybody")
        else:
            found[name] = str(value)
    return MappingProxyType(found)


def _access(given: Cursor, ingress: Ingress | None, runtime: str) -> Access:
    chosen: Access = _choice(given, get_args(Access), "port-forward")
    if chosen == "ingress" and ingress is None:
        given.add(f"{given.path}: ingress needs kubernetes.ingress, with the host of LiteLLM")
    if chosen != "port-forward" and runtime == "auto":
        given.add(
            f"{given.path}: {chosen} needs runtime: kubernetes in gateway.yaml,"
            " GATEWAYCTL_RUNTIME or --runtime"
        )
    return chosen


def _choice(given: Cursor, choices: tuple[_Choice, ...], usual: _Choice) -> _Choice:
    if not given.is_given:
        return usual
    if given.value in choices:
        return cast("_Choice", given.value)
    near = f" {suggest(given.value, choices)}" if isinstance(given.value, str) else ""
    given.refuse(f"one of {', '.join(choices)}", hint=near if "did you mean" in near else "")
    return usual


def _count(given: Cursor, usual: int, most: int) -> int:
    if not given.is_given:
        return usual
    value = given.value
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most:
        return value
    given.refuse(f"an integer from 1 to {most}")
    return usual


def _boolean(given: Cursor, *, default: bool) -> bool:
    if given.is_given and not isinstance(given.value, bool):
        given.refuse("true or false")
    return given.value if isinstance(given.value, bool) else default


def _text(given: Cursor) -> str | None:
    return given.string() if given.is_given else None


def _subdomain(given: Cursor) -> str | None:
    return _name(given, _SUBDOMAIN, "a name of lower-case letters, digits, hyphens and dots")


def _name(given: Cursor, kind: re.Pattern[str], expected: str) -> str | None:
    if not given.is_given:
        return None
    if isinstance(given.value, str) and len(given.value) <= 253 and kind.fullmatch(given.value):
        return given.value
    given.refuse(expected)
    return None
