from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.tracing.spans import Span
from gatewayctl.tracing.verify import TraceCheck, check_trace
from tests.fakes.traces import (
    AUTH,
    CALL,
    CLIENT,
    COMPLETE,
    EXPECTED,
    LLM,
    LLM_ATTRIBUTES,
    POST,
    make_span,
)


def not_passed(checks: tuple[TraceCheck, ...]) -> dict[str, str]:
    return {check.name: check.state for check in checks if check.state != "passed"}


def test_a_complete_trace_passes_every_check() -> None:
    checks = check_trace(COMPLETE, EXPECTED)

    assert not_passed(checks) == {}
    assert len({check.name for check in checks}) == len(checks) == 10


OTHERS = (
    make_span("client-2", "caller", "CHAIN"),
    make_span("post-2", "client-2"),
    make_span("llm-2", "post-2", "LLM", **{**LLM_ATTRIBUTES, "litellm.call_id": "call-2"}),
    make_span("llm-3", "app", "LLM"),
)


@pytest.mark.parametrize("caller", [(), (make_span("caller", None),)])
def test_other_calls_of_the_trace_that_it_joined_are_not_checked(caller: tuple[Span, ...]) -> None:
    ours = (replace(CLIENT, parent_id="caller"), *COMPLETE[1:])
    expected = replace(EXPECTED, inbound=True)

    assert not_passed(check_trace((*caller, *OTHERS, *ours), expected)) == {}
    twice = make_span("llm-4", "post", "LLM")
    assert not_passed(check_trace((*OTHERS, *ours, twice), expected)) == {
        "one_llm_span_per_call": "failed"
    }


@pytest.mark.parametrize("lost", range(4))
def test_a_lost_span_is_missing_not_wrong(lost: int) -> None:
    """Except a leaf that is no model span, which is not expected."""
    states = not_passed(check_trace(COMPLETE[:lost] + COMPLETE[lost + 1 :], EXPECTED))

    assert bool(states) == (COMPLETE[lost] is not AUTH)
    assert set(states.values()) <= {"missing"}


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("metadata.component", "other", "component"),
        ("metadata.component", None, "component"),
        ("metadata.operation", "other", "operation"),
        ("llm.model_name", "gpt-4o", "model"),
        ("llm.token_count.prompt", 6, "tokens"),
        ("llm.token_count.completion", None, "tokens"),
    ],
)
def test_a_different_value_fails_only_its_own_check(name: str, value: Any, check: str) -> None:
    wrong = replace(LLM, attributes={**LLM_ATTRIBUTES, name: value})

    assert not_passed(check_trace((CLIENT, POST, AUTH, wrong), EXPECTED)) == {check: "failed"}


def test_a_call_that_failed_has_no_successful_model_span() -> None:
    refused = replace(EXPECTED, calls=(replace(CALL, ok=False),))

    assert not_passed(check_trace(COMPLETE, refused)) == {"status": "failed"}


def test_the_span_of_an_answer_is_awaited_after_that_of_a_failed_attempt() -> None:
    attributes = {**LLM_ATTRIBUTES, "llm.model_name": "first", "llm.token_count.prompt": 0}
    failed = replace(LLM, span_id="first", status="ERROR", attributes=attributes)

    found = not_passed(check_trace((CLIENT, POST, AUTH, failed), EXPECTED))

    assert set(found.values()) == {"missing"}
    assert {"model", "tokens", "status", "one_llm_span_per_call"} <= set(found)
    assert not_passed(check_trace((CLIENT, POST, AUTH, failed, LLM), EXPECTED)) == {}


def test_a_second_model_span_fails_even_with_its_own_call_id() -> None:
    again = replace(LLM, span_id="again")
    foreign = replace(again, attributes={**LLM_ATTRIBUTES, "litellm.call_id": "call-2"})

    for second in (again, foreign):
        assert not_passed(check_trace((*COMPLETE, second), EXPECTED)) == {
            "one_llm_span_per_call": "failed"
        }


RETRIED = replace(
    LLM,
    span_id="retried",
    status="ERROR",
    start=LLM.start - timedelta(seconds=1),
    attributes={**LLM_ATTRIBUTES, "llm.token_count.prompt": 0, "llm.token_count.completion": 0},
)
FALLBACK = replace(LLM, attributes={**LLM_ATTRIBUTES, "llm.model_name": "other"})


def test_attempts_that_litellm_gave_up_are_no_further_model_spans() -> None:
    answered = replace(EXPECTED, calls=(replace(CALL, retries=1),))
    fell_back = replace(EXPECTED, calls=(replace(CALL, fallback="other"),))

    assert not_passed(check_trace((*COMPLETE, RETRIED), answered)) == {}
    assert not_passed(check_trace((CLIENT, POST, AUTH, RETRIED, FALLBACK), fell_back)) == {}
    # A fallback to a model in place of one in cooldown leaves no failed attempt.
    assert not_passed(check_trace((CLIENT, POST, AUTH, FALLBACK), fell_back)) == {}


