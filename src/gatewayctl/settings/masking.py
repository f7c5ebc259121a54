"""Mask secrets in text.

Owns how a key is recognized in text of any origin. Must not know where the text goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gatewayctl.settings.model import Secret

# A key begins a word ("task-runner" has none), or follows an escape of a URL.
KEY: Final = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))sk-[A-Za-z0-9_\-]{4,}")
# LiteLLM's messages quote keys that it masked, and their SHA-256.
_QUOTED_KEY: Final = re.compile(r"sk-[\w\-*.]{4,}")
_HASH: Final = re.compile(r"\b[0-9a-f]{64}\b")
_IN_URL: Final = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
# Shorter ones are common words: replacing them would garble the text and hide nothing.
_MIN_LENGTH: Final = 4


def mask_keys(text: str) -> str:
    """Replace everything that looks like a key by ``sk-…abcd``."""
    return KEY.sub(lambda found: Secret(found.group()).masked(), text)


def strip_keys(text: str) -> str:
    """Put the text on one line, without anything that looks like a key or its hash."""
    return _CONTROL.sub(" ", _HASH.sub("…", _QUOTED_KEY.sub("sk-…", text))).strip()


def mask_secrets(text: str, secrets: Iterable[Secret] = ()) -> str:
    """Mask the given secrets, everything that looks like a key, and passwords in URLs."""
    values = {secret.reveal(): secret.masked() for secret in secrets}
    # The longest first: one secret can be a part of another.
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= _MIN_LENGTH:
            text = text.replace(value, values[value])
    return mask_keys(_IN_URL.sub(r"\1:…", text))
