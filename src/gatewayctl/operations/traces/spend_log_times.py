"""When a spend log can be expected: how long after a call, and what has deleted those of before.

Must not know who looks for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from gatewayctl.errors import FileUnreadable
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.traces.retention import find_spend_log_period
from gatewayctl.settings.declared.retention import format_period
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
_REPLACING: Final = ("reset", "restore", "rollback")
"""Verbs that empty or replace LiteLLM's database; reset and rollback keep Phoenix's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReplacement:
    """The last command that emptied or replaced the spend logs, and when it ended."""

    verb: str
    at: datetime


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


def explain_late_log(settings: Settings, age: float) -> str | None:
    """Why a call that ended ``age`` seconds ago may have no spend log yet, or None."""
    if age < find_spend_log_deadline(settings):
        return f"LiteLLM writes it up to {find_spend_log_delay(settings):g} s after the call"
    return None


def explain_deleted_log(settings: Settings, start: datetime, now: datetime) -> str | None:
    """Why a call of a trace that began at ``start`` may have no spend log any more, or None."""
    period = find_spend_log_period(settings)
    if period is not None and start < now - period:
        return f"deleted by retention, after {format_period(period)}"
    try:
        replaced = find_replacement(settings.state_dir)
    except FileUnreadable as error:
        return f"it may have been deleted. {error.message}"
    if replaced is not None and start <= replaced.at:
        return f"the spend logs were replaced by {replaced.verb}"
    return None


def find_replacement(state_dir: Path) -> DataReplacement | None:
    """Also of a verb that failed or was killed: it may have come as far as that.

    Raises FileUnreadable.
    """
    entries = [each for each in read_audit(state_dir).entries if each.verb in _REPLACING]
    if not entries:
        return None
    last = entries[-1]
    return DataReplacement(verb=last.verb, at=last.at + timedelta(seconds=last.seconds or 0))
