"""The contract on the Docker runtime: containers of an engine on this machine.

Their processes belong to this machine too, so that the tests can kill them and read their command
lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tests.e2e.contract.hands import OF_LITELLM, ContractStack
from tests.e2e.docker.containers import ok, remove_project


class DockerStack(ContractStack):
    """Containers of one Compose project."""

    runtime = "docker"
    services = ("postgres-litellm", "postgres-phoenix", "phoenix", "litellm")
    unpublished = frozenset({"postgres-phoenix"})
    needs: ClassVar[Mapping[str, frozenset[str]]] = {
        "postgres-litellm": frozenset({"LITELLM_POSTGRES_PASSWORD"}),
        "postgres-phoenix": frozenset({"POSTGRES_PASSWORD"}),
        "phoenix": frozenset({"POSTGRES_PASSWORD"}),
        "litellm": OF_LITELLM,
    }
    fixtures = ("engine",)

    def clear(self) -> None:
        super().clear()
        remove_project(self.name)

    def leftovers(self) -> list[str]:
        mine = f"label=com.docker.compose.project={self.name}"
        networks = ok("network", "ls", "--filter", mine, "--format", "{{.Name}}")
        containers = ok("ps", "--all", "--filter", mine, "--format", "{{.Names}}")
        return [*containers.split(), *networks.split()]

    def shown(self, service: str) -> str:
        labels = {"project": self.name, "service": service}
        filters = [f"--filter=label=com.docker.compose.{key}={labels[key]}" for key in labels]
        (container,) = ok("ps", "--quiet", *filters).split()
        return ok("inspect", container)
