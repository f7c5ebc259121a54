"""What a Compose file says, as text that Compose reads back as it was meant.

Owns Compose's own syntax inside values (``$``, ``${NAME}``), the environment of the services
and the paths of builds. Must not know YAML's syntax: see plan.to_yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from gatewayctl.settings import providers
from gatewayctl.settings.model import PHOENIX_PROJECT, App, Model, Settings
from gatewayctl.settings.plain_secrets import REFERENCE

GATEWAY_URL: Final = "http://litellm:4000"
PHOENIX_URL: Final = "http://phoenix:6006"


def escape_dollars(value: Any) -> Any:
    """The value with every ``$`` doubled: Compose puts no variable in its place."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {name: escape_dollars(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [escape_dollars(part) for part in value]
    return value


def required(name: str) -> str:
    """The value of a variable, without which Compose starts nothing."""
    return f"${{{name}:?gatewayctl init makes it in .env}}"


def optional(name: str) -> str:
    """The value of a variable, or nothing."""
    return f"${{{name}:-}}"


def provider_variables(settings: Settings) -> tuple[str, ...]:
    """The variables LiteLLM needs to reach the providers of the models, sorted.

    Those that models refer to, and those that a provider reads by itself (providers.py).
    """
    return tuple(sorted({name for model in settings.models for name in _variables(model)}))


def _variables(model: Model) -> set[str]:
    found = set(_references(dict(model.litellm_params)))
    if model.api_key_env is not None:
        found.add(model.api_key_env)
    target = str(model.litellm_params.get("model", ""))
    provider = str(model.litellm_params.get("custom_llm_provider") or providers.provider_of(target))
    return found | set(providers.other_variables(provider))


def _references(value: Any) -> list[str]:
    if isinstance(value, str) and value.startswith(REFERENCE):
        return [value.removeprefix(REFERENCE)]
    parts = value.values() if isinstance(value, Mapping) else value
    return (
        [name for part in parts for name in _references(part)]
        if isinstance(value, Mapping | list | tuple)
        else []
    )


def app_environment(app: App, settings: Settings) -> dict[str, str]:
    """The variables of an app: its own override the addresses, its key overrides everything.

    Spans of any OpenTelemetry library arrive in the same Phoenix project as LiteLLM's.
    """
    variable = next((key.env for key in settings.keys if key.alias == app.key), None)
    addresses = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": PHOENIX_URL,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_RESOURCE_ATTRIBUTES": f"openinference.project.name={PHOENIX_PROJECT}",
        "OTEL_SERVICE_NAME": app.name,
        "PHOENIX_COLLECTOR_ENDPOINT": PHOENIX_URL,
        "PHOENIX_PROJECT_NAME": PHOENIX_PROJECT,
    }
    own = {name: _own(value) for name, value in app.environment.items()}
    key = "" if variable is None else optional(variable)
    return addresses | own | {"LLM_BASE_URL": GATEWAY_URL, "LLM_API_KEY": key}


def _own(value: str) -> str:
    if value.startswith(REFERENCE):
        return optional(value.removeprefix(REFERENCE))
    return str(escape_dollars(value))


def build_context(folder: str) -> str:
    """The folder of a build as seen from compose/; addresses and absolute paths as they are."""
    if "://" in folder or folder.startswith(("/", "~", "git@")):
        return folder
    return str(PurePosixPath("..") / folder)
