"""LiteLLM's spend logs: one row for each request.

Owns the shapes of /spend/logs/v2 and /global/activity (community endpoints; the spend reports are
Enterprise).
LiteLLM writes spend logs in batches, some seconds after the reply. Must not know traces or
what the figures are for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gatewayctl.gateway.client import GatewayClient, rows_of
from gatewayctl.gateway.guardrails import find_guardrail_of_log
from gatewayctl.gateway.times import parse_time
from gatewayctl.settings.model import Secret

PATH: Final = "/spend/logs/v2"
_ACTIVITY: Final = "/global/activity"
_PAGE_SIZE: Final = 250
"""LiteLLM answers no one else while it writes a page, 1.3 ms a row; more are no faster."""
_FAILURES_READ: Final = 100
_WHOLE_SECONDS: Final = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendLog:
    """One request. ``cost`` in US dollars, ``seconds`` is its duration.

    ``trace_id`` is LiteLLM's session id, which is the W3C trace id if the caller sent one.
    ``model`` is the model group that answered, ``retries`` how often it was retried, and
    ``fallbacks`` how many groups were tried before it. ``call_type`` is LiteLLM's, such as
    ``acompletion``. ``response_id`` is the provider's; LiteLLM keeps one row for each. ``sampled``
    is False if the caller's trace context asks for no spans. ``deployment`` is what was called, in
    LiteLLM's notation, None if LiteLLM's cache answered (``cached``). ``guardrail`` is the one that
    blocked the request, empty if none did. ``asked`` is the model group that was asked, if
    litellm_callbacks.py wrote it.
    """

    call_id: str
    trace_id: str | None
    model: str | None
    key_alias: str | None
    key_hash: str | None
    tags: tuple[str, ...]
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: float | None
    ok: bool
    start: datetime | None
    seconds: float | None
    call_type: str | None = None
    response_id: str | None = None
    retries: int = 0
    fallbacks: int = 0
    sampled: bool = True
    deployment: str | None = None
    cached: bool = False
    guardrail: str = ""
    asked: str | None = None

    @property
    def fell_back(self) -> bool:
        """True if another model group answered than the one that was asked."""
        return self.ok and (self.fallbacks > 0 or self.asked not in (None, self.model))

    def tag_value(self, name: str) -> str | None:
        """The value of the tag ``name:value``, or None."""
        prefix = f"{name}:"
        return next((tag.removeprefix(prefix) for tag in self.tags if tag.startswith(prefix)), None)


def list_spend_logs(
    gateway: GatewayClient,
    master: Secret,
    *,
    since: datetime,
    until: datetime,
    trace_id: str | None = None,
) -> tuple[SpendLog, ...]:
    """List the requests started in that period, newest first, optionally of one trace."""
    return tuple(iterate_spend_logs(gateway, master, since=since, until=until, trace_id=trace_id))


def iterate_spend_logs(
    gateway: GatewayClient,
    master: Secret,
    *,
    since: datetime,
    until: datetime,
    trace_id: str | None = None,
    cached_only: bool = False,
) -> Iterator[SpendLog]:
    """Yield the requests started in that period, newest first, page by page.

    ``cached_only``: those that LiteLLM's cache answered; LiteLLM releases without that filter send
    all. LiteLLM counts at most 10,000 rows and skips those of earlier pages one by one, so each
    page begins in the second in which the one before ended.
    """
    filters: dict[str, str | int] = {"page_size": _PAGE_SIZE}
    if trace_id is not None:
        filters["session_id"] = trace_id
    if cached_only:
        filters["cache_hit_filter"] = "hit"
    page, seen = 1, set[str]()
    while True:
        logs = _fetch_page(gateway, master, since=since, until=until, page=page, **filters).logs
        fresh: dict[str, SpendLog] = {}
        for log in logs:
            if log.call_id not in seen:
                # Of two rows of one call the newest counts.
                fresh.setdefault(log.call_id, log)
        yield from (log for log in fresh.values() if trace_id in (None, log.trace_id))
        # A second page without new rows would be followed by others without end.
        if len(logs) < _PAGE_SIZE or (page > 1 and not fresh):
            return
        oldest = logs[-1].start
        if oldest is not None and _format_end(oldest) != _format_end(until):
            until, page, seen = oldest, 1, {log.call_id for log in logs}
        else:
            page, seen = page + 1, seen | fresh.keys()


def count_requests(
    gateway: GatewayClient, master: Secret, *, since: datetime, until: datetime
) -> int:
    """Count the spend logs of that period; more than 10,000 by whole days in UTC."""
    page = _fetch_page(gateway, master, since=since, until=until, page_size=1)
    if not page.is_capped:
        return page.total
    days = {
        "start_date": f"{since.astimezone(UTC):%Y-%m-%d}",
        "end_date": f"{until.astimezone(UTC):%Y-%m-%d}",
    }
    body = gateway.call("GET", _ACTIVITY, key=master, role="master", params=days)
    with gateway.expecting("the number of requests"):
        return int(body["sum_api_requests"])


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRequest:
    """A failed request: the model group, the class and the message of LiteLLM's exception.

    ``provider`` is empty if LiteLLM itself refused the request, such as an unknown virtual key.
    """

    model: str | None
    provider: str
    kind: str
    message: str


def list_latest_failures(
    gateway: GatewayClient, master: Secret, *, since: datetime, until: datetime
) -> tuple[FailedRequest, ...]:
    """List the newest failure of a provider, for each model group whose newest request failed."""
    body = _fetch_page(
        gateway, master, since=since, until=until, page_size=_FAILURES_READ, status_filter="failure"
    )
    found: dict[str, FailedRequest] = {}
    with gateway.expecting("spend logs"):
        for failure in map(_parse_failure, body.rows):
            if failure.model and failure.provider:
                found.setdefault(failure.model, failure)
    return tuple(
        failure
        for model, failure in found.items()
        if not _has_recovered(gateway, master, model, since=since, until=until)
    )


def _has_recovered(
    gateway: GatewayClient, master: Secret, model: str, *, since: datetime, until: datetime
) -> bool:
    """True if the newest request of a model group succeeded."""
    body = _fetch_page(gateway, master, since=since, until=until, page_size=1, model_group=model)
    return bool(body.logs) and body.logs[0].ok


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A page, as it came and parsed, and LiteLLM's count of all rows, if it counted to the end."""

    rows: list[Any]
    logs: tuple[SpendLog, ...]
    total: int
    is_capped: bool


