from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from gatewayctl.errors import GatewayRefused, GatewayUnreachable, MasterKeyRefused
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.spend import SpendLog, list_spend_logs
from gatewayctl.settings.model import Secret
from tests.fakes.litellm import URL, error

MASTER = Secret("sk-master-0123456789abcdef")
NOW = datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)


def row(call_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "litellm_call_id": call_id,
        "request_id": "r",
        "session_id": "t" * 32,
        "model_group": "demo",
        "model": "openai/demo",
        "api_key": "hash",
        "metadata": {"user_api_key_alias": "litellm-dev"},
        "request_tags": ["component:ingest", "op:parse"],
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
        "spend": 0.5,
        "status": "success",
        "startTime": "2026-11-23T11:59:58.000+00:00",
        "endTime": "2026-11-23T11:59:58.250+00:00",
        **fields,
    }


def read(*answers: httpx.Response | Exception, **filters: Any) -> tuple[SpendLog, ...]:
    with respx.mock() as router:
        router.get(f"{URL}/spend/logs/v2").mock(side_effect=list(answers))
        with httpx.Client(transport=httpx.MockTransport(router.handler)) as http:
            since = NOW - timedelta(hours=1)
            return list_spend_logs(
                GatewayClient(http, URL), MASTER, since=since, until=NOW, **filters
            )


def page(*rows: dict[str, Any], pages: int = 1) -> httpx.Response:
    return httpx.Response(200, json={"data": list(rows), "total_pages": pages})


def test_a_row_becomes_a_log() -> None:
    (log,) = read(page(row("one")))

    assert (log.call_id, log.trace_id, log.model) == ("one", "t" * 32, "demo")
    assert (log.tag_value("component"), log.tag_value("op"), log.tag_value("x")) == (
        "ingest",
        "parse",
        None,
    )
    assert (log.prompt_tokens, log.completion_tokens, log.total_tokens) == (5, 7, 12)
    assert (log.cost, log.ok, log.seconds, log.key_alias) == (0.5, True, 0.25, "litellm-dev")


def test_a_row_has_the_attempts_before_the_answer() -> None:
    metadata = {"attempted_retries": 2, "attempted_fallbacks": 1}
    (log,) = read(page(row("one", metadata=metadata, call_type="aresponses")))
    (plain,) = read(page(row("two", metadata={"attempted_retries": None})))

    assert (log.retries, log.fallbacks, log.call_type, log.response_id) == (2, 1, "aresponses", "r")
    assert (plain.retries, plain.fallbacks) == (0, 0)


def test_missing_fields_stay_unknown() -> None:
    (log,) = read(page(row("one", spend=None, startTime=None, metadata=None, request_tags=None)))

    assert (log.cost, log.start, log.seconds, log.key_alias, log.tags) == (None,) * 4 + ((),)


def test_a_failed_request_is_not_ok() -> None:
    (log,) = read(page(row("one", status="failure")))

    assert not log.ok


def test_every_page_is_read_and_no_row_counts_twice() -> None:
    logs = read(page(row("one"), row("two"), pages=2), page(row("two"), row("three"), pages=2))

    assert [log.call_id for log in logs] == ["one", "two", "three"]


def test_pages_that_repeat_their_rows_end() -> None:
    same = page(row("one"), pages=10**9)

    assert [log.call_id for log in read(same, same)] == ["one"]


def test_only_rows_of_the_requested_trace_are_returned() -> None:
    """LiteLLM matches parts of the id."""
    logs = read(page(row("one"), row("two", session_id="u" * 32)), trace_id="t" * 32)

    assert [log.call_id for log in logs] == ["one"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.ConnectError("refused"), GatewayUnreachable),
        (error(401, "Invalid", kind="token_not_found_in_db"), MasterKeyRefused),
        (httpx.Response(200, json={"rows": []}), GatewayRefused),
        (httpx.Response(200, json={"data": [None]}), GatewayRefused),
        (page({"spend": "much"}), GatewayRefused),
    ],
)
def test_spend_logs_that_cannot_be_read_are_an_error(
    answer: httpx.Response | Exception, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        read(answer)
