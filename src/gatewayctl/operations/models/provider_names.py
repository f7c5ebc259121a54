"""Models whose upstream names no provider, and what to write instead.

LiteLLM guesses the provider of a name that it knows, such as gpt-4o; a model whose name it does not
know is not served at all. What it knows depends on its release, so nothing is refused here.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.settings.model import Model, Settings

# The families that LiteLLM 1.106 knows without a prefix, and the provider it then calls.
_FAMILIES: Final = (
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"gemini"), "vertex_ai"),
    (re.compile(r"gpt-|chatgpt-|o\d|ft:gpt|text-embedding-|whisper-|tts-|dall-e-"), "openai"),
)


def has_provider(model: Model) -> bool:
    """False if LiteLLM has to guess the provider from the name of the model."""
    name = str(model.litellm_params.get("model", ""))
    return "/" in name or name == "*" or "custom_llm_provider" in model.litellm_params


def suggest_name(model: Model) -> str:
    """The upstream with the provider LiteLLM guesses, or `provider/` where it knows none."""
    name = str(model.litellm_params.get("model", ""))
    if "api_base" in model.litellm_params:
        return f"openai/{name}"
    found = (provider for pattern, provider in _FAMILIES if pattern.match(name))
    return f"{next(found, 'provider')}/{name}"


def warn_without_provider(settings: Settings) -> tuple[str, ...]:
    """One warning for each declared model whose upstream names no provider."""
    return tuple(
        f"models.{model.name}: {model.litellm_params['model']!r} names no provider; LiteLLM guesses"
        f" it, or does not serve the model. Write {suggest_name(model)}."
        for model in settings.models
        if not has_provider(model)
    )
