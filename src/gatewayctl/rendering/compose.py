"""Values of a compose file, escaped so that Compose reads them unchanged.

Owns Compose's own syntax inside values (``$``, ``${NAME}``), the environment of the services
and the paths of builds. Must not know YAML's syntax: see plan.to_yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from gatewayctl import network
from gatewayctl.rendering.tracing import app_variables
from gatewayctl.rendering.tracing import refer_in_compose as optional_variable
from gatewayctl.settings import providers
from gatewayctl.settings.declared.apps import App
from gatewayctl.settings.model import Model, RuntimeName, Settings
from gatewayctl.settings.plain_secrets import REFERENCE
from gatewayctl.settings.sections.litellm_service import OWNED

GATEWAY_URL: Final = "http://litellm:4000"
_OVER_HTTP: Final = ("litellm", "phoenix", "host.docker.internal")
"""Two services, and the machine of the engine."""
_ALWAYS_SET: Final = OWNED.union(
    ("LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "UI_PASSWORD"), network.PROXY_VARIABLES
)
"""Variables that LiteLLM's service has in any case."""


def escape_dollars(value: Any) -> Any:
    """Double every ``$`` in a value, so that Compose interpolates nothing."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {name: escape_dollars(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [escape_dollars(part) for part in value]
    return value


def services_of(settings: Settings) -> tuple[str, ...]:
    """The services of a project in Docker, in dependency order: not those that others run."""
    needed = {
        "postgres-litellm": settings.services.postgres is None,
        "postgres-phoenix": settings.tracing.own,
        "redis": settings.needs_redis_in("docker"),
        "phoenix": settings.tracing.own,
        "litellm": True,
    }
    return tuple(name for name in needed if needed[name])


def required_variable(name: str) -> str:
    """Refer to a variable that Compose requires before it starts anything."""
    return f"${{{name}:?run gatewayctl init to generate it in .env}}"


def no_proxy(settings: Settings) -> str:
    """The hosts that containers reach without a proxy: ours, then the operator's.

    Docker gives every container the proxies of its config.json, but not these hosts.
    """
    apps = (app.name for app in settings.apps)
    own = ",".join((*network.LOOPBACK_HOSTS, *_OVER_HTTP, *apps))
    return f"{own},${{NO_PROXY:-${{no_proxy:-}}}}"


def provider_variables(settings: Settings, runtime: RuntimeName = "docker") -> tuple[str, ...]:
    """The variables that LiteLLM gets from .env or the environment, sorted.

    They include those that models and LiteLLM's own configuration refer to, those that a provider
    reads itself (providers.py), and those that are declared for the service without a value. What
    gatewayctl sets itself is left out.
    """
    found = {name for model in settings.models for name in _variables(model)}
    found |= set(settings.litellm.variables if settings.litellm else ())
    given = settings.litellm_service.environment
    found |= {name for name, value in given.items() if value is None}
    found -= {name for name, value in given.items() if value is not None}
    found -= _ALWAYS_SET | ({"REDIS_PASSWORD"} if settings.needs_redis_in(runtime) else set())
    return tuple(sorted(found))


def _variables(model: Model) -> set[str]:
    found = set(references_of(dict(model.litellm_params)))
    if model.api_key_env is not None:
        found.add(model.api_key_env)
    return found | set(providers.other_variables(model.provider))


def references_of(value: Any) -> list[str]:
    """The variables that a value refers to, in any of its parts."""
    if isinstance(value, str):
        return [value.removeprefix(REFERENCE)] if value.startswith(REFERENCE) else []
    if isinstance(value, Mapping):
        value = list(value.values())
    return (
        [name for part in value for name in references_of(part)]
        if isinstance(value, list | tuple)
        else []
    )


def app_environment(app: App, settings: Settings) -> dict[str, str]:
    """The environment of an app: its own variables override addresses, its key overrides both.

    Spans of any OpenTelemetry library arrive in the first trace store, with LiteLLM's.
    """
    variable = next((key.env for key in settings.keys if key.alias == app.key), None)
    addresses = {**app_variables(settings), "OTEL_SERVICE_NAME": app.name}
    hosts = no_proxy(settings)
    addresses |= {network.NO_PROXY: hosts, network.NO_PROXY.lower(): hosts}
    own = {name: _environment_value(value) for name, value in app.environment.items()}
    key = "" if variable is None else optional_variable(variable)
    return addresses | own | {"LLM_BASE_URL": GATEWAY_URL, "LLM_API_KEY": key}


def _environment_value(value: str) -> str:
    if value.startswith(REFERENCE):
        return optional_variable(value.removeprefix(REFERENCE))
    return str(escape_dollars(value))


def build_context(folder: str, project: str = "..") -> str:
    """The build folder relative to compose/; URLs and absolute paths are not changed.

    ``project`` is the project's folder, seen from the one with the compose file.
    """
    if "://" in folder or folder.startswith(("/", "~", "git@")):
        return folder
    return str(PurePosixPath(project) / folder)
