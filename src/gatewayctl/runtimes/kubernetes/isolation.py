"""A pod of LiteLLM with copies of what it refers to, so that it needs nothing of the project.

For a check before the first start, or of settings that are not applied yet. Owns which objects are
copied, and their names. Must not know what the pod does.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final

from gatewayctl.rendering.kubernetes.labels import NAME
from gatewayctl.runtimes.kubernetes.kubectl import Object
from gatewayctl.runtimes.kubernetes.objects import Declared, identity

_REFERRED: Final = frozenset({"ConfigMap", "Secret", "ServiceAccount"})
_EGRESS: Final = ("NetworkPolicy", "litellm")
"""What LiteLLM may talk to, where the network of the cluster enforces it."""


def isolate(
    pod: Object, declared: Declared, secrets: Sequence[Object]
) -> tuple[Object, tuple[Object, ...]]:
    """The pod with other references, and the copies that it refers to; all begin with its name.

    A Secret that is not among ``secrets`` may be missing.
    """
    name, base = pod["metadata"]["name"], declared.stage("base")
    copied = [item for item in (*base, *secrets) if item["kind"] in _REFERRED]
    names = {identity(item): f"{name}-{item['metadata']['name']}" for item in copied}
    copies = [_rename(item, names[identity(item)], name) for item in copied]
    for policy in (item for item in base if identity(item) == _EGRESS):
        own = _rename(policy, name, name)
        own["spec"]["podSelector"]["matchLabels"][NAME] = name
        copies.append(own)
    isolated = _rename(pod, name, name)
    isolated["spec"] = _refer(isolated["spec"], names)
    return isolated, tuple(copies)


def _rename(item: Object, name: str, service: str) -> Object:
    found = copy.deepcopy(item)
    labels = {**found["metadata"].get("labels", {}), NAME: service}
    found["metadata"] |= {"name": name, "labels": labels}
    return found


def _refer(spec: dict[str, Any], names: dict[tuple[str, str], str]) -> dict[str, Any]:
    account = spec["serviceAccountName"]
    spec["serviceAccountName"] = names.get(("ServiceAccount", account), account)
    for volume in spec.get("volumes") or ():
        if config := volume.get("configMap"):
            config["name"] = names.get(("ConfigMap", config["name"]), config["name"])
        if secret := volume.get("secret"):
            old = secret["secretName"]
            secret |= {"secretName": names.get(("Secret", old), old), "optional": True}
    for container in spec["containers"]:
        for variable in container.get("env") or ():
            if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                new = names.get(("Secret", reference["name"]), reference["name"])
                reference |= {"name": new, "optional": True}
    return spec
