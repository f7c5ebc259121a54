"""Reads spans from Phoenix's REST API.

Owns the format of its answers. «No spans yet» is an empty tuple, «could not read» is
PhoenixUnreachable. Must not know what the spans are expected to contain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

import httpx

from gatewayctl.errors import PhoenixUnreachable
from gatewayctl.settings.masking import strip_keys
from gatewayctl.settings.model import PHOENIX_PROJECT
from gatewayctl.tracing.phoenix import explain_failure, request_phoenix
from gatewayctl.transport import TransportFailure, parse_json

Params = list[tuple[str, str | int | float | bool | None]]
_PAGE_SIZE: Final = 1000
"""The maximum of Phoenix per request. It cannot leave out attributes, such as long prompts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span as Phoenix stores it; times in UTC, attributes flat by dotted name.

    ``kind`` is OpenInference's (LLM, CHAIN, … UNKNOWN), ``status`` OK, ERROR or UNSET.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    status: str
    status_message: str
    attributes: Mapping[str, Any]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanQuery:
    """Which spans: all given conditions must hold.

    ``attributes`` maps dotted names to values; lists cannot be matched. ``limit`` is the maximum
    number of spans, newest first; None for all. ``since`` and ``before`` are about their start.
    ``trace_ids`` and ``statuses``: one of them. Phoenix releases that cannot filter by status send
    spans of any.
    """

    trace_ids: tuple[str, ...] = ()
    kind: str | None = None
    statuses: tuple[str, ...] = ()
    attributes: Mapping[str, str | int | float | bool] = field(
        default_factory=lambda: MappingProxyType({})
    )
    since: datetime | None = None
    before: datetime | None = None
    limit: int | None = None

    def params(self, page_size: int = _PAGE_SIZE) -> Params:
        """The query string; a string value is quoted where it could be read as a number."""
        params: Params = [("trace_id", each) for each in self.trace_ids]
        params += [("status_code", each) for each in self.statuses]
        named = {
            "span_kind": self.kind,
            "start_time": None if self.since is None else self.since.isoformat(),
            "end_time": None if self.before is None else self.before.isoformat(),
        }
        params += [(key, value) for key, value in named.items() if value is not None]
        # JSON is unambiguous: Phoenix parses each value and falls back to a string.
        params += [("attribute", f"{key}:{json.dumps(v)}") for key, v in self.attributes.items()]
        size = page_size if self.limit is None else min(self.limit, page_size)
        return [*params, ("limit", str(size))]


class SpanStore:
    """Phoenix at one address, read through the process's own HTTP client."""

    def __init__(
        self,
        http: httpx.Client,
        url: str,
        *,
        project: str = PHOENIX_PROJECT,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._headers = headers
        self._page_size = _PAGE_SIZE
        self.project = project

    def find(self, project: str, query: SpanQuery) -> tuple[Span, ...]:
        """Return the matching spans, newest first; none if the project does not exist yet.

        Raises PhoenixUnreachable for everything that is not an answer of Phoenix.
        """
        return tuple(self.iterate(project, query))

    def iterate(self, project: str, query: SpanQuery) -> Iterator[Span]:
        """Yield the same spans page by page, for those who do not keep them."""
        return islice(self._iterate_pages(project, query), query.limit)

    def _iterate_pages(self, project: str, query: SpanQuery) -> Iterator[Span]:
        before: set[tuple[str, str]] = set()
        cursor: str | None = None
        while True:
            body = self._get_page(project, query, cursor)
            if body is None:
                return
            spans = self._parse_page(body)
            found = {(span.trace_id, span.span_id) for span in spans}
            if not found - before:
                # A page that only repeats spans would be followed by others without end.
                return
            yield from spans
            before, cursor = found, body.get("next_cursor")
            if not cursor:
                return

    def _get_page(
        self, project: str, query: SpanQuery, cursor: str | None
    ) -> dict[str, Any] | None:
        """One page; once one is too long or takes too long, the next ones are half as large.

        In its place comes its first span alone, without which Phoenix does not answer at all.
        """
        size = min(query.limit or self._page_size, self._page_size)
        try:
            return self._ask(project, query, cursor, size)
        except TransportFailure as failure:
            if size == 1 or failure.kind not in {"timeout", "too_long"}:
                raise self._explain(failure) from None
        self._page_size = size // 2
        try:
            return self._ask(project, query, cursor, 1)
        except TransportFailure as failure:
            raise self._explain(failure) from None

    def _explain(self, failure: TransportFailure) -> PhoenixUnreachable:
        if failure.kind != "too_long":
            return explain_failure(failure, self._url)
        return PhoenixUnreachable(
            f"Phoenix at {self._url} has a span that cannot be read ({failure.detail}).",
            hint="Leave its call out with --since, or delete its trace in Phoenix.",
        )

    def _ask(
        self, project: str, query: SpanQuery, cursor: str | None, size: int
    ) -> dict[str, Any] | None:
        path = f"/v1/projects/{quote(project, safe='')}/spans"
        params = query.params(size) + ([("cursor", cursor)] if cursor else [])
        answer = request_phoenix(
            self._http, "GET", self._url, path, headers=self._headers, params=params
        )
        if answer.status == 404:
            return None
        if answer.status != 200:
            said = strip_keys(answer.body.decode("utf-8", "replace"))[:200]
            raise PhoenixUnreachable(
                f"Phoenix at {self._url} could not list its spans (HTTP {answer.status}: {said}).",
                hint="See `gatewayctl logs phoenix`.",
            )
        body = parse_json(answer.body)
        if not isinstance(body, dict):
            raise self._no_spans()
        return body

    def _parse_page(self, body: Mapping[str, Any]) -> list[Span]:
        rows = body.get("data")
        if not isinstance(rows, list):
            raise self._no_spans()
        try:
            return [_parse_span(row) for row in rows]
        except (AttributeError, LookupError, TypeError, ValueError):
            raise self._no_spans() from None

    def _no_spans(self) -> PhoenixUnreachable:
        return PhoenixUnreachable(f"Phoenix at {self._url} answered without spans.")


def _parse_span(row: Mapping[str, Any]) -> Span:
    return Span(
        trace_id=str(row["context"]["trace_id"]),
        span_id=str(row["context"]["span_id"]),
        parent_id=str(row.get("parent_id") or "") or None,
        name=str(row.get("name") or ""),
        kind=str(row.get("span_kind") or "UNKNOWN"),
        status=str(row.get("status_code") or "UNSET"),
        status_message=str(row.get("status_message") or ""),
        attributes=MappingProxyType(dict(row.get("attributes") or {})),
        start=_parse_utc(row["start_time"]),
        end=_parse_utc(row["end_time"]),
    )


def _parse_utc(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
