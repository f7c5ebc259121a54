from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

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


def attempt(number: int, status: str, model: str = "demo") -> Any:
    made = span("t" * 32, f"s{number}", None, "LLM", litellm__call_id="call", llm__model_name=model)
    return made | {"status_code": status}


def test_a_list_of_one_status_reads_no_further_than_it_shows(tmp_path: Path) -> None:
    fake, asked = FakeLiteLLM(), list[str | None]()

    def spans(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("cursor"))
        rows = [attempt(2 * len(asked), "OK"), attempt(2 * len(asked) + 1, "ERROR")]
        return httpx.Response(200, headers=VERSION, json={"data": rows, "next_cursor": "more"})

    fake.planted[SPANS] = spans
    report = list_with(tmp_path, fake, status="error", limit=2)

    assert [call.span_id for call in report.calls] == ["s3", "s5"]
    assert len(asked) == 2


def test_an_attempt_knows_of_those_of_another_status(tmp_path: Path) -> None:
    fake = FakeLiteLLM()
    rows = [attempt(1, "OK", "backup"), attempt(2, "ERROR", "first")]
    body = {"data": rows, "next_cursor": None}
    fake.planted[SPANS] = lambda _: httpx.Response(200, headers=VERSION, json=body)
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
