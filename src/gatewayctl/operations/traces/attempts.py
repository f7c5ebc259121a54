"""How LiteLLM got the answers of a trace: retries, fallbacks, its cache. None of them is a fault.

Owns their sum, from spans and spend logs. Must not know whether the trace is complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gatewayctl.gateway.spend import SpendLog
from gatewayctl.tracing.spans import Span
from gatewayctl.tracing.verify import ExpectedCall, find_answer, group_attempts

MODEL: Final = "llm.model_name"
DEPLOYMENT: Final = "litellm.provider.model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How LiteLLM got its answers: retries, each model that answered as a fallback, what it called.

    ``cached`` is the number of answers from its cache.
    """

    retries: int
    fallbacks: tuple[str, ...]
    deployments: tuple[str, ...] = ()
    cached: int = 0


def sum_up_attempts(
    calls: Iterable[ExpectedCall], spans: Sequence[Span], logs: Sequence[SpendLog]
) -> Attempts:
    """Sum up the attempts of all calls. A spend log has the exact number of retries."""
    by_id, attempts = {log.call_id: log for log in logs}, group_attempts(spans)
    retries, cached = 0, 0
    fallbacks, deployments = dict[str, None](), dict[str, None]()
    for call in calls:
        log = by_id.get(call.call_id or "")
        tried = attempts.get(call.call_id or "", [])
        models = [span.attributes.get(MODEL) for span in tried]
        answer = find_answer(tried) if tried and not call.cached else None
        answered = log.model if call.cached and log else answer and answer.attributes.get(MODEL)
        failed = models.count(answered) - (0 if call.cached else 1)
        retries += max(call.retries, log.retries if log else 0, failed, 0)
        cached += call.cached
        fell_back = len({*models, answered}) > 1 or (log is not None and log.fell_back)
        model = call.fallback or (answered if tried and fell_back and call.ok else None)
        if model is not None:
            fallbacks[str(model)] = None
        if answer is not None and (called := answer.attributes.get(DEPLOYMENT)) is not None:
            deployments[str(called)] = None
    return Attempts(
        retries=retries,
        fallbacks=tuple(fallbacks),
        deployments=tuple(deployments),
        cached=cached,
    )
