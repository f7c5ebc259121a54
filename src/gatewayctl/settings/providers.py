"""The environment variables of each provider: its key, and what else is needed to reach it.

Owns the tables, taken from what LiteLLM itself reads (docs.litellm.ai/docs/providers).
Must not know gateway.yaml.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_KEY_VARIABLES: Final = {
    "ai21": "AI21_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "azure": "AZURE_API_KEY",
    "azure_ai": "AZURE_AI_API_KEY",
    "cerebras": "CEREBRAS_API_KEY",
    "codestral": "CODESTRAL_API_KEY",
    "cohere": "COHERE_API_KEY",
    "cohere_chat": "COHERE_API_KEY",
    "dashscope": "DASHSCOPE_API_KEY",
    "databricks": "DATABRICKS_API_KEY",
    "deepinfra": "DEEPINFRA_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "fireworks_ai": "FIREWORKS_AI_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "github": "GITHUB_API_KEY",
    "groq": "GROQ_API_KEY",
    "huggingface": "HUGGINGFACE_API_KEY",
    "jina_ai": "JINA_AI_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "moonshot": "MOONSHOT_API_KEY",
    "nebius": "NEBIUS_API_KEY",
    "nvidia_nim": "NVIDIA_NIM_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "perplexity": "PERPLEXITYAI_API_KEY",
    "replicate": "REPLICATE_API_KEY",
    "sambanova": "SAMBANOVA_API_KEY",
    "text-completion-openai": "OPENAI_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "voyage": "VOYAGE_API_KEY",
    "xai": "XAI_API_KEY",
    "zai": "ZAI_API_KEY",
}

# What else LiteLLM takes from the environment: addresses, regions, keys in several parts.
_AWS: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_REGION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)
_OTHER_VARIABLES: Final = {
    "azure": ("AZURE_API_BASE", "AZURE_API_VERSION"),
    "azure_ai": ("AZURE_AI_API_BASE",),
    "bedrock": _AWS,
    "databricks": ("DATABRICKS_API_BASE",),
    "sagemaker": _AWS,
    "vertex_ai": ("VERTEXAI_LOCATION", "VERTEXAI_PROJECT"),
}


class LocalServer(NamedTuple):
    """A server that LiteLLM looks for on its own machine.

    ``variable`` may hold its address; without it, and without api_base, LiteLLM uses ``address``.
    """

    variable: str
    address: str


_OLLAMA: Final = LocalServer("OLLAMA_API_BASE", "http://localhost:11434")
_LOCAL_SERVERS: Final = {
    "docker_model_runner": LocalServer(
        "DOCKER_MODEL_RUNNER_API_BASE", "http://localhost:22088/engines/llama.cpp"
    ),
    "lemonade": LocalServer("LEMONADE_API_BASE", "http://localhost:8000/api/v1"),
    "llamafile": LocalServer("LLAMAFILE_API_BASE", "http://127.0.0.1:8080/v1"),
    "ollama": _OLLAMA,
    "ollama_chat": _OLLAMA,
    "xinference": LocalServer("XINFERENCE_API_BASE", "http://127.0.0.1:9997/v1"),
}

# The families that LiteLLM knows without a prefix, and the provider it then calls.
_FAMILIES: Final = (
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"gemini"), "vertex_ai"),
    (re.compile(r"gpt-|chatgpt-|o\d|ft:gpt|text-embedding-|whisper-|tts-|dall-e-"), "openai"),
)

ANY: Final = "*"
"""In place of a model's name: whatever is asked for, of every provider."""

# Without a key, LiteLLM sends OPENAI_API_KEY to these servers.
_FALL_BACK_TO_OPENAI: Final = {"openai", "text-completion-openai"}

OPENAI_HOSTS: Final = ("api.openai.com", "eu.api.openai.com", "us.api.openai.com")

NO_KEY: Final = "none"
"""Sent to a server without keys, so that it never receives the key of OpenAI."""


def provider_of(model: str) -> str | None:
    """The provider of a LiteLLM model name: the part before the slash, else the one LiteLLM knows.

    None if it knows none, and for ``*``, which is every provider.
    """
    if "/" in model:
        return model.split("/", 1)[0]
    return next((provider for pattern, provider in _FAMILIES if pattern.match(model)), None)


def key_variable(provider: str | None) -> str | None:
    """The variable with the provider's key; None for an unknown provider or one without keys."""
    return _KEY_VARIABLES.get(provider or "")


def other_variables(provider: str) -> tuple[str, ...]:
    """The variables that a provider needs besides its key; those of all providers for ``*``."""
    if provider == ANY:
        others = (name for names in _OTHER_VARIABLES.values() for name in names)
        return (*_KEY_VARIABLES.values(), *others)
    server = local_server(provider)
    return _OTHER_VARIABLES.get(provider, () if server is None else (server.variable,))


def local_server(provider: str) -> LocalServer | None:
    """The server of a provider that runs on one's own machine; None for any other."""
    return _LOCAL_SERVERS.get(provider)


def falls_back_to_openai(provider: str) -> bool:
    """True if LiteLLM sends the key of OpenAI when there is no other."""
    return provider in _FALL_BACK_TO_OPENAI
