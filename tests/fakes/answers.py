"""Health answers of LiteLLM and Phoenix, and clients that get them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import respx

from tests.fakes.litellm import FakeLiteLLM
from tests.fakes.phoenix_policy import PHOENIX_HEADERS, FakePolicy

READINESS = "http://127.0.0.1:4000/health/readiness"
HEALTHZ = "http://127.0.0.1:6006/healthz"
POLICIES = "http://127.0.0.1:6006/graphql"
REFUSED = httpx.ConnectError("[Errno 111] Connection refused")


def litellm_ready(_request: httpx.Request | None = None) -> httpx.Response:
    return httpx.Response(200, json={"status": "healthy", "db": "connected"})


def litellm_without_database(_request: httpx.Request | None = None) -> httpx.Response:
    """LiteLLM's answer if no database is configured: 200, and «healthy»."""
    return httpx.Response(200, json={"status": "healthy", "db": "Not connected"})


def phoenix_ready(_request: httpx.Request | None = None) -> httpx.Response:
    return httpx.Response(200, headers=PHOENIX_HEADERS)


def refuse_connection(_request: httpx.Request | None = None) -> httpx.Response:
    raise REFUSED


@contextmanager
def answers(
    litellm: list[httpx.Response | Exception] | None = None,
    phoenix: list[httpx.Response | Exception] | None = None,
) -> Iterator[httpx.Client]:
    """A client that gets these answers of each service in turn, then repeats the last one."""
    with respx.mock(assert_all_called=False) as router:
        router.get(READINESS).mock(side_effect=_repeat_last(litellm or [litellm_ready()]))
        router.get(HEALTHZ).mock(side_effect=_repeat_last(phoenix or [phoenix_ready()]))
        router.get(url__startswith=POLICIES).mock(side_effect=FakePolicy().answer)
        with httpx.Client(transport=httpx.MockTransport(router.handler)) as http:
            yield http


def _repeat_last(
    outcomes: list[httpx.Response | Exception],
) -> Iterator[httpx.Response | Exception]:
    yield from outcomes
    while True:
        yield outcomes[-1]


def silent_stack() -> FakeLiteLLM:
    """A stack that refuses every connection."""
    fake = FakeLiteLLM(phoenix=refuse_connection)
    for path in ("/health/readiness", "/healthz", "/key/list", "/key/generate", "/key/info"):
        fake.planted[path] = refuse_connection
    return fake
