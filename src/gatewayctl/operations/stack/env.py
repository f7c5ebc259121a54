"""The verb env: the variables an application needs to call models through the gateway."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gatewayctl.errors import EnvFileMissing, UsageProblem, VirtualKeyMissing
from gatewayctl.rendering.tracing import Place, application_variables
from gatewayctl.settings.model import RuntimeName, Settings
from gatewayctl.settings.overrides import warn_overrides

_THIS_MACHINE: Final = re.compile(r"://(?:127\.0\.0\.1|localhost|\[::1\])(?=[:/]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvReport:
    """``LLM_BASE_URL`` and ``LLM_API_KEY`` in plain text: showing them is this verb's purpose.

    With declared trace stores also the variables of OpenTelemetry for the first one.
    """

    variables: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def env(
    settings: Settings, runtime: RuntimeName | None, *, place: Place, alias: str | None = None
) -> EnvReport:
    """Return the variables for an application on this host, in a container or in the cluster.

    ``runtime`` matters only for the address seen from elsewhere than this host: in Kubernetes a
    container is one of the cluster. ``alias`` selects a declared virtual key, by default the first.
    Raises UsageProblem for an alias that is not declared or a cluster that is not used,
    EnvFileMissing, and VirtualKeyMissing if the variable has no value.
    """
    if place == "cluster" and runtime != "kubernetes":
        raise UsageProblem(
            f"--for cluster is for a project in Kubernetes, and this one uses {runtime}.",
            hint="Use --for container or --for host, or add --runtime kubernetes.",
        )
    if place == "container" and runtime == "kubernetes":
        place = "cluster"
    if not settings.keys:
        raise VirtualKeyMissing(
            "gateway.yaml declares no virtual key.", hint="Add one under keys:."
        )
    declared = {key.alias: key for key in settings.keys}
    if alias is not None and alias not in declared:
        raise UsageProblem(
            f"gateway.yaml declares no virtual key {alias!r}.",
            hint=f"Declared: {', '.join(declared)}.",
        )
    key = declared[alias] if alias is not None else settings.keys[0]
    secret = settings.environment.get(key.env)
    if secret is None and not settings.env_file.exists():
        raise EnvFileMissing(f"{settings.env_file} does not exist, and {key.env} is not set.")
    if secret is None:
        raise VirtualKeyMissing(f"{key.env} (virtual key {key.alias}) is not set.")
    found = {"LLM_BASE_URL": _gateway_url(settings, runtime, place), "LLM_API_KEY": secret.reveal()}
    found |= application_variables(settings, settings.environment, place=place)
    warnings = warn_overrides(settings, [key.env])
    return EnvReport(variables=MappingProxyType(found), warnings=warnings)


def _gateway_url(settings: Settings, runtime: RuntimeName | None, place: Place) -> str:
    if place == "host":
        return settings.gateway_url
    if place == "cluster":
        return settings.kubernetes.service_url("litellm", 4000)
    return _container_url(settings, runtime)


def _container_url(settings: Settings, runtime: RuntimeName | None) -> str:
    """The gateway's address from a container: its service name, or a port of the host."""
    if runtime == "external":
        # A gateway of this machine is at another address there.
        return _THIS_MACHINE.sub("://host.docker.internal", settings.gateway_url)
    if runtime == "embedded":
        return f"http://host.docker.internal:{settings.ports.litellm}"
    return "http://litellm:4000"
