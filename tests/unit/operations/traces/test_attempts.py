from __future__ import annotations

from dataclasses import replace

import pytest

from gatewayctl.gateway.spend import SpendLog
from gatewayctl.operations.traces.attempts import Attempts, sum_up_attempts
from gatewayctl.tracing.spans import Span
from tests.fakes.traces import CALL, LLM, LLM_ATTRIBUTES
from tests.unit.operations.traces.test_spend_checks import LOG

FAILED = replace(LLM, span_id="failed", status="ERROR")
OTHER = replace(LLM, attributes={**LLM_ATTRIBUTES, "llm.model_name": "other"})
OTHER_LOG = replace(LOG, model="other", fallbacks=1)


@pytest.mark.parametrize(
    ("spans", "log", "retries", "fallbacks"),
    [
        ((LLM,), LOG, 0, ()),
        # LiteLLM makes one span of several failed attempts; its spend log has their number.
        ((FAILED, LLM), replace(LOG, retries=2), 2, ()),
        ((FAILED, LLM), None, 1, ()),
        ((FAILED, OTHER), OTHER_LOG, 0, ("other",)),
        ((FAILED, OTHER), None, 0, ("other",)),
        # The requested model was in cooldown, so that there was no failed attempt.
        ((OTHER,), OTHER_LOG, 0, ("other",)),
        ((), None, 0, ()),
    ],
)
def test_retries_and_fallbacks_are_read_from_spans_and_spend_logs(
    spans: tuple[Span, ...], log: SpendLog | None, retries: int, fallbacks: tuple[str, ...]
) -> None:
    found = sum_up_attempts((CALL,), spans, () if log is None else (log,))

    assert found == Attempts(retries=retries, fallbacks=fallbacks)


def test_what_the_reply_said_counts_before_anything_was_read() -> None:
    call = replace(CALL, retries=1, fallback="other")

    assert sum_up_attempts((call,), (), ()) == Attempts(retries=1, fallbacks=("other",))


def test_a_failed_call_was_not_answered_by_a_fallback() -> None:
    failed = replace(OTHER, status="ERROR")

    found = sum_up_attempts((replace(CALL, ok=False),), (FAILED, failed), ())

    assert found == Attempts(retries=0, fallbacks=())


def test_an_answer_of_the_cache_has_no_deployment_and_a_fallback_before_it_counts() -> None:
    called = replace(LLM, attributes={**LLM_ATTRIBUTES, "litellm.provider.model": "openai/demo"})
    cached = replace(CALL, cached=True)

    assert sum_up_attempts((CALL,), (called,), (LOG,)).deployments == ("openai/demo",)
    assert sum_up_attempts((cached,), (), (LOG,)) == Attempts(retries=0, fallbacks=(), cached=1)
    assert sum_up_attempts((cached,), (FAILED,), (OTHER_LOG,)) == Attempts(
        retries=0, fallbacks=("other",), cached=1
    )
