"""The verb env: what an application needs to call models through the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from gatewayctl.errors import EnvFileMissing, UsageProblem, VirtualKeyMissing
from gatewayctl.settings.model import RuntimeName, Settings

Place = Literal["host", "container"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvReport:
    """``LLM_BASE_URL`` and ``LLM_API_KEY`` in the clear: showing them is this verb's purpose."""

    variables: Mapping[str, str]


def env(
    settings: Settings, runtime: RuntimeName | None, *, place: Place, alias: str | None = None
) -> EnvReport:
    """The variables for an application on this host or in a container.

    ``runtime`` matters for a container's address only. ``alias`` chooses among the declared
    virtual keys; default is the first. Raises UsageProblem for an alias that is not declared,
    EnvFileMissing, VirtualKeyMissing where .env has no value.
    """
    if not settings.keys:
        raise VirtualKeyMissing("gateway.yaml declares no virtual key.", hint="Add one to keys:.")
    declared = {key.alias: key for key in settings.keys}
    if alias is not None and alias not in declared:
        raise UsageProblem(
            f"No virtual key {alias!r} is declared.", hint=f"Declared: {', '.join(declared)}."
        )
    key = declared[alias] if alias is not None else settings.keys[0]
    secret = settings.environment.get(key.env)
    if secret is None and not settings.env_file.exists():
        raise EnvFileMissing(f"There is no {settings.env_file}, and {key.env} is not set.")
    if secret is None:
        raise VirtualKeyMissing(f"{key.env}, the virtual key {key.alias}, is not set.")
    url = settings.gateway_url if place == "host" else _inside(settings, runtime)
    found = {"LLM_BASE_URL": url, "LLM_API_KEY": secret.reveal()}
    return EnvReport(variables=MappingProxyType(found))


def _inside(settings: Settings, runtime: RuntimeName | None) -> str:
    """The gateway as a container sees it: by its service name, or on the machine around it."""
    if runtime == "embedded":
        return f"http://host.docker.internal:{settings.ports.litellm}"
    return "http://litellm:4000"
