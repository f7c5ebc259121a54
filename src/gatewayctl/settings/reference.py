"""The reference stack: what a project without gateway.yaml gets.

Owns the models, virtual keys and components of the command line contract, as data. Must
not know how they are read or rendered.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from gatewayctl.settings.model import Component, DeclaredKey, Model

NUM_RETRIES: Final = 3
TIMEOUT: Final = 600
"""Seconds."""


def _openai(name: str) -> Model:
    return Model(
        name=name,
        litellm_params=MappingProxyType({"model": f"openai/{name}"}),
        api_key_env="OPENAI_API_KEY",
        num_retries=NUM_RETRIES,
        timeout=TIMEOUT,
    )


MODELS: Final = (_openai("gpt-4o"), _openai("gpt-4o-mini"), _openai("o1-mini"))

DEMO: Final = Model(
    name="demo",
    litellm_params=MappingProxyType(
        {
            "model": "openai/demo",
            "mock_response": (
                "This is the demo model of the gateway: your request went through LiteLLM,"
                " and no provider was called."
            ),
        }
    ),
    num_retries=NUM_RETRIES,
    timeout=TIMEOUT,
)
"""Answers offline; in the development profile only, so nobody ships it by accident."""

KEYS: Final = (
    DeclaredKey(
        alias="litellm-dev",
        env="LITELLM_API_KEY",
        metadata=MappingProxyType({"environment": "development"}),
    ),
    DeclaredKey(
        alias="litellm-eval",
        env="LITELLM_EVAL_KEY",
        metadata=MappingProxyType({"environment": "evaluation"}),
    ),
)

COMPONENTS: Final = (
    Component(name="passthrough", metadata=MappingProxyType({"routing_path": "passthrough"})),
    Component(name="reasoning-agent", operations=("step_generation", "synthesis")),
    Component(name="routing-classifier", operations=("auto_routing",)),
)
