from __future__ import annotations

from dataclasses import replace

import pytest

from gatewayctl.gateway.spend import SpendLog
from gatewayctl.operations.traces.spend_checks import (
    check_spend_logs,
    complete_expectation,
    recall_expectation,
)
from gatewayctl.tracing.spans import Span
from gatewayctl.tracing.verify import check_trace
from tests.fakes.traces import CALL, COMPLETE, EXPECTED, LLM_ATTRIBUTES, TRACE, make_span

LOG = SpendLog(
    call_id="call-1",
    trace_id=TRACE,
    model="demo",
    key_alias=None,
    key_hash=None,
    tags=("component:passthrough", "op:chat"),
    prompt_tokens=5,
    completion_tokens=7,
    total_tokens=12,
    cost=0.0,
    ok=True,
    start=None,
    seconds=None,
)


def states(*logs: SpendLog, unread: str | None = None) -> list[str]:
    return [check.state for check in check_spend_logs(logs, EXPECTED, unread=unread)]


def test_a_spend_log_that_agrees_passes() -> None:
    assert states(LOG) == ["passed"] * 3


def test_an_absent_spend_log_is_missing_and_unread_spend_logs_are_unknown() -> None:
    assert states() == ["missing"] * 3
    assert states(replace(LOG, call_id="other")) == ["missing"] * 3
    assert states(LOG, unread="it does not answer") == ["unknown"] * 3


def test_other_tokens_and_another_component_fail_their_own_check() -> None:
    assert states(replace(LOG, prompt_tokens=6)) == ["passed", "failed", "passed"]
    assert states(replace(LOG, tags=())) == ["passed", "passed", "failed"]


CLIENT_ATTRIBUTES = {
    "gatewayctl.component": "passthrough",
    "gatewayctl.operation": "chat",
    "gatewayctl.model": "demo",
    "gatewayctl.call_id": "call-1",
    "gatewayctl.prompt_tokens": 5,
    "gatewayctl.completion_tokens": 7,
    "gatewayctl.calls": 1,
}


def test_the_expected_call_is_read_from_the_client_span() -> None:
    found = recall_expectation(
        TRACE, (make_span("client", None, "CHAIN", **CLIENT_ATTRIBUTES), *COMPLETE[1:]), ()
    )

    assert found == EXPECTED


def test_calls_of_other_programs_in_the_trace_are_expected_too() -> None:
    ours = make_span("client", "app", "CHAIN", **CLIENT_ATTRIBUTES)
    theirs = make_span("llm-2", "app", "LLM", **{"litellm.call_id": "call-2"})
    twice = make_span("llm-3", "post", "LLM", **{"litellm.call_id": "call-3"})
    logs = (LOG, replace(LOG, call_id="call-2"), replace(LOG, call_id="call-3"))

    found = recall_expectation(TRACE, (ours, *COMPLETE[1:], theirs, twice), logs)

    # call-3 is below the client span of call-1: LiteLLM made two calls of one.
    assert [call.call_id for call in found.calls] == ["call-1", "call-2"]
    assert found.inbound


def test_every_request_that_joined_a_trace_is_verified_in_it() -> None:
    """The application's own span is not in Phoenix."""
    spans: list[Span] = []
    for number in ("1", "2"):
        ours = {**CLIENT_ATTRIBUTES, "gatewayctl.call_id": f"call-{number}"}
        theirs = {**LLM_ATTRIBUTES, "litellm.call_id": f"call-{number}"}
        spans += [
            make_span(f"client-{number}", "app", "CHAIN", **ours),
            make_span(f"llm-{number}", f"client-{number}", "LLM", **theirs),
        ]
    logs = tuple(replace(LOG, call_id=f"call-{number}") for number in ("1", "2"))

    expected = recall_expectation(TRACE, spans, logs)

    assert {check.state for check in check_trace(spans, expected)} == {"passed"}
    assert {check.state for check in check_spend_logs(logs, expected)} == {"passed"}


