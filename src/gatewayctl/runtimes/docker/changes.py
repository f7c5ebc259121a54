"""What a start would do to each container, found as Compose finds it.

Compose labels a container with the hash of its service's settings, and recreates it where that
hash or its image is another one now. Owns the comparison and the names of what differs. Must never
hand on a value: environments hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.docker.states import Container
from gatewayctl.runtimes.service_change import ServiceChange

_HASH: Final = "com.docker.compose.config-hash"
_FILES: Final = "gatewayctl.config-sha256"
# Two of them are one dollar sign; DATABASE_URL has its password in the middle.
_REFERENCE: Final = re.compile(r"(?<!\$)(?:\$\$)*\$\{?(\w+)")


def preview_changes(
    docker: DockerCli,
    compose_file: str,
    found: Mapping[str, Container],
    names: Sequence[str],
    *,
    generated: Mapping[str, str],
) -> tuple[ServiceChange, ...]:
    """What a start with this compose file would do to each of ``names``, in their order.

    ``generated`` are values for variables that .env lacks, and a start makes first. Raises
    RuntimeProblem for a file that Compose does not take.
    """
    wanted = docker.service_hashes(compose_file, generated=generated)
    services = docker.compose_services(compose_file, generated=generated)
    plain = docker.compose_services(compose_file, interpolate=False)
    alone = tuple(
        _change(docker, name, found.get(name), wanted.get(name, ""), _names(services, plain, name))
        for name in names
    )
    if all(change.action == "untouched" for change in alone):
        return alone
    anew = docker.preview_recreations(compose_file, names, generated=generated)
    return tuple(_with_the_needed(change, anew, services) for change in alone)


def _with_the_needed(
    change: ServiceChange, anew: frozenset[str], services: Mapping[str, dict[str, Any]]
) -> ServiceChange:
    """Compose also makes anew what depends on a container that is made anew (2.26 does)."""
    if change.action != "untouched" or change.service not in anew:
        return change
    needed = services.get(change.service, {}).get("depends_on") or {}
    why = tuple(name for name in needed if name in anew)
    return replace(change, action="recreate", why=why or ("compose file",))


def _change(
    docker: DockerCli, name: str, found: Container | None, wanted: str, service: _Service
) -> ServiceChange:
    if found is None or not found.alive:
        return ServiceChange(service=name, action="start")
    image = docker.image_id(found.image)
    moved = image is not None and image != found.image_id
    if found.labels.get(_HASH) == wanted and not moved:
        return ServiceChange(service=name, action="untouched")
    why = (*_differing(found, service), *(["image"] if moved else []))
    return ServiceChange(service=name, action="recreate", why=why or ("compose file",))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    """A service as the compose file means it; ``variables`` maps its own to those of .env."""

    settings: Mapping[str, Any]
    variables: Mapping[str, str]


def _names(
    services: Mapping[str, dict[str, Any]], plain: Mapping[str, dict[str, Any]], name: str
) -> _Service:
    written = plain.get(name, {}).get("environment") or {}
    found = {own: _REFERENCE.search(str(value)) for own, value in written.items()}
    return _Service(
        settings=services.get(name, {}),
        variables={own: match[1] for own, match in found.items() if match},
    )


def _differing(found: Container, service: _Service) -> tuple[str, ...]:
    """Names of what differs between a container and its service's settings."""
    names = []
    if service.settings.get("image", found.image) != found.image:
        names.append("image")
    if (service.settings.get("labels") or {}).get(_FILES, "") != found.labels.get(_FILES, ""):
        names.append("litellm_config.yaml")
    wanted = service.settings.get("environment") or {}
    names += sorted(
        service.variables.get(variable, variable)
        for variable, value in wanted.items()
        if value is not None and found.environment.get(variable) != str(value)
    )
    return tuple(dict.fromkeys(names))
