"""The packages that LiteLLM imports late, for a setting of its configuration, and that it lacks.

The usual ones are in the lock; these are too large, or seldom used. Seen in LiteLLM 1.108. Owns
that table. Must not know how a package is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gatewayctl.runtimes.embedded.packages import available
from gatewayctl.settings.document import Node
from gatewayctl.settings.litellm.config import LitellmConfig
from gatewayctl.settings.model import Settings
from gatewayctl.settings.problems import Problems

_LOGGERS: Final = {
    "lunary": "lunary",
    "mlflow": "mlflow",
    "newrelic": "newrelic",
    "supabase": "supabase",
    "traceloop": "traceloop-sdk",
    "wandb": "wandb",
}
_CALLBACKS: Final = {
    "callbacks": _LOGGERS | {"azure_content_safety": "azure-ai-contentsafety"},
    "success_callback": _LOGGERS | {"logfire": "logfire"},
    "failure_callback": _LOGGERS | {"logfire": "logfire", "slack": "slack-bolt"},
    "service_callback": _LOGGERS,
}
_CACHES: Final = {"redis-semantic": "redisvl"}
_GUARDRAILS: Final = {
    "conduct": "conduct-litellm-guard",
    "semantic_guard": "semantic-router",
}


def require_packages(settings: Settings) -> None:
    """Raise SettingsInvalid for each setting whose package LiteLLM will not find."""
    config = settings.litellm
    if config is None:
        return
    problems, names = Problems(), available(settings)
    for node, package in _find_needed(config):
        if package not in names:
            problems.add(
                node.source,
                f"{node.value} needs the package {package}, which the embedded runtime has not:"
                f" add `embedded: {{packages: [{package}]}}` to gateway.yaml, or use"
                " --runtime docker",
            )
    problems.raise_all()


def _find_needed(config: LitellmConfig) -> Iterator[tuple[Node, str]]:
    for name, table in _CALLBACKS.items():
        for node in config.items(f"litellm_settings.{name}"):
            if isinstance(node.value, str) and node.value in table:
                yield node, table[node.value]
    cache = config.at("litellm_settings.cache_params.type")
    if cache is not None and isinstance(cache.value, str) and cache.value in _CACHES:
        yield cache, _CACHES[cache.value]
    for guardrail in config.items("guardrails"):
        kind = guardrail.at("litellm_params.guardrail")
        if kind is not None and isinstance(kind.value, str) and kind.value in _GUARDRAILS:
            yield kind, _GUARDRAILS[kind.value]
