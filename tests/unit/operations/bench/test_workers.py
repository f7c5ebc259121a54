"""The upstream and the load generator as the programs that they are."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from typing import Any

import httpx
import psutil
import pytest
import trustme

from gatewayctl.errors import RuntimeProblem
from gatewayctl.operations.bench.parameters import BenchParameters
from gatewayctl.operations.bench.rounds import Endpoint, make_order, send_round
from gatewayctl.operations.bench.workers import start_load, start_upstream
from tests.fakes.http_server import listening

PARENT = """
import json, sys
from gatewayctl.operations.bench.workers import start_load, start_upstream
with (
    start_upstream(("127.0.0.1",), latency_ms=0, tokens=2, tokens_per_second=1) as (upstream, _),
    start_load() as load,
):
    print(upstream._process.pid, load._process.pid, flush=True)
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


@pytest.mark.parametrize("is_trusted", [True, False])
def test_https_is_checked_against_the_authorities_of_the_order(is_trusted: bool) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    answer = httpx.Response(200, json={"choices": []})
    with listening(lambda _: answer, certificate=certificate) as port, start_load() as load:
        pem = authority.cert_pem.bytes().decode() if is_trusted else None
        url = f"https://127.0.0.1:{port}/v1/chat/completions"
        order = make_order(
            Endpoint(url=url, model="m", pem=pem),
            BenchParameters(concurrency=1),
            requests=2,
            seconds=None,
        )
        found = send_round(load, "gateway", order)

    assert (len(found.latency), found.errors) == ((2, {}) if is_trusted else (0, {"connection": 2}))


def test_a_program_that_ended_is_reported_and_its_last_words_are_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")

    with pytest.raises(RuntimeProblem, match="load generator"), start_load() as load:
        load.ask({"not": "what it expects"})

    assert "load generator of the benchmark: KeyError: 'url'" in caplog.text


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
            children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
            connection, _ = silent.accept()
            parent.kill()
    deadline = time.monotonic() + 20
    while any(is_alive(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    connection.close()


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
