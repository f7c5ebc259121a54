"""When LiteLLM's spend logs can be expected: how long after a call.

Must not know who waits for them.
"""

from __future__ import annotations

import math
from typing import Final

from gatewayctl.settings.model import Settings

DEFAULT_DELAY: Final = 15.0
"""Seconds, with LiteLLM's default interval of 10. It counts in development too, where gatewayctl
sets 2: a small machine may not keep to that."""
_INTERVAL: Final = "general_settings.proxy_batch_write_at"
_JITTER: Final = 5.0
"""LiteLLM adds a random number of seconds up to this (proxy_server.py: batch_writing_interval)."""
_WRITING: Final = 5.0
"""Seconds for a batch to be written."""
_VERIFYING: Final = 30.0


def find_spend_log_delay(settings: Settings) -> float:
    """Seconds from the end of a call until its spend log is written, at most."""
    own = settings.litellm
    node = None if own is None else own.at(_INTERVAL)
    value = None if node is None else node.value
    # LiteLLM does not start with anything else.
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return DEFAULT_DELAY
    return max(0.0, float(value)) + _JITTER


def find_spend_log_deadline(settings: Settings) -> float:
    """Seconds from the end of a call after which a missing spend log is lost."""
    return find_spend_log_delay(settings) + _WRITING


def find_verification_timeout(settings: Settings) -> float:
    """Seconds to wait for the spans and spend logs of a call, unless a timeout is given."""
    return max(_VERIFYING, find_spend_log_deadline(settings))


def explain_missing_log(settings: Settings, age: float) -> str | None:
    """Why a call that ended ``age`` seconds ago may have no spend log; None if it must have one."""
    if age < find_spend_log_deadline(settings):
        return f"LiteLLM writes it up to {find_spend_log_delay(settings):g} s after the call"
    return None
