"""The contract on the Kubernetes runtime: pods of a cluster whose node is this machine.

Their processes belong to this machine too, so that the tests can kill them and read their
environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from tests.e2e.contract.hands import OF_LITELLM, ContractStack
from tests.e2e.docker.containers import ok
from tests.e2e.kubernetes.conftest import find_cluster

_SERVER = "jsonpath={.clusters[0].cluster.server}"
_POD = "io.kubernetes.pod.name"


class KubernetesStack(ContractStack):
    """Workloads of one namespace."""

    runtime = "kubernetes"
    services = ("postgres-litellm", "postgres-phoenix", "phoenix", "litellm")
    unpublished = frozenset({"postgres-litellm", "postgres-phoenix"})
    reports_pids = False
    # In its own pod, where the same URL is in the environment: without migrations LiteLLM compares
    # the schema at each start. (A hit has only the beginning of the command line.)
    tolerated = ("prisma\0migrate\0diff\0--fr",)
    needs: ClassVar[Mapping[str, frozenset[str]]] = {
        "postgres-litellm": frozenset({"LITELLM_POSTGRES_PASSWORD"}),
        "postgres-phoenix": frozenset({"POSTGRES_PASSWORD"}),
        "phoenix": frozenset({"POSTGRES_PASSWORD"}),
        "litellm": OF_LITELLM,
    }
    fixtures = ("cluster",)

    @classmethod
    def make(cls, folder: Path) -> Self:
        made = super().make(folder)
        cluster = find_cluster()
        context = cluster.ok("config", "current-context").strip()
        with (made.project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
            config.write(f"kubernetes: {{context: {context}, namespace: {made.name}}}\n")
        server = cluster.ok("config", "view", "--minify", "--output", _SERVER)
        # kubectl reaches the API of the cluster through the proxies of its environment, too.
        made.project.extra_env |= {
            **cluster.environment(),
            "NO_PROXY": urlsplit(server).hostname or "",
        }
        return made

    def clear(self) -> None:
        super().clear()
        words = ("delete", "namespace", self.name, "--ignore-not-found", "--wait=false")
        find_cluster().kubectl(*words)

    def leftovers(self) -> list[str]:
        kinds = "deployments,statefulsets,jobs,pods,services,configmaps,secrets,networkpolicies"
        mine = f"app.kubernetes.io/instance={self.name}"
        words = ("get", kinds, "--namespace", self.name, "--selector", mine, "--output", "name")
        return find_cluster().ok(*words).split()

    def pids(self) -> dict[str, int]:
        return {name: self._inspect(name, "{{.State.Pid}}") for name in self.services}

    def shown(self, service: str) -> str:
        mine = f"app.kubernetes.io/name={service}"
        words = ("pods", "--namespace", self.name, "--selector", mine)
        cluster = find_cluster()
        described = cluster.ok("describe", *words) + cluster.ok("get", *words, "--output", "yaml")
        return described + ok("inspect", self._container(service))

    def _inspect(self, service: str, template: str) -> int:
        container = self._container(service)
        return int(ok("inspect", "--format", template, container)) if container else 0

    def _container(self, service: str) -> str:
        """The running container of the only pod of a service; empty if there is none."""
        labels = (f"io.kubernetes.pod.namespace={self.name}", "io.kubernetes.docker.type=container")
        filters = [f"--filter=label={label}" for label in labels]
        pattern = f'{{{{.ID}}}} {{{{.Label "{_POD}"}}}}'
        pairs = (line.split() for line in ok("ps", *filters, "--format", pattern).splitlines())
        found = [each for each, pod in pairs if _service_of(pod) == service]
        return found[0] if found else ""


def _service_of(pod: str) -> str:
    """The service of a pod by its name: ``postgres-litellm-0`` or ``litellm-587b68d9c4-kjsdf``."""
    return pod.rsplit("-", 1 if pod.startswith("postgres") else 2)[0]
