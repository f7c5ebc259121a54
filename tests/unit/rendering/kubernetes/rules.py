"""What schemas let through: names, references between objects, quantities, ports, secrets.

Each rule yields what is wrong, as a sentence. `test_rules.py` shows that each can.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gatewayctl.settings.sections.quantities import parse_quantity
from tests.unit.rendering.kubernetes.object_set import CLUSTER, Object, ObjectSet, Pod

Rule = Callable[[ObjectSet], Iterator[str]]
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SERVICE = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
REFERENCE = re.compile(r"(?<!\$)(?:\$\$)*\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def find_faults(found: ObjectSet) -> list[str]:
    """Everything that any rule finds."""
    return [fault for rule in RULES for fault in rule(found)]


def check_names(found: ObjectSet) -> Iterator[str]:
    seen = set()
    for item in found.objects:
        name, kind = item["metadata"]["name"], item["kind"]
        if not (SERVICE if kind == "Service" else LABEL).fullmatch(name):
            yield f"{kind} {name!r} is not a DNS label"
        if (kind, name) in seen:
            yield f"{kind} {name} is there twice"
        seen.add((kind, name))
        for value in item["metadata"]["labels"].values():
            if not VALUE.fullmatch(value):
                yield f"{kind} {name} has a label that is none: {value!r}"


def check_namespace(found: ObjectSet) -> Iterator[str]:
    (namespace,) = (item["metadata"]["name"] for item in found.kind("Namespace"))
    for item in found.objects:
        if item["kind"] != "Namespace" and item["metadata"].get("namespace") != namespace:
            yield f"{_name(item)} is not in the namespace {namespace}"


def check_selectors(found: ObjectSet) -> Iterator[str]:
    for item in found.kind("Deployment", "StatefulSet"):
        labels = item["spec"]["template"]["metadata"]["labels"]
        if not _matches(item["spec"]["selector"]["matchLabels"], labels):
            yield f"{_name(item)} does not select its own pods"
    for item in found.kind("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for selector in _selectors(item["spec"]):
            if not any(_matches(selector, pod.labels) for pod in found.pods()):
                yield f"{_name(item)} selects no pod: {selector}"
    for first in found.kind("Deployment", "StatefulSet"):
        for pod in found.pods():
            own = pod.owner == f"{first['kind']}/{first['metadata']['name']}"
            if not own and _matches(first["spec"]["selector"]["matchLabels"], pod.labels):
                yield f"{_name(first)} selects the pods of {pod.owner}"


def check_quantities(found: ObjectSet) -> Iterator[str]:
    for path, value in _quantities(found):
        if not isinstance(value, str) or parse_quantity(value) is None:
            yield f"{path} is no quantity: {value!r}"
    for path, resources in _resources(found):
        for name, requested in resources.get("requests", {}).items():
            asked = parse_quantity(requested)
            limit = parse_quantity(resources.get("limits", {}).get(name, ""))
            if asked is not None and limit is not None and asked > limit:
                yield f"{path} requests more {name} than its limit"


def check_ports(found: ObjectSet) -> Iterator[str]:
    for path, number in _numbers(found):
        if not 1 <= number <= 65535:
            yield f"{path} has the port {number}"
    for item in found.kind("Service"):
        for port in item["spec"]["ports"]:
            yield from _check_target(item, port, found)
            if "protocol" not in port:
                yield f"{_name(item)}: a port has no protocol"
    for pod in found.pods():
        for container in pod.containers:
            names = [port["name"] for port in container.get("ports", [])]
            if len(names) != len(set(names)):
                yield f"{pod.owner} names two ports alike"
            for probe in PROBES:
                for kind in ("httpGet", "tcpSocket"):
                    target = container.get(probe, {}).get(kind, {}).get("port")
                    if isinstance(target, str) and target not in names:
                        yield f"{pod.owner}: {probe} asks a port {target} that it has not"


def check_volumes(found: ObjectSet) -> Iterator[str]:
    secrets = _secret_keys(found)
    for pod in found.pods():
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
        for container in pod.containers:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in {*volumes, *pod.claims}:
                    yield f"{pod.owner} mounts a volume {mount['name']} that it has not"
                yield from _check_key(pod, mount, volumes.get(mount["name"], {}), found)
        for volume in volumes.values():
            name = volume.get("configMap", {}).get("name")
            if name is not None and found.named("ConfigMap", name) is None:
                yield f"{pod.owner}: there is no ConfigMap {name}"
            name = volume.get("secret", {}).get("secretName")
            if name is not None and name not in secrets:
                yield f"{pod.owner}: no Secret {name} is planned"


def check_references(found: ObjectSet) -> Iterator[str]:
    """Secrets in the environment, and variables inside values."""
    planned = _secret_keys(found)
    for pod in found.pods():
        for container in pod.containers:
            known: set[str] = set()
            for variable in container.get("env", []):
                name = variable["name"]
                if name in known:
                    yield f"{pod.owner} sets {name} twice"
                yield from _check_variable(pod, variable, planned, known)
                known.add(name)


def check_scaling(found: ObjectSet) -> Iterator[str]:
    for item in found.kind("HorizontalPodAutoscaler"):
        spec, target = item["spec"], item["spec"]["scaleTargetRef"]
        if spec["minReplicas"] > spec["maxReplicas"]:
            yield f"{_name(item)} has its minimum above its maximum"
        workload = found.named(target["kind"], target["name"])
        if workload is None:
            yield f"{_name(item)} scales nothing"
        elif "replicas" in workload["spec"]:
            yield f"{_name(item)} and its {target['kind']} both set replicas"
        elif not all(
            "cpu" in {**c["resources"].get("limits", {}), **c["resources"].get("requests", {})}
            for c in workload["spec"]["template"]["spec"]["containers"]
        ):
            yield f"{_name(item)} measures CPU that no container requests"


def check_security(found: ObjectSet) -> Iterator[str]:
    """The restricted level of the Pod Security Standards, where the namespace enforces it."""
    (namespace,) = found.kind("Namespace")
    level = namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    accounts = {item["metadata"]["name"] for item in found.kind("ServiceAccount")}
    for pod in found.pods():
        if not pod.spec:
            continue
        if pod.spec.get("serviceAccountName") not in accounts:
            yield f"{pod.owner} runs under an account that is not there"
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.owner} gets a token for the API"
        if level == "restricted" and not _is_restricted(pod):
            yield f"{pod.owner} is not allowed in a restricted namespace"


def check_routes(found: ObjectSet) -> Iterator[str]:
    for item in found.kind("Ingress", "HTTPRoute"):
        for name, port in _backends(item):
            service = found.named("Service", name)
            ports = [] if service is None else service["spec"]["ports"]
            if port not in [part for each in ports for part in (each["name"], each["port"])]:
                yield f"{_name(item)} leads to {name}:{port}, which is not there"


def check_images(found: ObjectSet) -> Iterator[str]:
    for pod in found.pods():
        for container in pod.containers:
            image = container["image"]
            last = image.rpartition("/")[2]
            if "@" not in image and (":" not in last or last.endswith(":latest")):
                yield f"{pod.owner}: the image {image} has no version"


RULES: tuple[Rule, ...] = (
    *(check_names, check_namespace, check_selectors, check_quantities, check_ports),
    *(check_volumes, check_references, check_scaling, check_security, check_routes, check_images),
)


def _name(item: Object) -> str:
    return f"{item['kind']} {item['metadata']['name']}"


def _matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(selector) and selector.items() <= labels.items()


def _selectors(spec: Object) -> Iterator[Mapping[str, str]]:
    """The selectors of pods in this namespace."""
    if "ports" in spec and "selector" in spec:
        yield spec["selector"]
    elif "selector" in spec:
        yield spec["selector"]["matchLabels"]
    if "podSelector" in spec:
        yield spec["podSelector"]["matchLabels"]
    for rule in (*spec.get("ingress", []), *spec.get("egress", [])):
        for peer in (*rule.get("from", []), *rule.get("to", [])):
            if "namespaceSelector" not in peer:
                yield peer["podSelector"]["matchLabels"]


def _resources(found: ObjectSet) -> Iterator[tuple[str, Any]]:
    for pod in found.pods():
        for container in pod.containers:
            yield f"{pod.owner}", container.get("resources", {})
    for item in found.kind(CLUSTER):
        yield _name(item), item["spec"]["resources"]


def _quantities(found: ObjectSet) -> Iterator[tuple[str, Any]]:
    for path, resources in _resources(found):
        for kind in ("requests", "limits"):
            for name, value in resources.get(kind, {}).items():
                yield f"{path} {kind}.{name}", value
    for item in found.kind("StatefulSet"):
        for claim in item["spec"].get("volumeClaimTemplates", []):
            yield _name(item), claim["spec"]["resources"]["requests"]["storage"]
    for item in found.kind(CLUSTER):
        yield _name(item), item["spec"]["storage"]["size"]
    for pod in found.pods():
        for volume in pod.spec.get("volumes", []):
            if "sizeLimit" in (volume.get("emptyDir") or {}):
                yield pod.owner, volume["emptyDir"]["sizeLimit"]


def _numbers(found: ObjectSet) -> Iterator[tuple[str, int]]:
    for pod in found.pods():
        yield from ((pod.owner, number) for number in pod.ports.values())
    for item in found.kind("Service"):
        yield from ((_name(item), port["port"]) for port in item["spec"]["ports"])
    for item in found.kind("NetworkPolicy"):
        for rule in (*item["spec"].get("ingress", []), *item["spec"].get("egress", [])):
            yield from ((_name(item), port["port"]) for port in rule.get("ports", []))


def _check_target(item: Object, port: Object, found: ObjectSet) -> Iterator[str]:
    target = port["targetPort"]
    for pod in found.pods():
        if pod.spec and _matches(item["spec"]["selector"], pod.labels):
            known = {*pod.ports, *pod.ports.values()}
            if target not in known:
                yield f"{_name(item)} leads to a port {target} that {pod.owner} has not"


def _check_key(pod: Pod, mount: Object, volume: Object, found: ObjectSet) -> Iterator[str]:
    key = mount.get("subPath")
    config = found.named("ConfigMap", volume.get("configMap", {}).get("name", ""))
    if key and config is not None and key not in config["data"]:
        yield f"{pod.owner} mounts {key}, which the ConfigMap has not"
    name = volume.get("secret", {}).get("secretName")
    if key and name and key not in _secret_keys(found).get(name, {}):
        yield f"{pod.owner} mounts {key}, which is not planned in the Secret {name}"


def _secret_keys(found: ObjectSet) -> dict[str, dict[str, bool]]:
    """The keys of each Secret, and whether each must exist."""
    keys: dict[str, dict[str, bool]] = {}
    for secret in found.secrets:
        known = keys.setdefault(secret.name, {})
        known |= {name: known.get(name, False) for name in secret.optional}
        known |= dict.fromkeys((*secret.variables, *secret.files), True)
    for item in found.kind(CLUSTER):
        keys[f"{item['metadata']['name']}-app"] = {"username": True, "password": True}
    return keys


def _check_variable(
    pod: Pod, variable: Object, planned: Mapping[str, Mapping[str, bool]], known: set[str]
) -> Iterator[str]:
    reference = variable.get("valueFrom", {}).get("secretKeyRef")
    if reference is not None:
        keys = planned.get(reference["name"], {})
        if reference["key"] not in keys:
            yield f"{pod.owner}: {reference['name']}.{reference['key']} is not planned"
        elif not keys[reference["key"]] and not reference.get("optional"):
            yield f"{pod.owner} cannot start without {reference['key']}, which may be missing"
        return
    value = variable.get("value", "")
    if not isinstance(value, str):
        yield f"{pod.owner}: {variable['name']} is no string"
        return
    for name in REFERENCE.findall(value):
        if name not in known:
            yield f"{pod.owner}: {variable['name']} refers to {name}, which is not set before"


def _is_restricted(pod: Pod) -> bool:
    of_pod = pod.spec.get("securityContext", {})
    return (
        of_pod.get("runAsNonRoot") is True
        and isinstance(of_pod.get("runAsUser"), int)
        and of_pod["runAsUser"] > 0
        and of_pod.get("seccompProfile", {}).get("type") == "RuntimeDefault"
        and not {"hostNetwork", "hostPID", "hostIPC"} & set(pod.spec)
        and not any("hostPath" in volume for volume in pod.spec.get("volumes", []))
        and all(
            container["securityContext"].get("allowPrivilegeEscalation") is False
            and container["securityContext"].get("capabilities") == {"drop": ["ALL"]}
            for container in pod.containers
        )
    )


def _backends(item: Object) -> Iterator[tuple[str, Any]]:
    for rule in item["spec"]["rules"]:
        for path in rule.get("http", {}).get("paths", []):
            service = path["backend"]["service"]
            yield service["name"], next(iter(service["port"].values()))
        for reference in rule.get("backendRefs", []):
            yield reference["name"], reference["port"]
