"""The ``retention:`` of gateway.yaml: how long traces and spend logs are kept.

Owns the reading of one section, and who may declare it. Must not know who deletes what is older.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from gatewayctl.settings.cursor import Cursor
from gatewayctl.settings.declared.retention import Retention, parse_period
from gatewayctl.settings.declared.trace_stores import Tracing
from gatewayctl.settings.fields import Setting

SETTINGS: Final = {
    "traces": Setting(
        "duration", "", "Traces in the project's own Phoenix that are older are deleted: 30d, 12h."
    ),
    "spend_logs": Setting("duration", "", "The same for LiteLLM's spend logs: 90d."),
}
_SHORTEST: Final = timedelta(hours=1)
"""Both are deleted once an hour."""
_LONGEST: Final = timedelta(days=36_500)
"""LiteLLM and Phoenix compute the date before which they delete."""


def parse_retention(section: Cursor, *, tracing: Tracing, is_external: bool) -> Retention:
    """Read the section; without it nothing is ever deleted."""
    section.check_names(SETTINGS)
    if is_external and section.is_set:
        section.add_at_name(
            f"{section.path}: others operate this gateway: its retention is set where it runs"
        )
    traces = section.child("traces")
    if traces.is_set and not tracing.own:
        traces.add_at_name(
            f"{traces.path}: this project has no Phoenix of its own (tracing:): set the retention"
            " where the traces are stored"
        )
    return Retention(traces=_period(traces), spend_logs=_period(section.child("spend_logs")))


def _period(given: Cursor) -> timedelta | None:
    if not given.is_set:
        return None
    period = parse_period(given.value) if isinstance(given.value, str) else None
    if period is None:
        given.refuse("a duration such as 30d, 12h or 2w", hint=_explain(given))
    elif not _SHORTEST <= period <= _LONGEST:
        given.refuse("from 1h to 36500d")
    return period


def _explain(given: Cursor) -> str:
    text = str(given.value)
    if text.isascii() and text.isdigit() and int(text) > 0:
        return f" (did you mean '{text}d'?)"
    return "; leave it out to keep all"
