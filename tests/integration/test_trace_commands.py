from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides
from tests.fakes.answers import refuse_connection
from tests.fakes.litellm import FakeLiteLLM
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.gateway.test_spend import page, row
from tests.unit.operations.traces.test_verification import as_row
from tests.unit.operations.usage.test_summary import span_row
from tests.unit.tracing.test_verify import TRACE, WHOLE

SPANS = "/v1/projects/gateway/spans"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    project(tmp_path, "", env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    return tmp_path


@pytest.fixture
def fake() -> FakeLiteLLM:
    made = FakeLiteLLM()
    made.planted[SPANS] = lambda _: phoenix(*map(as_row, WHOLE))
    made.planted["/spend/logs/v2"] = lambda _: page(row("call-1", session_id=TRACE))
    return made


def phoenix(*rows: Any) -> httpx.Response:
    headers = {"x-phoenix-server-version": "20"}
    return httpx.Response(200, headers=headers, json={"data": list(rows)})


def run(folder: Path, fake: FakeLiteLLM, *words: str) -> Any:
    overrides = Overrides(transport=fake.transport())
    return CliRunner().invoke(app, ["-C", str(folder), *words], obj=overrides)


def test_a_trace_is_shown_as_a_tree(folder: Path, fake: FakeLiteLLM) -> None:
    result = run(folder, fake, "trace", "show", TRACE)

    assert result.exit_code == 0
    assert TRACE in result.stdout
    order = [result.stdout.index(f"\n{' ' * depth}{name}") for depth, name in
             enumerate(("client", "post", "auth"))]  # fmt: skip
    assert order == sorted(order)
    assert "passthrough/chat" in result.stdout


def test_the_tree_as_data_has_depth_component_and_tokens(folder: Path, fake: FakeLiteLLM) -> None:
    data = json.loads(run(folder, fake, "trace", "show", TRACE, "--json").stdout)["data"]

    rows = {each["name"]: each for each in data["spans"]}
    assert [rows[name]["depth"] for name in ("client", "post", "auth", "llm")] == [0, 1, 2, 2]
    assert (rows["llm"]["component"], rows["llm"]["model"]) == ("passthrough", "demo")
    assert (data["calls"], data["cost"]) == (1, None)


def test_a_trace_phoenix_does_not_have_is_told_from_a_phoenix_that_is_away(
    folder: Path, fake: FakeLiteLLM
) -> None:
    fake.planted[SPANS] = lambda _: phoenix()
    none = run(folder, fake, "trace", "show", TRACE)
    fake.planted[SPANS] = refuse_connection
    away = run(folder, fake, "trace", "show", TRACE)

    assert (none.exit_code, away.exit_code) == (2, 5)
    assert "has no span" in none.stderr


def test_the_list_asks_phoenix_for_the_component(folder: Path, fake: FakeLiteLLM) -> None:
    fake.planted[SPANS] = lambda _: phoenix(as_row(WHOLE[-1]))
    words = ("--component", "passthrough", "--model", "demo", "--since", "1h")

    result = run(folder, fake, "trace", "list", *words)

    asked = fake.requests[-1].url.params
    assert set(asked.get_list("attribute")) == {
        'metadata.component:"passthrough"',
        'llm.model_name:"demo"',
    }
    assert (asked["span_kind"], "start_time" in asked) == ("LLM", True)
    assert TRACE in result.stdout


@pytest.mark.parametrize(("status", "count"), [("ok", 1), ("error", 1)])
def test_the_list_by_status(folder: Path, fake: FakeLiteLLM, status: str, count: int) -> None:
    good = as_row(WHOLE[-1])
    fake.planted[SPANS] = lambda _: phoenix(good, {**good, "status_code": "ERROR"})

    found = json.loads(run(folder, fake, "trace", "list", "--status", status, "--json").stdout)

    assert [call["status"] for call in found["data"]["calls"]] == [status] * count


def test_no_project_in_phoenix_yet_means_no_calls(folder: Path, fake: FakeLiteLLM) -> None:
    fake.planted[SPANS] = lambda _: httpx.Response(404, headers={"x-phoenix-server-version": "20"})

    result = run(folder, fake, "trace", "list")

    assert (result.exit_code, result.stdout.strip()) == (0, "No calls.")


def test_a_proof_names_each_check(folder: Path, fake: FakeLiteLLM) -> None:
    result = run(folder, fake, "trace", "verify", TRACE, "--timeout", "0")

    assert result.exit_code == 7
    assert "ledger_component" in result.stdout
    assert "failed" in result.stdout


def test_usage_is_shown_with_how_fresh_it_is(folder: Path, fake: FakeLiteLLM) -> None:
    result = run(folder, fake, "usage", "--by", "component", "--since", "1h")

    assert result.exit_code == 0
    assert "ingest" in result.stdout
    assert "Newest request: 2026-11-23 11:59:58 UTC" in result.stdout


def test_reconcile_shows_each_gap_with_its_trace(folder: Path, fake: FakeLiteLLM) -> None:
    fake.planted[SPANS] = lambda _: phoenix(span_row("call-1"), span_row("another"))

    result = run(folder, fake, "usage", "reconcile", "--since", "2026-11-23T00:00")

    assert result.exit_code == 7
    assert "1 calls agree in spend logs and Phoenix, 1 differ" in result.stdout
    assert "t" * 32 in result.stdout


def test_a_route_takes_no_component(folder: Path, fake: FakeLiteLLM) -> None:
    result = run(folder, fake, "chat", "--route", "auto", "--component", "passthrough", "hi")

    assert result.exit_code == 2
    assert "--route has its own components" in result.stderr
