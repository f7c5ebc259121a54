"""`bench` on the real embedded stack: its figures, what it leaves, and a gateway that got slower.

Only the last test depends on time: five milliseconds in the gateway are found on a machine that
does nothing else, and the same gateway is no alarm on any.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, own_stack

SHORT = ("--requests", "40", "--rounds", "4", "--no-usage")
SLEEPING = """
import asyncio
from litellm.integrations.custom_logger import CustomLogger

class Sleeping(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        await asyncio.sleep(0.005)
        return data

hook = Sleeping()
"""


@pytest.fixture(scope="module")
def measured(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """A stack of its own: others must not work on it while it is measured."""
    with own_stack(tmp_path_factory.mktemp("bench") / "shop") as project:
        done = project.run("up", "--json")
        assert done.returncode == 0, done.stderr
        yield project


def run_bench(project: Project, *words: str) -> tuple[int, dict[str, Any]]:
    done = project.run("bench", *words, "--json", timeout=600)
    document = json.loads(done.stdout)
    assert "data" in document, document
    data: dict[str, Any] = document["data"]
    return done.returncode, data


def find_left_over(project: Project) -> list[str]:
    """Names of models and keys of a benchmark that the gateway has."""
    models = json.loads(project.run("models", "list", "--json").stdout)["data"]["models"]
    keys = json.loads(project.run("keys", "list", "--json").stdout)["data"]["keys"]
    names = [str(model["model"]) for model in models] + [str(key["alias"]) for key in keys]
    return [name for name in names if name.startswith("gatewayctl-bench")]


def test_it_reports_overhead_throughput_and_the_cost_of_each_service(measured: Project) -> None:
    code, data = run_bench(measured, "--requests", "60", "--rounds", "4")

    assert code == 0
    assert data["overhead_ms"]["p50"] > 1
    assert data["gateway_reported_ms"]["p50"] > 0
    assert data["rps"] > 0
    assert data["error_rate"] == 0
    assert set(data["cpu_ms_per_request"]) == {"litellm", "phoenix", "postgres"}
    assert data["cpu_ms_per_request"]["litellm"] > 2
    assert data["services"]["litellm"]["memory_peak_bytes"] > 100 * 2**20
    assert data["settle_seconds"] >= 15
    assert find_left_over(measured) == []


def test_streams_and_an_open_loop_are_measured(measured: Project) -> None:
    code, data = run_bench(measured, *SHORT, "--stream", "--rate", "10")

    assert code == 0
    assert data["gateway"]["ttft_ms"]["p50"] > data["direct"]["ttft_ms"]["p50"]
    assert data["chunk_overhead_ms"]["p50"] is not None


def test_what_a_killed_one_left_is_removed_by_the_next(measured: Project) -> None:
    running = measured.start("bench", *SHORT, "--requests", "400")
    deadline = time.monotonic() + 60
    while not find_left_over(measured) and time.monotonic() < deadline:
        time.sleep(0.2)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    assert find_left_over(measured)

    code, _ = run_bench(measured, *SHORT)

    assert code == 0
    assert find_left_over(measured) == []


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_the_same_gateway_is_no_alarm_and_five_milliseconds_more_are_found(
    measured: Project,
) -> None:
    run_bench(measured, "--no-usage", "--save", "before")
    same = [run_bench(measured, "--no-usage", "--against", "before") for _ in range(20)]
    add_sleep(measured.folder)
    assert measured.run("up", "--json").returncode == 0
    slower = [run_bench(measured, "--no-usage", "--against", "before") for _ in range(5)]

    alarms = [data["comparison"] for code, data in same if code == 7]
    missed = [data["comparison"] for code, data in slower if code != 7]
    changes = [round(data["comparison"]["change_percent"], 1) for _, data in same + slower]
    assert len(alarms) <= 1, changes
    assert missed == [], changes


def add_sleep(folder: Path) -> None:
    """Let LiteLLM sleep before each call, by a hook of the operator's own."""
    (folder / "sleeping.py").write_text(SLEEPING)
    config = folder / "gateway.yaml"
    added = "\nlitellm:\n  litellm_settings:\n    callbacks: [sleeping.hook]\n"
    config.write_text(config.read_text() + added)
