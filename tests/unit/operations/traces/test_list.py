from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.operations.traces.list import TraceFilter, TraceListReport, list_calls
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.phoenix import SPANS, SPEND_LOGS, span
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.gateway.test_spend import page, row
from tests.unit.tracing.test_spans import VERSION


def list_with(tmp_path: Path, fake: FakeLiteLLM, **filters: Any) -> TraceListReport:
    settings = project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    with served(fake) as gateway:
        return list_calls(settings, gateway, TraceFilter(**filters))


def attempt(number: int, status: str, model: str = "demo", trace: int = 0) -> Any:
    made = span(
        f"t{trace}", f"s{number}", None, "LLM", litellm__call_id=f"c{trace}", llm__model_name=model
    )
    return made | {"status_code": status}


class Attempts:
    """Phoenix with these attempts, two a page; ``filters`` is False for an old release."""

    def __init__(self, *rows: Any, filters: bool = True) -> None:
        self.rows, self.filters = rows, filters
        self.pages = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        statuses, traces = asked.get_list("status_code"), asked.get_list("trace_id")
        rows = [
            each
            for each in self.rows
            if (not self.filters or not statuses or each["status_code"] in statuses)
            and (not traces or each["context"]["trace_id"] in traces)
        ]
        first = int(asked.get("cursor", 0))
        more = str(first + 2) if len(rows) > first + 2 else None
        self.pages += 1
        body = {"data": rows[first : first + 2], "next_cursor": more}
        return httpx.Response(200, headers=VERSION, json=body)


@pytest.mark.parametrize(("filters", "pages"), [(True, 1), (False, 2)])
def test_a_list_of_one_status_reads_no_further_than_it_shows(
    tmp_path: Path, filters: bool, pages: int
) -> None:
    """An old Phoenix sends all spans; of each call listed the other attempts are read."""
    rows = [attempt(number, ("OK", "ERROR")[number % 2], trace=number) for number in range(100)]
    fake, phoenix = FakeLiteLLM(), Attempts(*rows, filters=filters)
    fake.planted[SPANS] = phoenix.answer

    report = list_with(tmp_path, fake, status="error", limit=2)

    assert [call.span_id for call in report.calls] == ["s1", "s3"]
    assert phoenix.pages == pages + 1


@pytest.mark.parametrize("filters", [True, False])
def test_an_attempt_knows_of_those_of_another_status(tmp_path: Path, filters: bool) -> None:
    fake = FakeLiteLLM()
    rows = attempt(1, "OK", "backup"), attempt(2, "ERROR", "first")
    fake.planted[SPANS] = Attempts(*rows, filters=filters).answer
    fake.planted[SPEND_LOGS] = lambda _: page()

    (answered,) = list_with(tmp_path, fake, status="ok").calls
    (failed,) = list_with(tmp_path, fake, status="error").calls

    assert (answered.asked, answered.retried) == ("first", False)
    assert (failed.asked, failed.retried) == (None, True)


def test_only_spend_logs_of_the_cache_are_read(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    body: dict[str, Any] = {"data": [], "next_cursor": None}
    fake.planted[SPANS] = lambda _: httpx.Response(200, headers=VERSION, json=body)

    def logs(request: httpx.Request) -> httpx.Response:
        assert request.url.params["cache_hit_filter"] == "hit"
        # LiteLLM releases without that filter send all.
        return page(row("cached", cache_hit="True"), row("called"))

    fake.planted[SPEND_LOGS] = logs
    report = list_with(tmp_path, fake)

    assert [(call.call_id, call.cached) for call in report.calls] == [("cached", True)]
    assert report.warnings == ()
