from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from gatewayctl.errors import PhoenixUnreachable
from gatewayctl.tracing.spans import Span, SpanQuery, SpanStore

URL = "http://127.0.0.1:6006"
VERSION = {"x-phoenix-server-version": "20.26.1"}


def row(span_id: str = "s1", **fields: Any) -> dict[str, Any]:
    return {
        "context": {"trace_id": "t1", "span_id": span_id},
        "parent_id": None,
        "name": "chat demo",
        "span_kind": "LLM",
        "status_code": "OK",
        "status_message": "",
        "attributes": {"metadata.component": "passthrough"},
        "start_time": "2026-11-23T14:00:00+00:00",
        "end_time": "2026-11-23T14:00:01+00:00",
        **fields,
    }


def page(*rows: dict[str, Any], cursor: str | None = None) -> httpx.Response:
    return httpx.Response(200, headers=VERSION, json={"data": rows, "next_cursor": cursor})


def find(
    answers: Callable[[httpx.Request], httpx.Response], query: SpanQuery | None = None
) -> tuple[Span, ...]:
    with httpx.Client(transport=httpx.MockTransport(answers)) as http:
        return SpanStore(http, URL).find("gateway", query or SpanQuery())


def test_a_span_is_parsed_with_its_times_and_attributes() -> None:
    (span,) = find(lambda _: page(row(parent_id="p1")))

    assert span == Span(
        trace_id="t1",
        span_id="s1",
        parent_id="p1",
        name="chat demo",
        kind="LLM",
        status="OK",
        status_message="",
        attributes={"metadata.component": "passthrough"},
        start=datetime(2026, 11, 23, 14, 0, tzinfo=UTC),
        end=datetime(2026, 11, 23, 14, 0, 1, tzinfo=UTC),
    )


def test_every_condition_is_in_the_query_and_values_keep_their_type() -> None:
    urls: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        urls.append(request.url)
        return page()

    query = SpanQuery(
        trace_ids=("t1", "t2"),
        kind="LLM",
        statuses=("OK", "UNSET"),
        attributes={"metadata.component": "a:b", "metadata.tier": "7", "n": 7, "on": True},
        since=datetime(2026, 11, 23, tzinfo=UTC),
        limit=5,
    )
    assert find(answer, query) == ()

    assert urls[0].path == "/v1/projects/gateway/spans"
    assert urls[0].params.multi_items() == [
        ("trace_id", "t1"),
        ("trace_id", "t2"),
        ("status_code", "OK"),
        ("status_code", "UNSET"),
        ("span_kind", "LLM"),
        ("start_time", "2026-11-23T00:00:00+00:00"),
        ("attribute", 'metadata.component:"a:b"'),
        ("attribute", 'metadata.tier:"7"'),
        ("attribute", "n:7"),
        ("attribute", "on:true"),
        ("limit", "5"),
    ]


def test_all_pages_are_read() -> None:
    pages = {None: page(row("s1"), cursor="c"), "c": page(row("s2"))}

    spans = find(lambda request: pages[request.url.params.get("cursor")])

    assert [span.span_id for span in spans] == ["s1", "s2"]


def test_pages_that_repeat_their_spans_end() -> None:
    spans = find(lambda _: page(row("s1"), cursor="c"))

    assert [span.span_id for span in spans] == ["s1"]


def test_reading_stops_at_the_limit() -> None:
    spans = find(lambda _: page(row("s1"), row("s2"), cursor="c"), SpanQuery(limit=1))

    assert [span.span_id for span in spans] == ["s1"]


def test_a_project_that_does_not_exist_yet_has_no_spans() -> None:
    missing = httpx.Response(404, headers=VERSION, text="Project with name gateway not found")

    assert find(lambda _: missing) == ()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="<html>Not Found</html>"),
        httpx.Response(200, text="<html>"),
        httpx.Response(500, headers=VERSION, text="boom"),
        httpx.Response(422, headers=VERSION, json={"detail": "bad attribute"}),
        httpx.Response(200, headers=VERSION, text="no json"),
        httpx.Response(200, headers=VERSION, json={"data": None}),
        httpx.Response(200, headers=VERSION, json={"data": [{"context": 1}]}),
        httpx.Response(200, headers=VERSION, json={"data": ["row"]}),
    ],
)
def test_an_invalid_answer_is_not_an_empty_list_of_spans(answer: httpx.Response) -> None:
    with pytest.raises(PhoenixUnreachable):
        find(lambda _: answer)


@pytest.mark.parametrize("failure", [httpx.ConnectError("no"), httpx.ReadTimeout("late")])
def test_a_failed_request_is_not_an_empty_list_of_spans(failure: Exception) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise failure

    with pytest.raises(PhoenixUnreachable, match="does not answer"):
        find(fail)


def limited(total: int, most: int, asked: list[int]) -> Callable[[httpx.Request], httpx.Response]:
    """A Phoenix with so many spans; a page of more than ``most`` is longer than what is read."""

    def answer(request: httpx.Request) -> httpx.Response:
        first, size = int(request.url.params.get("cursor", "0")), int(request.url.params["limit"])
        asked.append(size)
        found = min(size, total - first)
        if found > most:
            return httpx.Response(200, headers=VERSION, content=iter([b" " * 2**20] * 65))
        rows = [row(f"s{number}") for number in range(first, first + found)]
        return page(*rows, cursor=str(first + size) if first + size < total else None)

    return answer


def test_pages_that_are_too_long_become_smaller_and_stay_so() -> None:
    asked: list[int] = []

    spans = find(limited(700, 250, asked))

    assert [span.span_id for span in spans] == [f"s{number}" for number in range(700)]
    # In place of a page that failed comes its first span.
    assert asked == [1000, 1, 500, 1, 250, 250, 250]


def test_spans_that_only_fit_one_by_one_are_read_too() -> None:
    asked: list[int] = []

    assert len(find(limited(9, 1, asked), SpanQuery(limit=8))) == 8
    assert asked == [8, 1, 4, 1, 2, *[1] * 6]


def test_the_smaller_page_counts_for_the_next_question() -> None:
    asked: list[int] = []
    with httpx.Client(transport=httpx.MockTransport(limited(300, 200, asked))) as http:
        store = SpanStore(http, URL)
        store.find("gateway", SpanQuery())
        asked.clear()
        store.find("gateway", SpanQuery())

    assert asked == [125, 125, 125]


def test_a_span_that_is_too_long_alone_is_named() -> None:
    asked: list[int] = []

    with pytest.raises(PhoenixUnreachable, match=r"span that cannot be read .*64 MB") as raised:
        find(limited(3, 0, asked))

    assert asked == [1000, 1]
    assert "--since" in (raised.value.hint or "")


def test_a_page_that_takes_too_long_becomes_smaller() -> None:
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if int(request.url.params["limit"]) > 300:
            asked.append(int(request.url.params["limit"]))
            raise httpx.ReadTimeout("late")
        return limited(400, 300, asked)(request)

    assert len(find(answer)) == 400
    assert asked == [1000, 1, 500, 1, 250, 250]


def test_a_phoenix_that_does_not_answer_is_asked_only_once_more() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["limit"])
        raise httpx.ReadTimeout("late")

    with pytest.raises(PhoenixUnreachable, match="does not answer"):
        find(answer)

    assert asked == ["1000", "1"]


@pytest.mark.parametrize("failure", [httpx.ConnectError("no"), httpx.DecodingError("no gzip")])
def test_less_is_not_asked_for_after_another_failure(failure: Exception) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["limit"])
        raise failure

    with pytest.raises(PhoenixUnreachable):
        find(answer)

    assert asked == ["1000"]
