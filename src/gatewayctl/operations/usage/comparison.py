"""Joins LiteLLM's spend logs and Phoenix's model spans by LiteLLM's call id, as both arrive.

Owns what counts as a gap, and which differences are LiteLLM's own ways, which are counted apart.
Keeps only the ids of what it has compared. Must not know where logs and spans come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Generator, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from gatewayctl.gateway.spend import SpendLog
from gatewayctl.operations.counting import tell_read
from gatewayctl.operations.traces.spend_checks import has_model_span
from gatewayctl.runtimes.base import Progress
from gatewayctl.tracing.spans import Span
from gatewayctl.tracing.verify import CALL_ID, LLM, find_answer

MissingIn = Literal["phoenix", "spend_logs", "neither"]
KnownCause = Literal[
    "failed_call_tokens", "no_model_span", "same_response_id", "not_sampled", "cached",
    "guardrail_blocked",
]  # fmt: skip
_TOKENS: Final = "llm.token_count.total"
_RESPONSE_ID: Final = "gen_ai.response.id"
_COMPONENT: Final = "metadata.component"
_MODEL: Final = "llm.model_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A call that one of the two lacks, or on which they disagree (``why`` says how).

    ``end`` is when it ended: both write a call only then, and a call can take minutes.
    """

    missing_in: MissingIn
    call_id: str
    trace_id: str | None
    component: str | None
    model: str | None
    start: datetime | None
    why: str
    end: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Tally:
    """The result of each call, as it is found."""

    matched: int = 0
    refused: int = 0
    known: Counter[KnownCause] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)


def compare_calls(
    logs: Iterable[SpendLog], spans: Iterable[Span], *, since: datetime, offline: Container[str]
) -> Generator[Progress, None, Tally]:
    """Compare the calls since then; yields progress.

    Both come newest first and are read side by side.
    """
    join, number = _Join(since=since, offline=offline), 0
    logs, spans = iter(logs), iter(spans)
    log, span = next(logs, None), next(spans, None)
    while log is not None or span is not None:
        if span is None or (log is not None and (log.start is None or log.start >= span.start)):
            assert log is not None  # noqa: S101 - one of them is left
            join.add_log(log)
            log, number = next(logs, None), number + 1
            yield from tell_read("calls", number)
        else:
            join.add_span(span)
            span = next(spans, None)
    yield from tell_read("calls", number, done=True)
    return join.finish()


@dataclass(slots=True, kw_only=True)
class _Join:
    """Calls of which one side has arrived, and the ids of those that are compared."""

    since: datetime
    offline: Container[str]
    tally: Tally = field(default_factory=Tally)
    logs: dict[str, SpendLog] = field(default_factory=dict)
    answers: dict[str, Span] = field(default_factory=dict)
    compared: set[str] = field(default_factory=set)
    response_ids: set[str] = field(default_factory=set)

    def add_log(self, log: SpendLog) -> None:
        if log.call_id in self.compared:
            return
        if log.response_id:
            self.response_ids.add(log.response_id)
        self.logs[log.call_id] = log
        self._compare_if_complete(log.call_id)

    def add_span(self, span: Span) -> None:
        """LiteLLM makes one for each attempt; those before the answer come after it."""
        if span.kind != LLM or CALL_ID not in span.attributes:
            return
        call_id = str(span.attributes[CALL_ID])
        if call_id in self.compared:
            return
        attempts = [_keep_compared(span), *filter(None, [self.answers.get(call_id)])]
        self.answers[call_id] = find_answer(attempts)
        self._compare_if_complete(call_id)

    def _compare_if_complete(self, call_id: str) -> None:
        log, span = self.logs.get(call_id), self.answers.get(call_id)
        # Of a call that was answered, the span of the answer may come after those of failures.
        if log is not None and span is not None and (span.status != "ERROR" or not log.ok):
            self._compare(log)

    def finish(self) -> Tally:
        for log in tuple(self.logs.values()):
            self._compare(log)
        for call_id, span in self.answers.items():
            if span.start < self.since:
                continue
            if span.attributes.get(_RESPONSE_ID) in self.response_ids:
                self.tally.known["same_response_id"] += 1
            else:
                self.tally.gaps.append(_make_span_gap(call_id, span))
        return self.tally

    def _compare(self, log: SpendLog) -> None:
        del self.logs[log.call_id]
        span = self.answers.pop(log.call_id, None)
        self.compared.add(log.call_id)
        if log.start is None or log.start >= self.since:
            _compare_call(self.tally, log, span, self.offline)


def _keep_compared(span: Span) -> Span:
    """The span without its messages, which can be long."""
    names = (_TOKENS, _RESPONSE_ID, _COMPONENT, _MODEL)
    return replace(span, attributes={name: span.attributes.get(name) for name in names})


def _compare_call(tally: Tally, log: SpendLog, span: Span | None, offline: Container[str]) -> None:
    if log.cached:
        # A span can only be of an attempt that failed before the cache answered.
        tally.known["cached"] += 1
        return
    if span is None:
        if log.guardrail:
            tally.known["guardrail_blocked"] += 1
        elif not log.ok:
            tally.refused += 1
        elif not has_model_span(log, offline):
            tally.known["no_model_span"] += 1
        elif not log.sampled:
            tally.known["not_sampled"] += 1
        else:
            why = "LiteLLM has a spend log, Phoenix no span"
            tally.gaps.append(_make_log_gap("phoenix", log, why))
        return
    counted = span.attributes.get(_TOKENS)
    if counted not in (None, log.total_tokens):
        if log.ok:
            why = f"{log.total_tokens} tokens in the spend log, {counted} in the span"
            tally.gaps.append(_make_log_gap("neither", log, why))
            return
        tally.known["failed_call_tokens"] += 1
    tally.matched += 1


def _make_log_gap(missing_in: MissingIn, log: SpendLog, why: str) -> Gap:
    return Gap(
        missing_in=missing_in,
        call_id=log.call_id,
        trace_id=log.trace_id,
        component=log.tag_value("component"),
        model=log.model,
        start=log.start,
        why=why,
        end=None if log.start is None else log.start + timedelta(seconds=log.seconds or 0),
    )


def _make_span_gap(call_id: str, span: Span) -> Gap:
    return Gap(
        missing_in="spend_logs",
        call_id=call_id,
        trace_id=span.trace_id,
        component=span.attributes.get(_COMPONENT),
        model=span.attributes.get(_MODEL),
        start=span.start,
        why="Phoenix has a span, LiteLLM no spend log",
        end=span.end,
    )
