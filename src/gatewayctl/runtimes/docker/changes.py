"""What a start would do to each container, found as Compose finds it.

Compose labels a container with the hash of its service's settings, and recreates it where that
hash or its image is another one now. Owns the comparison and the names of what differs. Must never
hand on a value: environments hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gatewayctl.runtimes.docker.states import Container
from gatewayctl.runtimes.docker.whales import Docker
from gatewayctl.runtimes.pending import PendingChange

_HASH: Final = "com.docker.compose.config-hash"
_FILES: Final = "gatewayctl.config-sha256"
_REFERENCE: Final = re.compile(r"^\$\{?(\w+)")


def pending(
    docker: Docker, compose_file: str, found: Mapping[str, Container], names: Sequence[str]
) -> tuple[PendingChange, ...]:
    """What a start with this compose file would do to each of ``names``, in their order.

    Raises RuntimeProblem for a file that Compose does not take.
    """
    wanted = docker.hashes(compose_file)
    services = docker.config(compose_file)
    plain = docker.config(compose_file, interpolate=False)
    return tuple(
        _change(docker, name, found.get(name), wanted.get(name, ""), _names(services, plain, name))
        for name in names
    )


def _change(
    docker: Docker, name: str, found: Container | None, wanted: str, service: _Service
) -> PendingChange:
    if found is None or not found.alive:
        return PendingChange(service=name, action="start")
    image = docker.image_id(found.image)
    moved = image is not None and image != found.image_id
    if found.labels.get(_HASH) == wanted and not moved:
        return PendingChange(service=name, action="untouched")
    why = (*_differing(found, service), *(["image"] if moved else []))
    return PendingChange(service=name, action="recreate", why=why or ("compose file",))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    """A service as the compose file means it; ``variables`` maps its own to those of .env."""

    settings: Mapping[str, Any]
    variables: Mapping[str, str]


def _names(
    services: Mapping[str, dict[str, Any]], plain: Mapping[str, dict[str, Any]], name: str
) -> _Service:
    written = plain.get(name, {}).get("environment") or {}
    found = {own: _REFERENCE.match(str(value)) for own, value in written.items()}
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
