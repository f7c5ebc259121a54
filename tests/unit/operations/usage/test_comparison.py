from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatewayctl.gateway.spend import SpendLog
from gatewayctl.generators import drain
from gatewayctl.operations.usage.comparison import Tally, compare_calls
from gatewayctl.tracing.spans import Span

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def log(call_id: str, age: float = 0, **fields: Any) -> SpendLog:
    made: dict[str, Any] = {
        "call_id": call_id, "trace_id": "t", "model": "demo", "key_alias": None, "key_hash": None,
        "tags": (), "prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12, "cost": 0.0,
        "ok": True, "start": NOW - timedelta(seconds=age), "seconds": 0.1,
        "deployment": "openai/demo", "call_type": "acompletion",
    }  # fmt: skip
    return SpendLog(**made | fields)


def span(call_id: str, age: float = 0, status: str = "OK", tokens: int = 12) -> Span:
    return Span(
        trace_id="t",
        span_id=f"{call_id}-{age}",
        parent_id=None,
        name="chat demo",
        kind="LLM",
        status=status,
        status_message="",
        attributes={"litellm.call_id": call_id, "llm.token_count.total": tokens},
        start=NOW - timedelta(seconds=age),
        end=NOW - timedelta(seconds=age),
    )


def compare(logs: list[SpendLog], spans: list[Span]) -> Tally:
    return drain(compare_calls(logs, spans, since=NOW - timedelta(hours=1), offline=()))


def test_logs_and_spans_are_read_side_by_side() -> None:
    """What is read ahead would have to be kept."""
    lead = list[int]()

    def count(items: list[Any], step: int) -> Iterator[Any]:
        for item in items:
            lead.append(step)
            assert abs(sum(lead)) <= 2
            yield item

    numbers, told = range(2500), list[str]()
    logs = count([log(f"{n}", n) for n in numbers], 1)
    spans = count([span(f"{n}", n) for n in numbers], -1)
    tally = drain(
        compare_calls(logs, spans, since=NOW - timedelta(hours=1), offline=()),
        lambda event: told.append(f"{event.state}: {event.detail}"),
    )

    assert (tally.matched, tally.gaps) == (2500, [])
    assert told == ["working: 1,000 read", "working: 2,000 read", "ready: 2,500 read"]


@pytest.mark.parametrize("age", [1, 600])
@pytest.mark.parametrize("logged", [0, 2, 900])
def test_failed_attempts_are_no_gaps_wherever_the_log_comes(age: float, logged: float) -> None:
    spans = [span("a", 0), span("a", age, "ERROR", tokens=0)]

    tally = compare([log("a", logged)], spans)

    assert (tally.matched, tally.gaps, tally.known) == (1, [], {})


def test_a_failed_attempt_that_comes_first_is_not_the_answer() -> None:
    tally = compare([log("a", 0)], [span("a", 1, "ERROR", tokens=0), span("a", 2)])

    assert (tally.matched, tally.gaps) == (1, [])


def test_a_log_that_comes_twice_is_one_call() -> None:
    tally = compare([log("a"), log("a")], [span("a")])

    assert (tally.matched, tally.gaps) == (1, [])


def test_what_only_one_side_has_is_a_gap_at_the_end() -> None:
    tally = compare([log("a", 1), log("b", 2)], [span("b", 1), span("c", 2)])

    assert [(gap.call_id, gap.missing_in) for gap in tally.gaps] == [
        ("a", "phoenix"),
        ("c", "spend_logs"),
    ]
