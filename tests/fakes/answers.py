"""What LiteLLM and Phoenix say about their health, and clients that hear it."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from tests.fakes.litellm import FakeLiteLLM

READINESS = "http://127.0.0.1:4000/health/readiness"
HEALTHZ = "http://127.0.0.1:6006/healthz"
PHOENIX_VERSION = {"x-phoenix-server-version": "20.26.1"}
Answer = Callable[[httpx.Request], httpx.Response]


def litellm_ready(_request: httpx.Request | None = None) -> httpx.Response:
    return httpx.Response(200, json={"status": "healthy", "db": "connected"})


def litellm_without_database(_request: httpx.Request | None = None) -> httpx.Response:
    return httpx.Response(200, json={"status": "healthy", "db": "Not connected"})


def phoenix_ready(_request: httpx.Request | None = None) -> httpx.Response:
    return httpx.Response(200, headers=PHOENIX_VERSION)


def nobody(_request: httpx.Request | None = None) -> httpx.Response:
    raise httpx.ConnectError("[Errno 111] Connection refused")


def healthy_stack(fake: FakeLiteLLM | None = None) -> FakeLiteLLM:
    """LiteLLM and Phoenix, both ready, behind one transport."""
    fake = fake or FakeLiteLLM()
    fake.planted["/health/readiness"] = litellm_ready
    fake.phoenix = phoenix_ready
    return fake


def silent_stack() -> FakeLiteLLM:
    """Nobody answers anywhere."""
    fake = FakeLiteLLM(phoenix=nobody)
    for path in ("/health/readiness", "/key/list", "/key/generate", "/key/info"):
        fake.planted[path] = nobody
    return fake
