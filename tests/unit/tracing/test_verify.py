from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.tracing.spans import Span
from gatewayctl.tracing.verify import Expectation, ExpectedCall, TraceCheck, check_trace

TRACE = "a" * 32
BEGIN = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALL = ExpectedCall(
    call_id="call-1",
    span_id="client",
    component="passthrough",
    operation="chat",
    model="demo",
    prompt_tokens=5,
    completion_tokens=7,
)
EXPECTED = Expectation(trace_id=TRACE, client_spans=("client",), calls=(CALL,))


def span(span_id: str, parent: str | None, kind: str = "UNKNOWN", **fields: Any) -> Span:
    return Span(
        trace_id=fields.pop("trace_id", TRACE),
        span_id=span_id,
        parent_id=parent,
        name=fields.pop("name", span_id),
        kind=kind,
        status=fields.pop("status", "UNSET"),
        status_message="",
        attributes=fields,
        start=BEGIN,
        end=BEGIN + timedelta(seconds=1),
    )


SAID: dict[str, Any] = {
    "litellm.call_id": "call-1",
    "metadata.component": "passthrough",
    "metadata.operation": "chat",
    "llm.model_name": "demo",
    "llm.token_count.prompt": 5,
    "llm.token_count.completion": 7,
}
CLIENT, POST, AUTH = span("client", None, "CHAIN"), span("post", "client"), span("auth", "post")
LLM = span("llm", "post", "LLM", **SAID)
WHOLE = (CLIENT, POST, AUTH, LLM)


def unhappy(checks: tuple[TraceCheck, ...]) -> dict[str, str]:
    return {check.name: check.state for check in checks if check.state != "passed"}


def test_a_whole_trace_passes_every_check() -> None:
    checks = check_trace(WHOLE, EXPECTED)

    assert unhappy(checks) == {}
    assert len({check.name for check in checks}) == len(checks) == 10


@pytest.mark.parametrize("lost", range(4))
def test_a_span_that_is_not_there_is_missing_not_wrong(lost: int) -> None:
    """All but a leaf, of which nobody could know."""
    states = unhappy(check_trace(WHOLE[:lost] + WHOLE[lost + 1 :], EXPECTED))

    assert bool(states) == (WHOLE[lost] is not AUTH)
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
def test_a_span_that_says_something_else_fails_that_check_alone(
    name: str, value: Any, check: str
) -> None:
    wrong = replace(LLM, attributes={**SAID, name: value})

    assert unhappy(check_trace((CLIENT, POST, AUTH, wrong), EXPECTED)) == {check: "failed"}


def test_a_status_that_disagrees_fails() -> None:
    spans = (CLIENT, POST, AUTH, replace(LLM, status="ERROR"))

    assert unhappy(check_trace(spans, EXPECTED)) == {"status": "failed"}


def test_a_second_model_span_fails_even_with_a_call_id_of_its_own() -> None:
    again = replace(LLM, span_id="again")
    foreign = replace(again, attributes={**SAID, "litellm.call_id": "call-2"})

    for second in (again, foreign):
        assert unhappy(check_trace((*WHOLE, second), EXPECTED)) == {
            "one_llm_span_per_call": "failed"
        }


def test_a_parent_that_is_nowhere_is_named() -> None:
    checks = check_trace((CLIENT, replace(POST, parent_id="gone"), AUTH, LLM), EXPECTED)

    assert unhappy(checks) == {"gateway_descends": "missing", "no_missing_parent": "missing"}
    assert any("gone" in check.detail for check in checks)


def test_a_root_of_its_own_inside_the_trace_is_wrong() -> None:
    checks = check_trace((CLIENT, replace(POST, parent_id=None), AUTH, LLM), EXPECTED)

    assert unhappy(checks) == {"gateway_descends": "failed"}


def test_a_model_call_of_another_step_does_not_count_for_this_one() -> None:
    other = span("other", "client", "CHAIN")
    expected = replace(
        EXPECTED, client_spans=("client", "other"), calls=(replace(CALL, span_id="other"),)
    )

    assert unhappy(check_trace((*WHOLE, other), expected)) == {"gateway_descends": "failed"}


def test_a_call_found_in_another_trace_is_named() -> None:
    stray = replace(LLM, trace_id="b" * 32)
    checks = check_trace((CLIENT,), EXPECTED, misplaced=(stray,))

    assert unhappy(checks)["same_trace"] == "failed"
    assert "b" * 32 in next(check.detail for check in checks if check.name == "same_trace")


def test_the_parent_of_an_inbound_root_need_not_be_there() -> None:
    spans = (replace(CLIENT, parent_id="theirs"), POST, AUTH, LLM)

    assert unhappy(check_trace(spans, EXPECTED)) == {"no_missing_parent": "missing"}
    assert unhappy(check_trace(spans, replace(EXPECTED, inbound=True))) == {}


def test_a_call_that_was_refused_needs_no_model_span() -> None:
    refused = replace(CALL, call_id=None, ok=False, prompt_tokens=None, completion_tokens=None)

    assert unhappy(check_trace((CLIENT, POST, AUTH), replace(EXPECTED, calls=(refused,)))) == {}


def test_a_trace_nobody_knows_the_calls_of_is_not_passed() -> None:
    states = unhappy(check_trace(WHOLE, replace(EXPECTED, calls=())))

    assert states["one_llm_span_per_call"] == "missing"


def test_parents_in_a_circle_end() -> None:
    a, b = span("a", "b", "LLM", **SAID), span("b", "a")

    assert "gateway_descends" in unhappy(check_trace((CLIENT, a, b), EXPECTED))


@given(st.permutations(WHOLE))
def test_the_order_of_the_spans_does_not_matter(spans: list[Span]) -> None:
    assert unhappy(check_trace(spans, EXPECTED)) == {}


@given(st.sets(st.sampled_from(range(4)), min_size=1).filter(lambda lost: lost != {2}))
def test_whatever_is_lost_is_noticed(lost: set[int]) -> None:
    rest = [each for number, each in enumerate(WHOLE) if number not in lost]

    assert unhappy(check_trace(rest, EXPECTED))
