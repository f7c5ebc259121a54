"""Which models can be called: whether the key of their provider is a real one.

Owns the recognition of placeholders. Must not know LiteLLM.
"""

from __future__ import annotations

from typing import Final

from gatewayctl.settings.model import Model, Settings

# What people and templates write in place of a key, in lower case.
_PLACEHOLDERS: Final = frozenset(
    {"none", "null", "todo", "dummy", "fake", "test", "sk-", "key", "xxxx", "sk-xxxx"}
)
_PLACEHOLDER_PARTS: Final = (
    "your-", "your_", "your ", "change-me", "changeme", "change_me", "placeholder", "example",
    "replace-", "replace_", "insert-", "...", "…", "xxxxxx",
)  # fmt: skip


def has_real_key(model: Model, settings: Settings) -> bool:
    """True if the model's provider needs no key, or the variable holds no placeholder."""
    if model.api_key_env is None:
        return True
    key = settings.environment.get(model.api_key_env)
    value = "" if key is None else key.reveal().strip()
    return bool(value) and not is_placeholder(value)


def find_missing_keys(settings: Settings) -> tuple[str, ...]:
    """The variables of declared models that hold no real key, each once."""
    missing = (model.api_key_env for model in settings.models if not has_real_key(model, settings))
    return tuple(dict.fromkeys(name for name in missing if name))


def is_placeholder(value: str) -> bool:
    """True for a text in place of a key, such as ``sk-your-key`` or ``<key>``."""
    text = value.strip().lower()
    bracketed = text[:1] + text[-1:] in {"<>", "{}", "[]"} or text.startswith("${")
    return bracketed or text in _PLACEHOLDERS or any(part in text for part in _PLACEHOLDER_PARTS)
