"""How LiteLLM got the answers of a trace: its retries and fallbacks, which are no faults.

Owns their sum, from spans and spend logs. Must not know whether the trace is complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gatewayctl.gateway.spend import SpendLog
from gatewayctl.tracing.spans import Span
from gatewayctl.tracing.verify import ExpectedCall, find_answer, group_attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How LiteLLM got its answers: retries, and each model that answered as a fallback."""

    retries: int
    fallbacks: tuple[str, ...]


def sum_up_attempts(
    calls: Iterable[ExpectedCall], spans: Sequence[Span], logs: Sequence[SpendLog]
) -> Attempts:
    """Sum up the attempts of all calls. A spend log has the exact number of retries."""
    by_id, attempts = {log.call_id: log for log in logs}, group_attempts(spans)
    retries, fallbacks = 0, dict[str, None]()
    for call in calls:
        log = by_id.get(call.call_id or "")
        tried = attempts.get(call.call_id or "", [])
        models = [span.attributes.get("llm.model_name") for span in tried]
        answered = find_answer(tried).attributes.get("llm.model_name") if tried else None
        retries += max(call.retries, log.retries if log else 0, models.count(answered) - 1, 0)
        fell_back = len(set(models)) > 1 or (log is not None and log.fallbacks > 0)
        model = call.fallback or (answered if fell_back and call.ok else None)
        if model is not None:
            fallbacks[str(model)] = None
    return Attempts(retries=retries, fallbacks=tuple(fallbacks))
