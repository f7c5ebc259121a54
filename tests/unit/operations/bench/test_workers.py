"""The upstream and the load generator as the programs that they are."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from typing import Any

import psutil
import pytest

from gatewayctl.errors import RuntimeProblem
from gatewayctl.operations.bench.parameters import BenchParameters
from gatewayctl.operations.bench.rounds import Endpoint, make_order, send_round
from gatewayctl.operations.bench.workers import start_load, start_upstream

PARENT = """
import json, sys
from gatewayctl.operations.bench.workers import start_load
with start_load() as load:
    print(load._process.pid, flush=True)
    load.ask(json.loads(sys.argv[1]))
"""


def post(port: int, path: str = "/v1/chat/completions", **body: Any) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        content: bytes = answer.read()
        return content


def test_the_upstream_answers_like_openai_with_an_id_of_its_own_each_time() -> None:
    with start_upstream(
        ("127.0.0.1", "192.0.2.1"), latency_ms=1, tokens=3, tokens_per_second=1000
    ) as (worker, port):
        one, two = (json.loads(post(port, model="m")) for _ in range(2))
        streamed = post(port, stream=True, stream_options={"include_usage": True}).decode()
        assert worker.ask({})["requests"] == 3

    assert one["id"] != two["id"]
    assert one["choices"][0]["message"]["content"] == "token token token "
    assert one["usage"]["completion_tokens"] == 3
    assert streamed.count('"content":"token "') == 3
    assert streamed.endswith("data: [DONE]\n\n")
    assert '"usage":{' in streamed


def test_the_load_generator_measures_the_upstream_as_it_was_set() -> None:
    parameters = BenchParameters(concurrency=1, stream=True)
    with (
        start_load() as load,
        start_upstream(("127.0.0.1",), latency_ms=30, tokens=5, tokens_per_second=100) as (_, port),
    ):
        endpoint = Endpoint(url=f"http://127.0.0.1:{port}/v1/chat/completions", model="m")
        found = send_round(
            load, "direct", make_order(endpoint, parameters, requests=5, seconds=None)
        )

    assert found.errors == {}
    assert min(found.ttft) >= 29
    # A first token that is late does not delay the last one.
    assert max(found.chunk) >= 8
    assert min(found.latency) >= 69
    assert found.cpu_seconds > 0


def test_a_program_that_ended_is_reported() -> None:
    with (
        start_load() as load,
        pytest.raises(RuntimeProblem, match="load generator"),
    ):
        load.ask({"url": "not what it expects"})


def test_nothing_is_left_when_the_parent_is_killed_in_the_middle_of_a_round() -> None:
    """A silent server holds the round; only the death of the parent can end it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        order = make_order(
            Endpoint(url=f"http://127.0.0.1:{port}/", model="m"),
            BenchParameters(concurrency=1),
            requests=1,
            seconds=None,
        )
        with subprocess.Popen(
            [sys.executable, "-c", PARENT, json.dumps(order)], stdout=subprocess.PIPE, text=True
        ) as parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            connection, _ = silent.accept()
            parent.kill()
    deadline = time.monotonic() + 20
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    connection.close()
