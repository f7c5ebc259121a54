"""Spans back from Phoenix: find them, wait for them.

Owns the shape of Phoenix's REST answers. «None yet» and «could not look» are never mixed
up: the first is an empty tuple, the second PhoenixUnreachable. Must not know what the
spans should prove.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import quote

import httpx

from gatewayctl.errors import PhoenixUnreachable
from gatewayctl.tracing.health import VERSION_HEADER

_TIMEOUT: Final = httpx.Timeout(10, connect=2)
Params = list[tuple[str, str | int | float | bool | None]]
_PAGE_SIZE: Final = 1000
"""The most Phoenix gives at once."""


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
    """Which spans: every condition given must hold.

    ``attributes`` maps dotted names to values; lists cannot be matched. ``roots`` asks for
    spans without a parent. ``limit`` counts spans, newest first; None is all.
    """

    trace_id: str | None = None
    span_id: str | None = None
    kind: str | None = None
    name: str | None = None
    attributes: Mapping[str, str | int | float | bool] = field(
        default_factory=lambda: MappingProxyType({})
    )
    since: datetime | None = None
    until: datetime | None = None
    roots: bool = False
    limit: int | None = None

    def params(self) -> Params:
        """The query string; a string value is quoted where it could be read as a number."""
        named = {
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "span_kind": self.kind,
            "name": self.name,
            "start_time": None if self.since is None else self.since.isoformat(),
            "end_time": None if self.until is None else self.until.isoformat(),
            "parent_id": "null" if self.roots else None,
        }
        asked: Params = [(key, value) for key, value in named.items() if value is not None]
        # JSON text is unambiguous: Phoenix parses each value and falls back to a string.
        asked += [("attribute", f"{key}:{json.dumps(v)}") for key, v in self.attributes.items()]
        size = _PAGE_SIZE if self.limit is None else min(self.limit, _PAGE_SIZE)
        return [*asked, ("limit", str(size))]


class SpanStore:
    """Phoenix at one address, read through the process's own HTTP client."""

    def __init__(self, http: httpx.Client, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/")

    def find(self, project: str, query: SpanQuery) -> tuple[Span, ...]:
        """The spans that match, newest first; none where the project does not exist yet.

        Raises PhoenixUnreachable for everything that is no answer of Phoenix.
        """
        found: list[Span] = []
        cursor: str | None = None
        while True:
            page: Params = [("cursor", cursor)] if cursor else []
            body = self._page(project, query.params() + page)
            if body is None:
                return ()
            found += [_span(row) for row in body["data"]]
            cursor = body.get("next_cursor")
            if not cursor or (query.limit is not None and len(found) >= query.limit):
                return tuple(found[: query.limit])

    def _page(self, project: str, params: Params) -> dict[str, Any] | None:
        path = f"/v1/projects/{quote(project, safe='')}/spans"
        try:
            response = self._http.get(f"{self._url}{path}", params=params, timeout=_TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PhoenixUnreachable(
                f"Phoenix does not answer at {self._url} ({type(error).__name__})."
            ) from None
        if VERSION_HEADER not in response.headers:
            raise PhoenixUnreachable(f"Something else than Phoenix answers at {self._url}.")
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise PhoenixUnreachable(
                f"Phoenix at {self._url} cannot say which spans it has"
                f" (HTTP {response.status_code}: {response.text[:200]}).",
                hint="See `gatewayctl logs phoenix`.",
            )
        return self._parsed(response)

    def _parsed(self, response: httpx.Response) -> dict[str, Any]:
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            raise PhoenixUnreachable(f"Phoenix at {self._url} answered without spans.")
        return body


def _span(row: Mapping[str, Any]) -> Span:
    return Span(
        trace_id=row["context"]["trace_id"],
        span_id=row["context"]["span_id"],
        parent_id=row.get("parent_id") or None,
        name=row.get("name") or "",
        kind=row.get("span_kind") or "UNKNOWN",
        status=row.get("status_code") or "UNSET",
        status_message=row.get("status_message") or "",
        attributes=MappingProxyType(dict(row.get("attributes") or {})),
        start=_moment(row["start_time"]),
        end=_moment(row["end_time"]),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to look, and how long to rest between two looks; in seconds."""

    timeout: float = 30
    interval: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """What waiting came to.

    ``found``: the spans are enough. ``none``: Phoenix answered to the last, and they were
    not. ``unknown``: the last look failed, so nothing can be said. ``seconds`` it took.
    """

    state: Literal["found", "none", "unknown"]
    spans: tuple[Span, ...]
    seconds: float
    failure: PhoenixUnreachable | None = None


def wait_for(
    look: Callable[[], tuple[Span, ...]],
    enough: Callable[[tuple[Span, ...]], bool],
    *,
    patience: Patience,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Generator[tuple[Span, ...], None, Waited]:
    """Look until the spans are enough or the time is up; yields what each look found.

    Looks at least once. A look that fails is tried again: Phoenix may be starting.
    """
    began = clock()
    spans: tuple[Span, ...] = ()
    while True:
        failure: PhoenixUnreachable | None = None
        try:
            spans = look()
        except PhoenixUnreachable as error:
            failure = error
        seconds = clock() - began
        if failure is None and enough(spans):
            return Waited(state="found", spans=spans, seconds=seconds)
        if seconds >= patience.timeout:
            state: Literal["none", "unknown"] = "none" if failure is None else "unknown"
            return Waited(state=state, spans=spans, seconds=seconds, failure=failure)
        yield spans
        sleep(min(patience.interval, patience.timeout - seconds))