def test_the_root_of_a_route_has_the_number_of_steps() -> None:
    root = make_span("root", None, "CHAIN", **{"gatewayctl.route": "auto", "gatewayctl.calls": 2})
    step = make_span("client", "root", "CHAIN", **CLIENT_ATTRIBUTES)

    found = recall_expectation(TRACE, (root, step), ())

    assert found.calls == (CALL,)
    assert found.client_spans == ("root", "client", "of 1 more calls")


def test_a_failed_step_expects_no_reply() -> None:
    failed = {
        name: CLIENT_ATTRIBUTES[name]
        for name in CLIENT_ATTRIBUTES
        if "token" not in name and "call_id" not in name
    }

    (call,) = recall_expectation(
        TRACE, (make_span("c", None, "CHAIN", status="ERROR", **failed),), ()
    ).calls

    assert (call.ok, call.call_id, call.prompt_tokens) == (False, None, None)


def test_the_expected_calls_of_another_program_are_read_from_spend_logs() -> None:
    found = recall_expectation(TRACE, COMPLETE, (LOG,))

    assert found.client_spans == ()
    assert found.calls == (replace(CALL, span_id=None),)


def test_a_failed_call_of_another_program_is_compared_without_its_tokens() -> None:
    """LiteLLM estimates the prompt of a failed call in its spend log, not in the span."""
    failed = replace(LOG, ok=False, prompt_tokens=8, completion_tokens=0)

    expected = recall_expectation(TRACE, (), (failed,))

    assert [(call.ok, call.prompt_tokens) for call in expected.calls] == [(False, None)]
    states = [check.state for check in check_spend_logs((failed,), expected)]
    assert states == ["passed"] * 3


def test_a_refused_call_needs_no_spend_log() -> None:
    refused = replace(EXPECTED, calls=(replace(CALL, call_id=None, ok=False),))

    assert [check.state for check in check_spend_logs((), refused)] == ["passed"] * 3


def test_a_call_of_another_program_that_only_phoenix_has_is_expected_in_the_spend_logs() -> None:
    expected = recall_expectation(TRACE, COMPLETE[1:], ())

    assert [call.call_id for call in expected.calls] == ["call-1"]
    assert [check.state for check in check_spend_logs((), expected)] == ["missing"] * 3


@pytest.mark.parametrize(
    ("call_type", "traced"), [("acompletion", True), ("atext_completion", True),
                              ("aresponses", False), ("anthropic_messages", False)],
)  # fmt: skip
def test_a_fixed_answer_has_a_model_span_for_completions_only(call_type: str, traced: bool) -> None:
    log = replace(LOG, call_type=call_type)

    assert recall_expectation(TRACE, (), (log,), offline={"demo"}).calls[0].traced is traced
    assert recall_expectation(TRACE, (), (log,)).calls[0].traced


def test_a_spend_log_adds_that_the_cache_answered() -> None:
    completed = complete_expectation(EXPECTED, (replace(LOG, cached=True),))

    assert [call.cached for call in completed.calls] == [True]
    assert complete_expectation(EXPECTED, (LOG,)) == EXPECTED


def test_an_answer_without_call_id_is_that_of_the_guardrail_that_blocked() -> None:
    unknown = replace(EXPECTED, calls=(replace(CALL, call_id=None),))
    blocked = replace(LOG, call_id="call-2", ok=False, guardrail="pii")

    (call,) = complete_expectation(unknown, (blocked,)).calls

    assert (call.call_id, call.needs_span) == ("call-2", False)
    assert complete_expectation(unknown, (LOG,)) == unknown


def test_a_past_call_of_the_cache_is_recalled_from_its_span_and_from_its_log() -> None:
    client = make_span("client", None, "CHAIN", **CLIENT_ATTRIBUTES, **{"gatewayctl.cached": True})

    of_span = recall_expectation(TRACE, (client,), ())
    of_log = recall_expectation(TRACE, (), (replace(LOG, cached=True),))

    assert [call.cached for call in (*of_span.calls, *of_log.calls)] == [True, True]
