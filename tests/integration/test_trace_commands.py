from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides
from tests.fakes.answers import refuse_connection
from tests.fakes.litellm import FakeLiteLLM
from tests.fakes.phoenix import SPANS, SPEND_LOGS, spans_page
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.traces import CLIENT, COMPLETE, LLM, TRACE, as_row
from tests.unit.gateway.test_spend import page, row
from tests.unit.operations.usage.test_reconcile import span_row


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project(tmp_path, "", env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    return tmp_path


@pytest.fixture
def fake() -> FakeLiteLLM:
    fake = FakeLiteLLM()
    fake.planted[SPANS] = lambda _: spans_page(*map(as_row, COMPLETE))
    fake.planted[SPEND_LOGS] = lambda _: page(row("call-1", session_id=TRACE))
    return fake


def run(folder: Path, fake: FakeLiteLLM, *arguments: str) -> Any:
    overrides = Overrides(transport=fake.transport())
    return CliRunner().invoke(app, ["-C", str(folder), *arguments], obj=overrides)


def test_a_trace_is_shown_as_a_tree(folder: Path, fake: FakeLiteLLM) -> None:
    result = run(folder, fake, "trace", "show", TRACE)

    assert result.exit_code == 0
    assert TRACE in result.stdout
    order = [result.stdout.index(f"\n{' ' * depth}{name}") for depth, name in
             enumerate(("client", "post", "auth"))]  # fmt: skip
    assert order == sorted(order)
    assert "passthrough/chat" in result.stdout


def test_the_tree_in_json_has_depth_component_and_model(folder: Path, fake: FakeLiteLLM) -> None:
    data = json.loads(run(folder, fake, "trace", "show", TRACE, "--json").stdout)["data"]

    rows = {each["name"]: each for each in data["spans"]}
    assert [rows[name]["depth"] for name in ("client", "post", "auth", "llm")] == [0, 1, 2, 2]
    assert (rows["llm"]["component"], rows["llm"]["model"]) == ("passthrough", "demo")
    assert (data["calls"], data["cost"]) == (1, None)


def test_a_trace_that_phoenix_lacks_is_distinguished_from_a_phoenix_that_is_down(
    folder: Path, fake: FakeLiteLLM
) -> None:
    fake.planted[SPANS] = lambda _: spans_page()
    missing = run(folder, fake, "trace", "show", TRACE)
    fake.planted[SPANS] = refuse_connection
    down = run(folder, fake, "trace", "show", TRACE)

    assert (missing.exit_code, down.exit_code) == (2, 5)
    assert "has no span" in missing.stderr


def test_a_trace_of_which_nothing_is_known_is_named_without_its_checks(
    folder: Path, fake: FakeLiteLLM
) -> None:
    def spans(request: httpx.Request) -> httpx.Response:
        """The probe is there, so nothing else is on its way."""
        asked = request.url.params.get("trace_id")
        return spans_page(*([] if asked == TRACE else [as_row(CLIENT)]))

    fake.planted |= {
        SPANS: spans,
        SPEND_LOGS: lambda _: page(),
        "/v1/models": lambda _: httpx.Response(200, json={"data": []}),
    }
    result = run(folder, fake, "trace", "verify", TRACE, "--timeout", "0")

    assert result.exit_code == 7
    assert f"Trace {TRACE} is not known" in result.stderr
    assert "gateway_descends" not in result.stdout
    assert "trace list` has the latest" in result.stderr


def test_a_component_of_any_length_leaves_room_for_the_other_columns(
    folder: Path, fake: FakeLiteLLM
) -> None:
    long = replace(LLM, attributes={**LLM.attributes, "metadata.component": "L" * 500})
    fake.planted[SPANS] = lambda _: spans_page(as_row(long))

    lines = run(folder, fake, "trace", "list").stdout.splitlines()

    assert lines[0].split() == ["START", "COMPONENT,", "TRACE", "MODEL", "TOKENS", "MS", "STATUS"]
    assert lines[1].split()[-1] == "ok"
    assert len(lines) == 3


def test_the_list_is_filtered_by_phoenix(folder: Path, fake: FakeLiteLLM) -> None:
    fake.planted[SPANS] = lambda _: spans_page(as_row(COMPLETE[-1]))
    filters = ("--component", "passthrough", "--model", "demo", "--since", "1h")

    result = run(folder, fake, "trace", "list", *filters)

    query = next(each.url.params for each in fake.requests if each.url.path == SPANS)
    assert set(query.get_list("attribute")) == {
        'metadata.component:"passthrough"',
        'llm.model_name:"demo"',
    }
    assert (query["span_kind"], "start_time" in query) == ("LLM", True)
    assert TRACE in result.stdout


@pytest.mark.parametrize(("status", "count"), [("ok", 1), ("error", 1)])
def test_the_list_is_filtered_by_status(
    folder: Path, fake: FakeLiteLLM, status: str, count: int
) -> None:
    good = as_row(COMPLETE[-1])
    failed = as_row(replace(COMPLETE[-1], span_id="f" * 16, status="ERROR"))
    fake.planted[SPANS] = lambda _: spans_page(good, failed)

    listing = json.loads(run(folder, fake, "trace", "list", "--status", status, "--json").stdout)

    assert [call["status"] for call in listing["data"]["calls"]] == [status] * count


def test_no_project_in_phoenix_yet_means_no_calls(folder: Path, fake: FakeLiteLLM) -> None:
    fake.planted[SPANS] = lambda _: httpx.Response(404, headers=spans_page().headers)

    result = run(folder, fake, "trace", "list")

    assert (result.exit_code, result.stdout.strip()) == (0, "No calls.")


def test_a_verification_shows_each_check(folder: Path, fake: FakeLiteLLM) -> None:
    result = run(folder, fake, "trace", "verify", TRACE, "--timeout", "0")

    assert result.exit_code == 7
    assert "ledger_component" in result.stdout
    assert "failed" in result.stdout


def test_an_attempt_that_litellm_repeated_is_listed_as_retried(
    folder: Path, fake: FakeLiteLLM
) -> None:
    failed = replace(LLM, span_id="failed", status="ERROR", start=LLM.start - timedelta(seconds=1))
    fake.planted[SPANS] = lambda _: spans_page(as_row(LLM), as_row(failed))

    calls = json.loads(run(folder, fake, "trace", "list", "--json").stdout)["data"]["calls"]
    shown = run(folder, fake, "trace", "list").stdout

    assert [(each["status"], each["retried"]) for each in calls] == [("ok", False), ("error", True)]
    assert {each["call_id"] for each in calls} == {"call-1"}
    assert "retried" in shown
    assert "error" not in shown


def test_usage_is_shown_with_the_newest_request(folder: Path, fake: FakeLiteLLM) -> None:
    result = run(folder, fake, "usage", "--by", "component", "--since", "1h")

    assert result.exit_code == 0
    assert "ingest" in result.stdout
    assert "Newest request: 2026-11-23 11:59:58 UTC" in result.stdout


def test_reconcile_shows_each_gap_with_its_trace(folder: Path, fake: FakeLiteLLM) -> None:
    fake.planted[SPANS] = lambda _: spans_page(span_row("call-1"), span_row("another"))

    result = run(folder, fake, "usage", "reconcile", "--since", "2026-11-23T00:00")

    assert result.exit_code == 7
    assert "1 call in spend logs and Phoenix, 1 differs" in result.stdout
    assert "2026-11-23  -          1      no spend log" in result.stdout
    assert "t" * 32 in result.stdout


def test_a_route_excludes_the_option_component(folder: Path, fake: FakeLiteLLM) -> None:
    result = run(folder, fake, "chat", "--route", "auto", "--component", "passthrough", "hi")

    assert result.exit_code == 2
    assert "--route has its own components" in result.stderr


def test_calls_that_the_cache_answered_are_listed_from_the_spend_logs(
    folder: Path, fake: FakeLiteLLM
) -> None:
    fake.planted[SPANS] = lambda _: spans_page(as_row(COMPLETE[-1]))
    cached = row("2", cache_hit="True", model_group="demo", startTime=COMPLETE[-1].end.isoformat())
    fake.planted[SPEND_LOGS] = lambda _: page(cached, row("3"))

    text = run(folder, fake, "trace", "list").stdout
    document = json.loads(run(folder, fake, "trace", "list", "--json").stdout)

    calls = document["data"]["calls"]
    assert [(call["cached"], call["span_id"]) for call in calls] == [(True, None), (False, "llm")]
    assert "cached" in text


def test_the_list_says_why_calls_of_the_cache_are_missing(folder: Path, fake: FakeLiteLLM) -> None:
    fake.planted[SPANS] = lambda _: spans_page(as_row(COMPLETE[-1]))
    fake.planted[SPEND_LOGS] = lambda _: httpx.Response(500, json={"detail": "no"})

    result = run(folder, fake, "trace", "list")

    assert result.exit_code == 0
    assert "Warning: Calls that LiteLLM's cache answered are not listed" in result.stdout
