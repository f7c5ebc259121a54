"""What text may show of a secret: the one home of masking.

Owns what a key looks like in text of any origin. Must not know where the text goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gatewayctl.settings.model import Secret

# A key begins a word ("task-runner" holds none), or stands behind an escape of an URL.
KEY: Final = re.compile(r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))sk-[A-Za-z0-9_\-]{4,}")
# LiteLLM's messages quote keys it masked itself, and their SHA-256.
_QUOTED_KEY: Final = re.compile(r"sk-[\w\-*.]{4,}")
_HASH: Final = re.compile(r"\b[0-9a-f]{64}\b")
_IN_URL: Final = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
# Shorter ones are words: replacing them would garble the text and hide nothing.
_SHORTEST_KNOWN: Final = 4


def mask_keys(text: str) -> str:
    """The text with everything that looks like a key shown as ``sk-…abcd``."""
    return KEY.sub(lambda found: Secret(found.group()).masked(), text)


def strip_keys(text: str) -> str:
    """The text on one line, with everything that looks like a key or its hash left out."""
    return _CONTROL.sub(" ", _HASH.sub("…", _QUOTED_KEY.sub("sk-…", text))).strip()


def mask_secrets(text: str, secrets: Iterable[Secret] = ()) -> str:
    """The text without any secret: the known ones, what looks like a key, passwords in URLs."""
    values = {secret.reveal(): secret.masked() for secret in secrets}
    # The longest first, so that no rest of one stays when another is a part of it.
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= _SHORTEST_KNOWN:
            text = text.replace(value, values[value])
    return mask_keys(_IN_URL.sub(r"\1:…", text))
