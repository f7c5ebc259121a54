"""Phoenix's retention policy: what is read, what is written, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gatewayctl.errors import PhoenixLoginRefused, PhoenixUnreachable
from gatewayctl.settings.declared.trace_stores import TraceStore
from gatewayctl.tracing.retention import PolicyStore, TraceRule
from tests.fakes.answers import phoenix_ready
from tests.fakes.phoenix_policy import DEFAULT, OTHER, PROJECT, FakePolicy

STORE = TraceStore(name="phoenix", kind="phoenix", endpoint="http://p", project="gateway")


def store(answer: Callable[[httpx.Request], httpx.Response]) -> PolicyStore:
    http = httpx.Client(transport=httpx.MockTransport(answer))
    return PolicyStore(http, STORE, {"authorization": "Bearer x"})


def answering(body: Any, status: int = 200) -> PolicyStore:
    headers = phoenix_ready().headers
    return store(lambda _: httpx.Response(status, headers=headers, json=body))


def test_the_policy_is_read_with_its_rule_and_schedule() -> None:
    policy = store(FakePolicy(days=2.5, count=7, cron="0 3 * * *").answer).read()

    assert policy.rule == TraceRule(days=2.5, count=7, cron="0 3 * * *")
    assert (policy.id, policy.project_id, policy.other) == (DEFAULT, PROJECT, "")


def test_a_project_can_have_another_policy() -> None:
    policy = store(FakePolicy(other="mine").answer).read()

    assert (policy.other, policy.other_id) == ("mine", OTHER)


def test_a_phoenix_without_any_trace_has_no_project_yet() -> None:
    rule = {"id": DEFAULT, "cronExpression": "0 0 * * 0", "rule": {"maxDays": 0}}

    policy = answering({"data": {"policy": rule, "project": None}}).read()

    assert (policy.project_id, policy.other) == ("", "")


def test_what_was_written_is_read_again() -> None:
    phoenix = store(FakePolicy(days=3, count=4).answer)
    rule = TraceRule(days=0.5, cron="0 0-23 * * *")

    phoenix.write(phoenix.read(), rule)

    assert phoenix.read().rule == rule


def test_a_project_is_taken_out_of_its_own_policy() -> None:
    phoenix = store(FakePolicy(other="mine").answer)

    phoenix.use_default(phoenix.read())

    assert phoenix.read().other == ""


def test_reading_is_a_get_with_the_credentials_of_the_store() -> None:
    seen: list[httpx.Request] = []
    fake = FakePolicy()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return fake.answer(request)

    store(answer).read()

    assert [request.method for request in seen] == ["GET"]
    assert seen[0].headers["authorization"] == "Bearer x"
    # Without it Phoenix answers a GET with its page for queries.
    assert seen[0].headers["accept"] == "application/json"


def test_what_phoenix_says_about_a_refusal_is_shown() -> None:
    with pytest.raises(PhoenixUnreachable, match="disk is full"):
        store(FakePolicy(error="disk is full").answer).read()


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_login_is_named(status: int) -> None:
    with pytest.raises(PhoenixLoginRefused):
        answering({}, status).read()


def _policy(**parts: Any) -> Any:
    found = {"id": "p", "cronExpression": "0 0 * * 0", "rule": {"maxDays": 0}}
    return {"data": {"policy": found | parts, "project": None}}


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        {},
        {"data": None},
        {"data": {"policy": None, "project": None}},
        _policy(rule=None),
        _policy(rule={"maxDays": -1}),
        _policy(rule={"maxDays": "many"}),
        {"data": {**_policy()["data"], "project": {"traceRetentionPolicy": {"id": "x"}}}},
    ],
)
def test_any_other_answer_is_not_taken_for_a_policy(body: Any) -> None:
    with pytest.raises(PhoenixUnreachable):
        answering(body).read()


def test_another_service_is_not_asked_twice() -> None:
    with pytest.raises(PhoenixUnreachable, match="another service"):
        store(lambda _: httpx.Response(200, json={})).read()
