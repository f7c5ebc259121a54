from __future__ import annotations

import threading

import httpx
import pytest

from gatewayctl.runtimes.docker.states import PROJECT, SERVICE
from gatewayctl.runtimes.metering.containers import ContainerMeter
from tests.fakes.http_server import listening

NAMES = ("litellm", "phoenix", "postgres-litellm")


def test_the_containers_of_the_project_are_asked_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = threading.Barrier(len(NAMES))
    others = {"Id": "other", "Labels": {PROJECT: "another", SERVICE: "litellm"}}
    own = [{"Id": name, "Labels": {PROJECT: "shop", SERVICE: name}} for name in NAMES]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/containers/json":
            return httpx.Response(200, json=[others, *own, {"Id": "bare", "Labels": None}])
        if request.url.path.endswith("/stats"):
            # Each waits for the others, as for the engine's next sample.
            asked.wait(timeout=5)
            usage = {"cpu_usage": {"total_usage": 2e9}}
            return httpx.Response(
                200, json={"cpu_stats": usage, "memory_stats": {"stats": {"anon": 1000}}}
            )
        return httpx.Response(404)

    with listening(answer) as port:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        meter = ContainerMeter("shop")
        found = meter.read()

    assert meter.unavailable == ""
    assert {
        name: (each.cpu_seconds, each.memory_bytes) for name, each in found.items()
    } == dict.fromkeys(NAMES, (2.0, 1000))
