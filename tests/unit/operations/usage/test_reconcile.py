from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatewayctl.errors import PhoenixUnreachable
from gatewayctl.gateway.client import GatewayClient
from gatewayctl.generators import drain
from gatewayctl.operations.state.audit import record_verb
from gatewayctl.operations.usage.reconcile import KnownDifference, ReconcileReport, reconcile
from gatewayctl.settings.model import Settings
from tests.fakes.litellm import FakeLiteLLM, served
from tests.fakes.phoenix import SPANS, spans_page
from tests.fakes.projects import MASTER_KEY, project
from tests.unit.gateway.test_spend import row
from tests.unit.operations.usage.test_summary import NOW, plant_logs, tagged_row


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return project(tmp_path, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")


@pytest.fixture
def fake() -> FakeLiteLLM:
    return FakeLiteLLM()


@pytest.fixture
def gateway(fake: FakeLiteLLM) -> Iterator[GatewayClient]:
    with served(fake) as client:
        yield client


def span_row(call_id: str, tokens: int = 12, **fields: Any) -> dict[str, Any]:
    return {
        "context": {"trace_id": "t" * 32, "span_id": call_id},
        "span_kind": "LLM",
        "attributes": {"litellm.call_id": call_id, "llm.token_count.total": tokens},
        "start_time": "2026-11-23T11:59:58+00:00",
        "end_time": "2026-11-23T11:59:59+00:00",
        **fields,
    }


def run_reconcile(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, *spans: Any, **options: Any
) -> ReconcileReport:
    fake.planted[SPANS] = lambda _: spans_page(*spans)
    period = {"since": NOW - timedelta(hours=1), "settle": 0}
    return drain(reconcile(settings, gateway, **{**period, **options}, now=lambda: NOW))


def test_spend_logs_and_spans_that_agree_have_no_gaps(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(fake, row("1"), row("2"))

    report = run_reconcile(settings, gateway, fake, span_row("1"), span_row("2"))

    assert (report.matched, report.gaps, report.problem) == (2, (), None)


def test_each_gap_is_reported_with_the_place_that_lacks_it(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(fake, row("both"), row("logged"), row("differs"))

    report = run_reconcile(
        settings, gateway, fake, span_row("both"), span_row("traced"), span_row("differs", 13)
    )

    assert {gap.call_id: gap.missing_in for gap in report.gaps} == {
        "logged": "phoenix",
        "traced": "spend_logs",
        "differs": "neither",
    }
    assert report.problem is not None
    assert report.problem.exit_code == 7


def test_a_recent_gap_is_pending(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(fake, row("1"))

    report = run_reconcile(settings, gateway, fake, settle=20)

    assert (report.pending, report.gaps) == (1, ())


LONG = "2026-11-23T11:58:30+00:00"
ENDED = "2026-11-23T11:59:50+00:00"


@pytest.mark.parametrize(("settle", "pending"), [(20, 1), (5, 0)])
def test_a_long_call_that_has_just_ended_is_pending_without_its_spend_log(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, settle: float, pending: int
) -> None:
    plant_logs(fake)
    span = span_row("1", start_time=LONG, end_time=ENDED)

    report = run_reconcile(settings, gateway, fake, span, settle=settle)

    assert (report.pending, report.differing) == (pending, 1 - pending)


@pytest.mark.parametrize(("settle", "pending"), [(20, 1), (5, 0)])
def test_a_long_call_that_has_just_ended_is_pending_without_its_span(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, settle: float, pending: int
) -> None:
    plant_logs(fake, row("1", startTime=LONG, endTime=ENDED))

    report = run_reconcile(settings, gateway, fake, settle=settle)

    assert (report.pending, report.differing) == (pending, 1 - pending)


@pytest.mark.parametrize(("settle", "pending"), [(None, 1), (20, 0)])
def test_a_call_settles_once_litellm_has_written_its_spend_log(
    tmp_path: Path,
    gateway: GatewayClient,
    fake: FakeLiteLLM,
    settle: float | None,
    pending: int,
) -> None:
    text = "litellm: {general_settings: {proxy_batch_write_at: 60}}"
    slow = project(tmp_path, text, env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")
    plant_logs(fake)
    minute_ago = (NOW - timedelta(seconds=60)).isoformat()
    span = span_row("1", start_time=minute_ago, end_time=minute_ago)

    report = run_reconcile(slow, gateway, fake, span, settle=settle)

    assert (report.pending, report.differing) == (pending, 1 - pending)


@pytest.mark.parametrize("settle", [1e300, float("inf")])
def test_any_number_of_seconds_to_settle_is_taken(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, settle: float
) -> None:
    plant_logs(fake, row("1"))

    assert run_reconcile(settings, gateway, fake, settle=settle).pending == 1


def test_a_refused_request_needs_no_span(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(fake, row("1", status="failure"))

    report = run_reconcile(settings, gateway, fake)

    assert (report.refused, report.gaps) == (1, ())


def test_calls_before_the_period_are_left_out(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    old = (NOW - timedelta(minutes=62)).isoformat()
    plant_logs(fake, row("1", startTime=old))

    assert run_reconcile(settings, gateway, fake).gaps == ()


def test_an_error_of_phoenix_is_not_an_empty_list_of_spans(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(fake, row("1"))
    fake.planted[SPANS] = lambda _: httpx.Response(500, headers=spans_page().headers)

    with pytest.raises(PhoenixUnreachable):
        drain(reconcile(settings, gateway, since=NOW - timedelta(days=1), now=lambda: NOW))


def test_gaps_are_summed_up_by_day_and_component_and_only_some_are_listed(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    yesterday = (NOW - timedelta(days=1)).isoformat()
    plant_logs(
        fake,
        *(tagged_row(f"a{number}", "a") for number in range(25)),
        tagged_row("b", "b", startTime=yesterday),
    )

    report = run_reconcile(settings, gateway, fake, since=NOW - timedelta(days=2))

    groups = [(each.day, each.component, each.missing_in, each.calls) for each in report.groups]
    assert groups == [("2026-11-23", "a", "phoenix", 25), ("2026-11-22", "b", "phoenix", 1)]
    assert (report.differing, len(report.gaps)) == (26, 20)
    assert "b" not in {gap.call_id for gap in report.gaps}
    assert report.problem is not None
    assert "26 calls" in report.problem.message
    assert len(run_reconcile(settings, gateway, fake, limit=3).gaps) == 3


def failed_span(call_id: str, **attributes: Any) -> dict[str, Any]:
    span = span_row(call_id, 0, status_code="ERROR")
    span["context"] = {"trace_id": "t" * 32, "span_id": f"{call_id}-failed"}
    span["start_time"] = "2026-11-23T11:59:57+00:00"
    span["attributes"] |= attributes
    return span


def test_a_retried_call_is_compared_by_the_attempt_that_answered(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(fake, row("1"))

    report = run_reconcile(settings, gateway, fake, failed_span("1"), span_row("1"))

    assert (report.matched, report.gaps, report.known) == (1, (), ())


def test_differences_with_a_known_reason_are_no_gaps(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    unsampled = {"spend_logs_metadata": {"trace_sampled": False}}
    plant_logs(
        fake,
        row("failed", status="failure"),
        row("offline", call_type="aresponses"),
        row("unsampled", metadata=unsampled),
        row("second", request_id="same"),
    )
    first = span_row("first")
    first["attributes"]["gen_ai.response.id"] = "same"

    report = run_reconcile(
        settings, gateway, fake, failed_span("failed"), first, span_row("second")
    )

    assert report.known == tuple(
        KnownDifference(cause=cause, calls=1)
        for cause in ("failed_call_tokens", "no_model_span", "not_sampled", "same_response_id")
    )
    assert (report.matched, report.differing, report.problem) == (2, 0, None)


@pytest.mark.parametrize("verb", ["reset", "rollback", "restore"])
@pytest.mark.parametrize("ends", [True, False])
def test_calls_are_counted_from_the_moment_the_spend_logs_were_replaced(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM, verb: str, ends: bool
) -> None:
    """Also if that verb failed, which may have been afterwards."""
    began = datetime.now(UTC)
    settings.state_dir.mkdir()
    with suppress(KeyboardInterrupt), record_verb(settings.state_dir, verb):
        if not ends:
            raise KeyboardInterrupt
    with record_verb(settings.state_dir, "up"):
        pass
    old = span_row("1", start_time=(began - timedelta(minutes=1)).isoformat())
    fake.planted[SPANS] = lambda _: spans_page(old)
    plant_logs(fake)

    report = drain(reconcile(settings, gateway, since=began - timedelta(hours=1), settle=0))

    assert (report.differing, report.problem) == (0, None)
    assert report.replaced is not None
    assert (report.replaced.verb, report.replaced.at) == (verb, report.since)
    later = drain(reconcile(settings, gateway, since=datetime.now(UTC) + timedelta(minutes=1)))
    assert later.replaced is None


def test_answers_of_the_cache_and_blocks_of_guardrails_are_no_gaps(
    settings: Settings, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    error = {"error_information": {"error_message": "{'guardrail_name': 'pii'}"}}
    plant_logs(
        fake,
        row("1", cache_hit="True"),
        row("2", cache_hit="True"),
        row("3", status="failure", metadata=error),
        row("4", cache_hit="False"),
    )

    # The attempt that failed before the cache answered has other tokens.
    spans = (span_row("2", 0, status_code="ERROR"), span_row("4"))
    report = run_reconcile(settings, gateway, fake, *spans)

    assert (report.matched, report.differing, report.refused) == (1, 0, 0)
    assert report.known == (
        KnownDifference(cause="cached", calls=2),
        KnownDifference(cause="guardrail_blocked", calls=1),
    )


def _retaining(folder: Path, text: str) -> Settings:
    return project(folder, f"retention: {text}", env=f"LITELLM_MASTER_KEY={MASTER_KEY}\n")


@pytest.mark.parametrize(
    "text", ["{traces: 7d}", "{spend_logs: 7d}", "{traces: 7d, spend_logs: 9d}"]
)
def test_what_the_retention_deletes_is_no_gap(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM, text: str
) -> None:
    old = NOW - timedelta(days=8)
    times = {"startTime": old.isoformat(), "endTime": old.isoformat()}
    plant_logs(fake, row("1"), row("old", **times))

    report = run_reconcile(
        _retaining(tmp_path, text), gateway, fake, span_row("1"), since=NOW - timedelta(days=30)
    )

    assert report.retained
    # An hour later than the period: the trace of a call can be older than the call.
    assert report.since == NOW - timedelta(days=7) + timedelta(hours=1)
    assert (report.matched, report.gaps) == (1, ())


def test_a_span_without_its_deleted_spend_log_is_no_gap(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    old = (NOW - timedelta(days=8)).isoformat()
    plant_logs(fake)

    report = run_reconcile(
        _retaining(tmp_path, "{spend_logs: 7d}"),
        gateway,
        fake,
        span_row("old", start_time=old, end_time=old),
        since=NOW - timedelta(days=30),
    )

    assert report.problem is None


def test_within_the_retention_gaps_are_gaps(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(fake, row("1"))

    report = run_reconcile(_retaining(tmp_path, "{traces: 7d, spend_logs: 7d}"), gateway, fake)

    assert (report.retained, report.differing) == (False, 1)


def test_a_period_of_an_hour_leaves_half_of_it_to_compare(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    plant_logs(fake)

    report = run_reconcile(_retaining(tmp_path, "{traces: 1h}"), gateway, fake)

    assert report.since == NOW - timedelta(minutes=30)


def test_a_reset_after_the_end_of_the_retention_is_named_instead(
    tmp_path: Path, gateway: GatewayClient, fake: FakeLiteLLM
) -> None:
    settings = _retaining(tmp_path, "{traces: 7d}")
    settings.state_dir.mkdir()
    with record_verb(settings.state_dir, "reset"):
        pass
    plant_logs(fake)
    fake.planted[SPANS] = lambda _: spans_page()

    events = reconcile(
        settings, gateway, since=NOW - timedelta(days=30), now=lambda: datetime.now(UTC)
    )
    report = drain(events)

    assert report.replaced is not None
    assert not report.retained