def _fetch_page(
    gateway: GatewayClient,
    master: Secret,
    *,
    since: datetime,
    until: datetime,
    **filters: str | int,
) -> _Page:
    """One page of spend logs, newest first.

    LiteLLM compares whole seconds, so the period is widened to them.
    """
    params: dict[str, str | int] = {
        "start_date": since.astimezone(UTC).strftime(_WHOLE_SECONDS),
        "end_date": _format_end(until),
        **filters,
    }
    body = gateway.call("GET", PATH, key=master, role="master", params=params)
    with gateway.expecting("spend logs"):
        rows = rows_of(body, "data")
        return _Page(
            rows=rows,
            logs=tuple(map(_parse_log, rows)),
            total=int(body.get("total") or 0),
            is_capped=bool(body.get("total_is_capped")),
        )


def _format_end(until: datetime) -> str:
    return (until.astimezone(UTC) + timedelta(seconds=1)).strftime(_WHOLE_SECONDS)


def _parse_failure(row: Mapping[str, Any]) -> FailedRequest:
    metadata = row.get("metadata")
    error = metadata.get("error_information") if isinstance(metadata, dict) else None
    return FailedRequest(
        model=_parse_log(row).model,
        provider=str((error or {}).get("llm_provider") or ""),
        kind=str((error or {}).get("error_class") or ""),
        message=str((error or {}).get("error_message") or ""),
    )


def _parse_log(row: Mapping[str, Any]) -> SpendLog:
    found = row.get("metadata")
    metadata: Mapping[str, Any] = found if isinstance(found, dict) else {}
    start, end = parse_time(row.get("startTime")), parse_time(row.get("endTime"))
    tags = row.get("request_tags")
    noted = metadata.get("spend_logs_metadata")
    noted = noted if isinstance(noted, dict) else {}
    ok = row.get("status") in (None, "success")
    cached = ok and str(row.get("cache_hit")).lower() == "true"
    called = ok and not cached and bool(row.get("model_group"))
    return SpendLog(
        call_id=str(row.get("litellm_call_id") or row.get("request_id") or ""),
        trace_id=str(row.get("session_id") or "") or None,
        model=str(row.get("model_group") or row.get("model") or "") or None,
        key_alias=str(metadata.get("user_api_key_alias") or "") or None,
        key_hash=str(row.get("api_key") or "") or None,
        tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
        prompt_tokens=int(row.get("prompt_tokens") or 0),
        completion_tokens=int(row.get("completion_tokens") or 0),
        total_tokens=int(row.get("total_tokens") or 0),
        cost=None if row.get("spend") is None else float(row["spend"]),
        ok=ok,
        cached=cached,
        deployment=str(row.get("model") or "") or None if called else None,
        guardrail="" if ok else find_guardrail_of_log(dict(metadata)),
        start=start,
        seconds=(end - start).total_seconds() if start and end else None,
        call_type=row.get("call_type") or None,
        response_id=row.get("request_id") or None,
        retries=int(metadata.get("attempted_retries") or 0),
        fallbacks=int(metadata.get("attempted_fallbacks") or 0),
        # Written by litellm_callbacks.py.
        sampled=noted.get("trace_sampled") is not False,
        asked=str(noted.get("asked_model") or "") or None,
    )
