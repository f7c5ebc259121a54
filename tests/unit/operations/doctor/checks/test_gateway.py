from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.operations.doctor.checks import gateway as checks
from gatewayctl.operations.traces.retention import SCHEDULE
from tests.fakes.litellm import error
from tests.fakes.phoenix import SPANS, SPEND_LOGS, healthy_stack, span, spans_page
from tests.fakes.phoenix_policy import FakePolicy
from tests.fakes.self_check import ENV, Patient

DEV, EVAL = "sk-dev-0123456789abcdef", "sk-eval-0123456789abcdef"


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    made = Patient(folder=tmp_path, env=f"{ENV}LITELLM_API_KEY={DEV}\nLITELLM_EVAL_KEY={EVAL}\n")
    made.litellm.models = ("gpt-4o", "gpt-4o-mini", "o1-mini", "demo")
    made.litellm.add(DEV, "litellm-dev", metadata={"environment": "development"})
    made.litellm.add(EVAL, "litellm-eval", metadata={"environment": "evaluation"})
    made.up()
    return made


def spend_logs(**totals: Any) -> Callable[[httpx.Request], httpx.Response]:
    """Spend logs: how many ``ever`` and of a ``day`` or two, ``failed`` and ``newest`` rows."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        if asked.get("status_filter") == "failure":
            data = totals.get("failed", [])
        elif "model_group" in asked:
            data = totals.get("newest", [])
        else:
            data = []
        total = totals.get("ever" if asked["start_date"] < "2020" else "day", 0)
        return httpx.Response(200, json={"data": data, "total": total, "total_pages": 1})

    return answer


def row(status: str, message: str = "", kind: str = "", provider: str = "openai") -> dict[str, Any]:
    said = {"error_class": kind, "error_message": message, "llm_provider": provider}
    return {"model_group": "gpt-4o", "status": status, "metadata": {"error_information": said}}


REFUSED = row(
    "failure",
    f"litellm.AuthenticationError: Incorrect API key provided: {DEV}",
    "AuthenticationError",
)


def test_keys_that_match_their_declaration_are_fine(patient: Patient) -> None:
    found = patient.ids(checks.check_virtual_keys)

    assert set(found) <= {"key_differs"}


def test_a_key_that_the_gateway_does_not_know_is_refused(patient: Patient) -> None:
    patient.litellm.keys.clear()

    assert set(patient.ids(checks.check_virtual_keys)) == {"key_refused"}


def test_a_declared_key_that_was_never_created_is_missing(patient: Patient) -> None:
    patient.write_env(ENV)
    patient.litellm.keys.clear()

    assert patient.ids(checks.check_virtual_keys) == ["key_missing", "key_missing"]


def test_a_gateway_with_another_master_key_is_one_finding(patient: Patient) -> None:
    patient.litellm.master = "sk-another-0123456789"

    assert patient.ids(checks.check_virtual_keys) == ["master_key_refused"]


def test_a_gateway_without_its_database_is_one_finding(patient: Patient) -> None:
    patient.litellm.planted["/key/list"] = lambda _: error(
        500, "{'error': 'DB not connected. This endpoint needs a database'}"
    )

    assert patient.ids(checks.check_virtual_keys) == ["gateway_database_missing"]


def test_a_declared_model_that_is_not_served_is_reported(patient: Patient) -> None:
    assert patient.ids(checks.check_models) == []
    patient.litellm.models = ("gpt-4o", "demo")

    assert patient.found(checks.check_models) == [("model_not_served", "gpt-4o-mini, o1-mini")]


@pytest.mark.parametrize(
    ("ever", "day", "found"),
    [
        (10, 1, []),
        (2_000_000, 5, ["spend_logs_large"]),
        (400_000, 60_000, ["spend_logs_growing"]),
        (999_000, 30, []),
    ],
)
def test_spend_logs_are_counted(patient: Patient, ever: int, day: int, found: list[str]) -> None:
    patient.litellm.planted[SPEND_LOGS] = spend_logs(ever=ever, day=day)

    assert patient.ids(checks.check_spend_logs) == found


@pytest.mark.parametrize(
    ("period", "ever", "day", "found"),
    [
        ("90d", 400_000, 60_000, ["spend_logs_growing"]),
        ("30d", 400_000, 30_000, []),
        ("7d", 2_000_000, 30_000, ["spend_logs_large"]),
    ],
)
def test_growth_is_forecast_up_to_the_retention(
    patient: Patient, period: str, ever: int, day: int, found: list[str]
) -> None:
    declare(patient, f"retention: {{spend_logs: {period}}}\n")
    patient.litellm.planted[SPEND_LOGS] = spend_logs(ever=ever, day=day)

    assert patient.ids(checks.check_spend_logs) == found


def declare(patient: Patient, text: str) -> None:
    (patient.folder / "gateway.yaml").write_text(text)


def test_spend_logs_that_should_be_deleted_are_counted(patient: Patient) -> None:
    declare(patient, "retention: {spend_logs: 90d}\n")
    patient.litellm.planted[SPEND_LOGS] = spend_logs(ever=7, day=7)

    assert patient.found(checks.check_retention) == [
        ("spend_logs_not_deleted", "7 rows are older than 90d and one day")
    ]


def test_spend_logs_that_are_kept_forever_are_never_late(patient: Patient) -> None:
    patient.litellm.planted[SPEND_LOGS] = spend_logs(ever=7, day=7)

    assert patient.ids(checks.check_retention) == []


def test_a_policy_that_was_changed_in_phoenix_is_found(patient: Patient) -> None:
    declare(patient, "retention: {traces: 30d}\n")

    assert patient.found(checks.check_trace_retention) == [
        ("trace_retention_differs", "Phoenix: all, gateway.yaml: 30d")
    ]


@pytest.mark.parametrize("rows", [0, 1])
def test_traces_that_should_be_deleted_are_found(patient: Patient, rows: int) -> None:
    declare(patient, "retention: {traces: 30d}\n")
    patient.litellm.planted["/graphql"] = FakePolicy(days=30, cron=SCHEDULE).answer
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return spans_page(*[span("t" * 32, "s" * 16, None, "LLM")] * rows)

    patient.litellm.planted[SPANS] = answer

    assert (
        patient.found(checks.check_trace_retention)
        == [("traces_not_deleted", "a span of 2026-11-23 14:00 UTC is older than 30d and one day")]
        * rows
    )
    assert "end_time" in asked[0].url.params


def test_a_policy_without_a_declared_one_is_the_operators(patient: Patient) -> None:
    assert patient.ids(checks.check_trace_retention) == []


def test_a_model_whose_newest_call_was_refused_is_found_without_its_key(
    patient: Patient,
) -> None:
    patient.litellm.planted[SPEND_LOGS] = spend_logs(failed=[REFUSED, REFUSED], newest=[REFUSED])

    ((finding, evidence),) = patient.found(checks.check_providers)

    assert finding == "provider_key_refused"
    assert evidence.startswith("gpt-4o: ")
    assert DEV not in evidence


def test_a_key_that_was_corrected_since_is_not_a_finding(patient: Patient) -> None:
    patient.litellm.planted[SPEND_LOGS] = spend_logs(failed=[REFUSED], newest=[row("success")])

    assert patient.ids(checks.check_providers) == []


def test_a_virtual_key_that_litellm_refused_says_nothing_of_the_provider(patient: Patient) -> None:
    wrong = row(
        "failure", "Authentication Error, Invalid API key provided.", "KeyNotFoundError", ""
    )
    patient.litellm.planted[SPEND_LOGS] = spend_logs(failed=[wrong], newest=[wrong])

    assert patient.ids(checks.check_providers) == []


def test_other_failures_of_a_provider_are_not_about_its_key(patient: Patient) -> None:
    slow = row("failure", "litellm.Timeout: it took too long", "Timeout")
    patient.litellm.planted[SPEND_LOGS] = spend_logs(failed=[slow], newest=[slow])

    assert patient.ids(checks.check_providers) == []


def test_a_trace_that_arrives_is_fine(patient: Patient) -> None:
    assert patient.ids(checks.check_traces) == []


def test_a_trace_that_does_not_arrive_is_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing: dict[str, object] = {"data": [], "next_cursor": None}
    patient.litellm.planted[SPANS] = lambda _: httpx.Response(200, json=nothing)
    monkeypatch.setattr(checks, "_TRACE_SECONDS", 0.0)

    assert patient.ids(checks.check_traces) == ["traces_missing"]


def test_another_collector_is_reported(patient: Patient) -> None:
    patient.write_env(f"{ENV}PHOENIX_COLLECTOR_HTTP_ENDPOINT=http://127.0.0.1:1/v1/traces\n")

    assert patient.ids(checks.check_traces) == ["traces_elsewhere"]


def test_no_check_of_the_gateway_calls_a_model(patient: Patient) -> None:
    for check in checks.CHECKS:
        patient.found(check.run)

    assert "/v1/chat/completions" not in patient.litellm.paths()
    assert healthy_stack().paths() == []
