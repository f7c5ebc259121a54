"""What a start would do to each container, by the rules of Compose.

Compose labels a container with the hash of its service's settings, and recreates it if that hash
or its image changed. Owns the comparison and the names of what differs. Must never return a value:
environments hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.docker.states import Container
from gatewayctl.runtimes.service_change import ServiceChange

Services = Mapping[str, dict[str, Any]]

_HASH: Final = "com.docker.compose.config-hash"
_FILES: Final = "gatewayctl.config-sha256"
# `$$` is an escaped dollar sign; DATABASE_URL has its password in the middle.
_REFERENCE: Final = re.compile(r"(?<!\$)(?:\$\$)*\$\{?(\w+)")


def preview_changes(
    docker: DockerCli,
    compose_file: str,
    found: Mapping[str, Container],
    names: Sequence[str],
    *,
    generated: Mapping[str, str],
) -> tuple[ServiceChange, ...]:
    """What a start with this text of a compose file would do to each of ``names``, in their order.

    ``generated`` are values for variables that .env lacks and that a start generates first. Raises
    RuntimeProblem for a file that Compose rejects.
    """
    wanted = docker.service_hashes(compose_file, generated=generated)
    services = docker.compose_services(compose_file, generated=generated)
    plain = docker.compose_services(compose_file, interpolate=False)
    changes = tuple(
        _compare(docker, name, found.get(name), wanted.get(name, ""), services, plain)
        for name in names
    )
    if all(change.action == "untouched" for change in changes):
        return changes
    recreated = docker.preview_recreations(compose_file, names, generated=generated)
    return tuple(_add_dependents(change, recreated, services) for change in changes)


def _add_dependents(
    change: ServiceChange, recreated: frozenset[str], services: Services
) -> ServiceChange:
    """Compose also recreates what depends on a recreated container (2.26 does)."""
    if change.action != "untouched" or change.service not in recreated:
        return change
    dependencies = services.get(change.service, {}).get("depends_on") or {}
    why = tuple(name for name in dependencies if name in recreated)
    return replace(change, action="recreate", why=why or ("docker-compose.yml",))


def _compare(
    docker: DockerCli,
    name: str,
    found: Container | None,
    wanted: str,
    services: Services,
    plain: Services,
) -> ServiceChange:
    if found is None or not found.alive:
        return ServiceChange(service=name, action="start")
    image = docker.image_id(found.image)
    moved = image is not None and image != found.image_id
    if found.labels.get(_HASH) == wanted and not moved:
        return ServiceChange(service=name, action="untouched")
    service = services.get(name, {})
    # Podman reports the full name, docker.io/library/postgres:16 for postgres:16.
    named = service.get("image", found.image)
    moved = moved or (named != found.image and docker.image_id(named) != found.image_id)
    differing = _differing_names(found, service, plain.get(name, {}))
    why = (*(["image"] if moved else []), *differing)
    return ServiceChange(service=name, action="recreate", why=why or ("docker-compose.yml",))


def _differing_names(
    found: Container, service: Mapping[str, Any], plain: Mapping[str, Any]
) -> tuple[str, ...]:
    """Names of what differs between a container and its service; variables as in .env."""
    names = []
    if (service.get("labels") or {}).get(_FILES, "") != found.labels.get(_FILES, ""):
        names.append("litellm_config.yaml")
    written = plain.get("environment") or {}
    references = {
        variable: _REFERENCE.search(str(written.get(variable)))
        for variable, value in (service.get("environment") or {}).items()
        if value is not None and found.environment.get(variable) != str(value)
    }
    names += sorted(match[1] if match else variable for variable, match in references.items())
    return tuple(dict.fromkeys(names))
