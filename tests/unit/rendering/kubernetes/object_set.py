"""The objects of a rendered project, and what the rules ask about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from gatewayctl.rendering.kubernetes.secrets import PlannedSecret, plan_secrets
from gatewayctl.rendering.plan import plan_files
from gatewayctl.settings.model import Settings

Object = dict[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "Job")
CLUSTER = "Cluster"
"""A database of CloudNativePG: its pods have the labels that it hands on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A template of pods, or the labels of those that an operator makes."""

    owner: str
    labels: Mapping[str, str]
    spec: Object
    claims: tuple[str, ...] = ()

    @property
    def containers(self) -> list[Object]:
        return list(self.spec.get("containers", []))

    @property
    def ports(self) -> dict[str, int]:
        """The ports of all containers, by name."""
        found = (port for each in self.containers for port in each.get("ports", []))
        return {port["name"]: port["containerPort"] for port in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSet:
    """Objects, the Secrets that they may refer to, and those that an operator makes."""

    objects: tuple[Object, ...]
    secrets: tuple[PlannedSecret, ...]

    def kind(self, *kinds: str) -> Iterator[Object]:
        return (item for item in self.objects if item["kind"] in kinds)

    def named(self, kind: str, name: str) -> Object | None:
        return next((i for i in self.kind(kind) if i["metadata"]["name"] == name), None)

    def pods(self) -> Iterator[Pod]:
        for item in self.kind(*WORKLOADS):
            spec, template = item["spec"], item["spec"]["template"]
            yield Pod(
                owner=f"{item['kind']}/{item['metadata']['name']}",
                labels=template["metadata"]["labels"],
                spec=template["spec"],
                claims=tuple(
                    claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])
                ),
            )
        for item in self.kind(CLUSTER):
            labels = item["spec"]["inheritedMetadata"]["labels"]
            yield Pod(owner=f"Cluster/{item['metadata']['name']}", labels=labels, spec={})


def objects_of(settings: Settings) -> ObjectSet:
    """What is rendered for a cluster, without kustomize's own file."""
    files = plan_files(settings, runtime="kubernetes")
    documents = (item for file in files for item in yaml.safe_load_all(file.content) if item)
    found = (item for item in documents if item["kind"] != "Kustomization")
    return ObjectSet(objects=tuple(found), secrets=plan_secrets(settings))
