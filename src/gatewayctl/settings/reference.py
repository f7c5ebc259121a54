"""The reference stack: what a project without gateway.yaml gets.

Owns the models, virtual keys and components of the command line contract, as data. Must
not know how they are read or rendered.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from gatewayctl.settings.declared.keys import DeclaredKey
from gatewayctl.settings.model import Component, Model, Operation

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
    parts=MappingProxyType(
        {
            "demo-step": (
                '{"step": "The request went through the gateway; nothing is left to find out.",'
                ' "done": true}'
            ),
            "demo-classifier": (
                '{"route": "reasoning", "reason": "The demo model sends everything there."}'
            ),
        }
    ),
)
"""Answers offline; in the development profile only, so that it is not deployed by accident."""

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

STEP_PROMPT: Final = (
    "You reason about the user's request one step at a time. Answer with one JSON object and"
    ' nothing else: {"step": the next step of your reasoning, in a sentence or two, "done":'
    " true if no further step is needed, otherwise false}."
)
SYNTHESIS_PROMPT: Final = (
    "Answer the user's request, using the reasoning steps you are given. Do not repeat the"
    " steps; give the answer they lead to."
)
ROUTING_PROMPT: Final = (
    "You decide how a request is answered. Choose passthrough for what one direct reply"
    " answers, and reasoning for what needs several steps of thought. Answer with one JSON"
    ' object: {"route": "passthrough" or "reasoning", "reason": why, in one sentence}.'
)

COMPONENTS: Final = (
    Component(name="passthrough", metadata=MappingProxyType({"routing_path": "passthrough"})),
    Component(
        name="reasoning-agent",
        operations=("step_generation", "synthesis"),
        declared=MappingProxyType(
            {
                "step_generation": Operation(prompt=STEP_PROMPT, offline_model="demo-step"),
                "synthesis": Operation(prompt=SYNTHESIS_PROMPT),
            }
        ),
    ),
    Component(
        name="routing-classifier",
        operations=("auto_routing",),
        declared=MappingProxyType(
            {"auto_routing": Operation(prompt=ROUTING_PROMPT, offline_model="demo-classifier")}
        ),
    ),
)
