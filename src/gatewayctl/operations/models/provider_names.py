"""Deployments of LiteLLM's own configuration whose model names no provider.

LiteLLM guesses the provider of a name that it knows, such as gpt-4o; a model whose name it does not
know is not served at all. What it knows depends on its release, so nothing is refused here. In
`models:` such a name is refused.
"""

from __future__ import annotations

from gatewayctl.settings.model import Model, Settings


def suggest_name(model: Model) -> str | None:
    """The upstream with a provider, or `provider/` to be replaced; None if it has one."""
    if model.provider:
        return None
    name = str(model.litellm_params.get("model", ""))
    return f"{'openai' if 'api_base' in model.litellm_params else 'provider'}/{name}"


def warn_without_provider(settings: Settings) -> tuple[str, ...]:
    """One warning for each declared model whose upstream names no provider."""
    return tuple(
        f"model_list: {model.name}: {model.litellm_params['model']!r} names no provider, and"
        f" LiteLLM may not serve it. Write {name}."
        for model in settings.models
        if (name := suggest_name(model)) is not None
    )
