from __future__ import annotations

from dataclasses import replace

from gatewayctl.gateway.spend import SpendLog
from gatewayctl.operations.traces.spend_checks import check_spend_logs, recall_expectation
from tests.unit.tracing.test_verify import CALL, EXPECTED, TRACE, WHOLE, span

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


def test_a_log_that_agrees_passes() -> None:
    assert states(LOG) == ["passed"] * 3


def test_a_log_that_is_not_there_is_missing_and_an_unread_ledger_unknown() -> None:
    assert states() == ["missing"] * 3
    assert states(replace(LOG, call_id="other")) == ["missing"] * 3
    assert states(LOG, unread="it does not answer") == ["unknown"] * 3


def test_other_tokens_and_another_component_fail_by_name() -> None:
    assert states(replace(LOG, prompt_tokens=6)) == ["passed", "failed", "passed"]
    assert states(replace(LOG, tags=())) == ["passed", "passed", "failed"]


OWN = {
    "gatewayctl.component": "passthrough",
    "gatewayctl.operation": "chat",
    "gatewayctl.model": "demo",
    "gatewayctl.call_id": "call-1",
    "gatewayctl.prompt_tokens": 5,
    "gatewayctl.completion_tokens": 7,
    "gatewayctl.calls": 1,
}


def test_a_client_span_remembers_its_call() -> None:
    found = recall_expectation(TRACE, (span("client", None, "CHAIN", **OWN), *WHOLE[1:]), ())

    assert found == EXPECTED


def test_a_root_of_a_route_says_how_many_steps_there_were() -> None:
    root = span("root", None, "CHAIN", **{"gatewayctl.route": "auto", "gatewayctl.calls": 2})
    step = span("client", "root", "CHAIN", **OWN)

    found = recall_expectation(TRACE, (root, step), ())

    assert found.calls == (CALL,)
    assert found.client_spans == ("root", "client", "of 1 more calls")


def test_a_step_that_failed_expects_no_reply() -> None:
    failed = {name: OWN[name] for name in OWN if "token" not in name and "call_id" not in name}

    (call,) = recall_expectation(
        TRACE, (span("c", None, "CHAIN", status="ERROR", **failed),), ()
    ).calls

    assert (call.ok, call.call_id, call.prompt_tokens) == (False, None, None)


def test_of_a_trace_of_another_program_the_ledger_remembers() -> None:
    found = recall_expectation(TRACE, WHOLE, (LOG,))

    assert found.client_spans == ()
    assert found.calls == (replace(CALL, span_id=None),)
