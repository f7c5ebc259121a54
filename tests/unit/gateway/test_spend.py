from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from gatewayctl.errors import GatewayRefused, GatewayUnreachable, MasterKeyRefused
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.gateway.spend import SpendLog, count_requests, list_spend_logs
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


class StoredRows:
    """Answers as LiteLLM does: rows of the period, newest first, its count capped at 10,000."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self.rows = sorted(rows, key=lambda row: row["startTime"], reverse=True)
        self.pages: list[int] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        page, size = int(asked.get("page", 1)), int(asked["page_size"])
        end = asked["end_date"].replace(" ", "T")
        found = [row for row in self.rows if row["startTime"] <= end]
        self.pages.append(page)
        total = min(len(found), 10_000)
        body = {
            "data": found[(page - 1) * size : page * size],
            "total": total,
            "total_pages": -(-total // size),
            "total_is_capped": len(found) > total,
        }
        return httpx.Response(200, json=body)

    def read(self) -> tuple[SpendLog, ...]:
        transport = httpx.MockTransport(self.answer)
        with httpx.Client(transport=transport) as http:
            since = NOW - timedelta(hours=1)
            return list_spend_logs(GatewayClient(http, URL), MASTER, since=since, until=NOW)


def stored_rows(count: int, *, a_second: float) -> StoredRows:
    return StoredRows(
        [
            row(f"{n}", startTime=(NOW - timedelta(seconds=n / a_second)).isoformat())
            for n in range(count)
        ]
    )


@pytest.mark.parametrize(("count", "a_second"), [(12_345, 4.0), (1_000, 240.0), (2_500, 1e6)])
def test_every_row_is_read_once_and_in_order(count: int, a_second: float) -> None:
    """More than LiteLLM counts, about a page a second, and all in one second."""
    logs = stored_rows(count, a_second=a_second).read()

    assert [log.call_id for log in logs] == [f"{n}" for n in range(count)]


def test_of_two_rows_of_a_call_the_newest_counts() -> None:
    newest = row("one", request_id="answer", startTime=NOW.isoformat())
    older = row("one", request_id="failure", status="failure")

    (found,) = read(page(newest, older))

    assert found.ok


def test_litellm_skips_no_rows_of_earlier_pages() -> None:
    """It would read them again for each page."""
    stored = stored_rows(3_000, a_second=4.0)
    stored.read()

    assert set(stored.pages) == {1}


def test_pages_that_repeat_their_rows_end() -> None:
    same = page(*(row(f"{n}") for n in range(250)), pages=10**9)

    assert len(read(same, same, same)) == 250


def count(total: int, capped: bool, activity: Any = None) -> int:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/global/activity":
            assert dict(request.url.params) == {
                "start_date": "2026-11-22",
                "end_date": "2026-11-23",
            }
            return httpx.Response(200, json=activity)
        body = {"data": [], "total": total, "total_pages": total, "total_is_capped": capped}
        return httpx.Response(200, json=body)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        since = NOW - timedelta(days=1)
        return count_requests(GatewayClient(http, URL), MASTER, since=since, until=NOW)


def test_more_requests_than_litellm_counts_are_counted_by_days() -> None:
    assert count(10_000, False) == 10_000
    assert count(10_000, True, {"sum_api_requests": 1_234_567}) == 1_234_567


@pytest.mark.parametrize("activity", [[], {}, {"sum_api_requests": "many"}])
def test_a_count_that_cannot_be_read_is_an_error(activity: Any) -> None:
    with pytest.raises(GatewayRefused):
        count(10_000, True, activity)


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
