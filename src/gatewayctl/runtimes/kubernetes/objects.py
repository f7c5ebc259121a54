"""The objects of a project, from its rendered files and in the order in which they are applied.

Owns which file belongs to which stage of a start. Must not know how objects are applied, nor the
value of a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.rendering.kubernetes.labels import NAME
from gatewayctl.rendering.yaml_values import read_documents
from gatewayctl.runtimes.kubernetes.kubectl import Object

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile

FOLDER: Final = "kubernetes"
CONFIG: Final = "litellm-config-"
"""How the name of LiteLLM's configuration begins; the hash of its content follows."""
WORKLOADS: Final = frozenset({"Deployment", "StatefulSet"})
Stage = Literal["base", "databases", "migration", "services", "apps"]
_STAGES: Final[Mapping[str, Stage]] = {
    "namespace": "base",
    "service-account": "base",
    "litellm-config": "base",
    "network-policies": "base",
    "postgres-litellm": "databases",
    "postgres-phoenix": "databases",
    "redis": "databases",
    "litellm-migrate": "migration",
    "phoenix": "services",
    "litellm": "services",
    "ingress": "services",
    "apps": "apps",
}
# Kinds that a gateway works without, on a cluster that is too old for them.
_OPTIONAL: Final = frozenset({"HorizontalPodAutoscaler", "PodDisruptionBudget"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The objects that a project declares, by stage; ``left_out`` are those without an API."""

    objects: tuple[tuple[Stage, Object], ...]
    left_out: tuple[Object, ...] = ()

    @property
    def every(self) -> tuple[Object, ...]:
        return tuple(item for _, item in self.objects)

    def stage(self, *wanted: Stage) -> tuple[Object, ...]:
        return tuple(item for stage, item in self.objects if stage in wanted)


def read_objects(files: Sequence[RenderedFile]) -> Declared:
    """The objects of the rendered files, without those that kustomize alone reads."""
    order = tuple(_STAGES)
    named = {file.path.stem: file for file in files if file.path.parent.name == FOLDER}
    return Declared(
        objects=tuple(
            (_STAGES[name], item)
            for name in sorted(named.keys() & _STAGES.keys(), key=order.index)
            for item in read_documents(named[name].content)
        )
    )


def keep_supported(declared: Declared, versions: Iterable[str]) -> Declared:
    """Leave out what only makes a gateway better, where the cluster has no API for it.

    ``versions`` are the API versions of the server. Raises RuntimeUnavailable for any other object
    without an API.
    """
    known = frozenset(versions)
    missing = [item for item in declared.every if item["apiVersion"] not in known]
    for item in missing:
        if item["kind"] not in _OPTIONAL:
            raise RuntimeUnavailable(
                f"The cluster has no API {item['apiVersion']}, which {describe(item)} needs.",
                hint="Install what serves it, or change the setting under kubernetes: in"
                " gateway.yaml.",
            )
    kept = tuple(pair for pair in declared.objects if pair[1] not in missing)
    return Declared(objects=kept, left_out=tuple(missing))


def has_labels(item: Object, labels: Mapping[str, str]) -> bool:
    """True if an object has all of these labels."""
    return labels.items() <= (item["metadata"].get("labels") or {}).items()


def service_of(item: Object) -> str:
    """The service that an object belongs to; empty if none."""
    return str((item["metadata"].get("labels") or {}).get(NAME, ""))


def identity(item: Object) -> tuple[str, str]:
    """Kind and name, which identify an object in a namespace."""
    return str(item["kind"]), str(item["metadata"]["name"])


def describe(item: Object) -> str:
    """An object for people: ``Deployment litellm``."""
    return " ".join(identity(item))


def pod_template(item: Object) -> dict[str, Any]:
    """The template of the pods of a workload or a Job."""
    template: dict[str, Any] = item["spec"]["template"]
    return template


def config_names(template: Mapping[str, Any]) -> set[str]:
    """The configurations of LiteLLM that a pod template mounts."""
    volumes = template["spec"].get("volumes") or ()
    names = ((each.get("configMap") or {}).get("name", "") for each in volumes)
    return {name for name in names if name.startswith(CONFIG)}
