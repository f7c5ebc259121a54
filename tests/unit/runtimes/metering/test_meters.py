from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.metering.choose import open_meter
from gatewayctl.runtimes.metering.containers import ContainerMeter, find_bridge, parse_stats
from gatewayctl.runtimes.metering.processes import ProcessMeter
from gatewayctl.runtimes.registry import ResolvedRuntime
from tests.fakes.http_server import listening
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime

BURN = """
import subprocess, sys, time
{child}
end = time.process_time() + {seconds}
while time.process_time() < end:
    pass
"""


def measuring(pid: int) -> ProcessMeter:
    runtime = FakeRuntime(processes={"litellm": "running"}, services=("litellm",))
    runtime.pids = {"litellm": pid}
    return ProcessMeter(runtime)


def test_a_service_includes_its_children_also_those_that_have_ended() -> None:
    child = f"subprocess.run([sys.executable, '-c', {BURN.format(child='', seconds=0.3)!r}])"
    script = BURN.format(child=child, seconds=0.1) + "print(flush=True)\nsys.stdin.read()\n"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        found = measuring(running.pid).read()["litellm"]
        assert running.stdin is not None
        running.stdin.close()

    assert found.cpu_seconds >= 0.38
    assert 2**20 < found.memory_bytes < 2**30


def test_a_service_that_does_not_run_is_left_out() -> None:
    runtime = FakeRuntime(processes={"litellm": "stopped"}, services=("litellm",))

    assert "phoenix" not in ProcessMeter(runtime).read()


@pytest.mark.parametrize(
    ("stats", "memory"),
    [
        ({"anon": 70, "file": 900}, 70),
        ({"total_rss": 60, "cache": 900, "rss": 50}, 60),
        ({}, 1000),
    ],
)
def test_the_engine_s_figures_of_both_versions_of_control_groups_are_read(
    stats: dict[str, int], memory: int
) -> None:
    body = {
        "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
        "memory_stats": {"usage": 1000, "stats": stats},
    }

    found = parse_stats(body)

    assert found is not None
    assert (found.cpu_seconds, found.memory_bytes) == (2.5, memory)


STATS = {"cpu_stats": {"cpu_usage": {"total_usage": 1e9}}, "memory_stats": {"usage": 7}}
LABELS = {"com.docker.compose.project": "shop", "com.docker.compose.service": "litellm"}


def test_the_containers_of_the_project_are_measured_and_the_bridge_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = {**LABELS, "com.docker.compose.service": "phoenix"}
    other = {**LABELS, "com.docker.compose.project": "other"}
    answers = {
        "/networks/bridge": {"IPAM": {"Config": [{"Gateway": "172.17.0.1"}]}},
        "/containers/json": [
            {"Id": "1", "Labels": LABELS},
            {"Id": "2", "Labels": gone},
            {"Id": "3", "Labels": other},
            {"Id": "4", "Labels": None},
        ],
        "/containers/1/stats": STATS,
        "/containers/3/stats": STATS,
    }

    def engine(request: httpx.Request) -> httpx.Response:
        body = answers.get(request.url.path)
        return httpx.Response(404) if body is None else httpx.Response(200, json=body)

    with listening(engine) as port:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        meter = ContainerMeter("shop")
        found = meter.read()

    assert {name: usage.memory_bytes for name, usage in found.items()} == {"litellm": 7}
    assert meter.addresses == ("127.0.0.1", "172.17.0.1")
    assert meter.unavailable == ""


def test_a_bridge_without_a_reported_address_is_asked_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An engine that was installed a moment ago answers so."""
    loopback = next(name for name in psutil.net_if_addrs() if name.startswith("lo"))
    bridge = {
        "IPAM": {"Config": [{"Subnet": "172.17.0.0/16"}]},
        "Options": {"com.docker.network.bridge.name": loopback},
    }
    with listening(lambda _: httpx.Response(200, json=bridge)) as port:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{port}")
        found = find_bridge(engine.endpoint())
        bridge["Options"] = {}
        unknown = find_bridge(engine.endpoint())

    assert (found, unknown) == (("127.0.0.1",), ())


@pytest.mark.parametrize("body", [None, {}, [], {"cpu_stats": {}}, {"cpu_stats": None}])
def test_an_answer_without_figures_is_none(body: Any) -> None:
    assert parse_stats(body) is None


def test_services_elsewhere_are_not_measured_and_it_says_why(tmp_path: Path) -> None:
    settings = project(tmp_path)
    resolved = ResolvedRuntime(name="external", why="", runtime=FakeRuntime())

    with open_meter(settings, resolved) as meter:
        assert meter.read() == {}
        assert "operate" in meter.unavailable


def test_the_embedded_services_reach_this_machine_by_loopback(tmp_path: Path) -> None:
    resolved = ResolvedRuntime(name="embedded", why="", runtime=FakeRuntime())

    with open_meter(project(tmp_path), resolved) as meter:
        found = (meter.host, meter.addresses, meter.unavailable)

    assert found == ("127.0.0.1", ("127.0.0.1",), "")