def test_another_model_without_a_fallback_still_fails() -> None:
    spans = (CLIENT, POST, AUTH, RETRIED, FALLBACK)

    assert not_passed(check_trace(spans, EXPECTED)) == {"model": "failed"}


def test_a_call_that_failed_at_every_attempt_passes() -> None:
    failed = replace(CALL, ok=False, prompt_tokens=None, completion_tokens=None)
    again = replace(RETRIED, span_id="again")

    states = check_trace((CLIENT, POST, RETRIED, again), replace(EXPECTED, calls=(failed,)))

    assert not_passed(states) == {}


def test_a_call_without_a_model_span_passes_where_litellm_makes_none() -> None:
    untraced = replace(EXPECTED, calls=(replace(CALL, traced=False),))

    assert not_passed(check_trace((CLIENT, POST, AUTH), untraced)) == {}


def test_a_missing_parent_is_reported() -> None:
    checks = check_trace((CLIENT, replace(POST, parent_id="missing-parent"), AUTH, LLM), EXPECTED)

    assert not_passed(checks) == {"gateway_descends": "missing", "no_missing_parent": "missing"}
    assert any("missing-parent" in check.detail for check in checks)


def test_a_second_root_in_the_trace_fails() -> None:
    checks = check_trace((CLIENT, replace(POST, parent_id=None), AUTH, LLM), EXPECTED)

    assert not_passed(checks) == {"gateway_descends": "failed"}


def test_a_model_call_of_another_step_is_not_counted_for_this_step() -> None:
    other = make_span("other", "client", "CHAIN")
    expected = replace(
        EXPECTED, client_spans=("client", "other"), calls=(replace(CALL, span_id="other"),)
    )

    assert not_passed(check_trace((*COMPLETE, other), expected)) == {"gateway_descends": "failed"}


def test_a_call_in_another_trace_is_reported() -> None:
    misplaced = replace(LLM, trace_id="b" * 32)
    checks = check_trace((CLIENT,), EXPECTED, misplaced=(misplaced,))

    assert not_passed(checks)["same_trace"] == "failed"
    assert "b" * 32 in next(check.detail for check in checks if check.name == "same_trace")


def test_the_parent_of_an_inbound_root_may_be_missing() -> None:
    spans = (replace(CLIENT, parent_id="caller"), POST, AUTH, LLM)

    assert not_passed(check_trace(spans, EXPECTED)) == {"no_missing_parent": "missing"}
    assert not_passed(check_trace(spans, replace(EXPECTED, inbound=True))) == {}


def test_a_refused_call_needs_no_model_span() -> None:
    refused = replace(CALL, call_id=None, ok=False, prompt_tokens=None, completion_tokens=None)

    assert not_passed(check_trace((CLIENT, POST, AUTH), replace(EXPECTED, calls=(refused,)))) == {}


def test_a_trace_without_known_calls_does_not_pass() -> None:
    states = not_passed(check_trace(COMPLETE, replace(EXPECTED, calls=())))

    assert states["one_llm_span_per_call"] == "missing"


def test_parents_that_form_a_cycle_do_not_loop_forever() -> None:
    a, b = make_span("a", "b", "LLM", **LLM_ATTRIBUTES), make_span("b", "a")

    assert "gateway_descends" in not_passed(check_trace((CLIENT, a, b), EXPECTED))


@given(st.permutations(COMPLETE))
def test_the_order_of_the_spans_does_not_matter(spans: list[Span]) -> None:
    assert not_passed(check_trace(spans, EXPECTED)) == {}


@given(st.sets(st.sampled_from(range(4)), min_size=1).filter(lambda lost: lost != {2}))
def test_any_lost_span_is_detected(lost: set[int]) -> None:
    rest = [each for number, each in enumerate(COMPLETE) if number not in lost]

    assert not_passed(check_trace(rest, EXPECTED))


FAILED_ATTEMPT = replace(LLM, span_id="failed", status="ERROR")


@pytest.mark.parametrize("attempts", [(), (FAILED_ATTEMPT,)])
def test_a_call_that_the_cache_answered_needs_no_model_span(attempts: tuple[Span, ...]) -> None:
    cached = replace(EXPECTED, calls=(replace(CALL, cached=True),))

    assert not_passed(check_trace((CLIENT, POST, AUTH, *attempts), cached)) == {}
    assert "one_llm_span_per_call" in not_passed(check_trace((CLIENT, POST, AUTH), EXPECTED))


def test_a_model_span_of_a_call_that_the_cache_answered_is_compared_like_any_other() -> None:
    cached = replace(EXPECTED, calls=(replace(CALL, cached=True, prompt_tokens=6),))

    assert not_passed(check_trace(COMPLETE, cached)) == {"tokens": "failed"}
