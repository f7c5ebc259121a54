"""Which models can be called: whether the key of their provider is a real one.

Owns the reading of placeholders. Must not know LiteLLM: it finds out for itself.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.settings.model import Model, Settings

# What people and templates write where a key belongs.
_PLACEHOLDER: Final = re.compile(
    r"""(?ix)
    ^(?: <.*> | \$\{.*\} | \.+ | x+ | sk-\.* | sk-x+ | none | null | todo | dummy | fake | test
    )$
    | (?:^|[-_<\s])your[-_\s] | change[-_ ]?me | replace | placeholder | example | insert | …|\.\.\.
    """
)


def has_real_key(model: Model, settings: Settings) -> bool:
    """True if the model's provider needs no key, or the variable holds more than a stand-in."""
    if model.api_key_env is None:
        return True
    key = settings.environment.get(model.api_key_env)
    value = "" if key is None else key.reveal().strip()
    return bool(value) and not _PLACEHOLDER.search(value)
