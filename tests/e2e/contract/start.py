"""The first part of the contract: nothing runs, the stack starts, and it is inspected."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any, ClassVar
from urllib.parse import urlsplit

import psutil
import pytest

from tests.e2e.canaries import Canaries, Watch
from tests.e2e.contract.asking import (
    changed,
    eventually,
    refusal,
    secrets_of,
)
from tests.e2e.contract.hands import NOWHERE, ContractStack

STATUS = {
    *("project", "runtime", "runtime_why", "healthy"),
    *("services", "keys", "gateway_url", "phoenix_url"),
}
SERVICE = {"service", "state", "health", "version", "address", "uptime", "pid", "detail"}
REFUSED = {
    ("up", "--no-such-option"): 2,
    ("logs", "--since", "nonsense"): 2,
    ("down", "--volumes"): 2,
    ("reset",): 2,
    ("logs", "no-such-service"): 4,
    ("restart", "no-such-service"): 4,
    ("chat", "--model", "no-such-model", "Hello"): 6,
}
STARTED_WITHIN = 180


class StartContract:
    """The stack, and what holds before anything of it was changed."""

    stack: ClassVar[type[ContractStack]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Parametrize a test that requests a ``service`` with each service."""
        if "service" in metafunc.fixturenames:
            metafunc.parametrize("service", self.stack.services)

    @pytest.fixture(scope="class")
    @classmethod
    def it(
        cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[ContractStack]:
        """The project, running or not."""
        for name in cls.stack.fixtures:
            request.getfixturevalue(name)
        made = cls.stack.make(tmp_path_factory.mktemp("contract"))
        try:
            yield made
        finally:
            made.clear()

    @pytest.fixture
    def running(self, it: ContractStack) -> ContractStack:
        """The project with its stack running; started here if no earlier test did."""
        if not it.leftovers():
            it.project.ok("up")
        return it

    # Nothing runs.

    def test_status_of_a_stack_that_never_ran_is_stopped(self, it: ContractStack) -> None:
        done = it.project.run("status", "--json")

        document = json.loads(done.stdout)
        assert (done.returncode, document["status"]) == (4, "partial")
        assert document["error"]["code"] == "not_healthy"
        assert document["data"]["healthy"] is False
        assert tuple(s["service"] for s in document["data"]["services"]) == it.services
        assert {s["health"] for s in document["data"]["services"]} == {"stopped"}

    def test_down_of_a_stack_that_never_ran_changes_nothing(self, it: ContractStack) -> None:
        report = it.project.data("down")

        assert (report["stopped"], report["data_removed"], report["changed"]) == ([], False, False)

    def test_a_gateway_that_is_down_is_unreachable_not_refused(self, it: ContractStack) -> None:
        key = "sk-0123456789abcdef0123"

        exit_code, code, _ = refusal(it, "chat", "--model", "demo", "Hello?", LITELLM_API_KEY=key)

        assert (exit_code, code) == (5, "gateway_unreachable")

    @pytest.mark.parametrize("key", ["sk-1234", "a" * 40])
    def test_a_weak_master_key_stops_up_before_anything_starts(
        self, it: ContractStack, key: str
    ) -> None:
        exit_code, code, _ = refusal(it, "up", LITELLM_MASTER_KEY=key)

        assert (exit_code, code) == (3, "master_key_weak")
        assert it.leftovers() == []

    def test_a_used_port_is_reported_with_its_process_before_anything_starts(
        self, it: ContractStack
    ) -> None:
        port = it.project.ports["litellm"]
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen()

            exit_code, code, message = refusal(it, "up")

        assert (exit_code, code) == (4, "port_taken")
        assert str(port) in message
        assert f"pid {os.getpid()}" in message
        assert "ports.litellm" in message
        assert it.leftovers() == []

    # The stack is started.

    def test_an_interrupted_up_locks_out_others_and_leaves_nothing(self, it: ContractStack) -> None:
        up = it.project.start("up")
        begun = eventually(lambda: it.reports()["litellm"]["state"] != "stopped", STARTED_WITHIN)
        exit_code, code, message = refusal(it, "down")

        up.send_signal(signal.SIGINT)
        _, err = up.communicate(timeout=STARTED_WITHIN)

        assert begun, err
        assert (exit_code, code) == (4, "locked")
        assert str(up.pid) in message
        assert up.returncode == 130, err
        assert eventually(lambda: it.leftovers() == [])

    def test_up_starts_everything_and_creates_the_keys_with_no_secret_on_a_command_line(
        self, it: ContractStack
    ) -> None:
        found = Canaries(values={})
        with Watch(canaries=found) as watch:
            report = it.project.data("up")
            found.values |= secrets_of(it)

        assert (report["runtime"], report["changed"]) == (it.runtime, True)
        assert sorted(report["started"]) == sorted(it.services)
        assert {key["status"] for key in report["keys"]["keys"]} == {"created"}
        assert len(found.values) >= 7
        assert watch.scans > 50
        assert [hit for hit in found.hits if not any(t in hit for t in it.tolerated)] == []

    def test_a_second_up_changes_nothing_and_reports_that(self, running: ContractStack) -> None:
        before = running.pids()

        output = running.project.ok("up")

        assert "Nothing changed" in output
        assert changed(before, running.pids()) == set()

    def test_a_lost_salt_key_is_recovered_from_the_running_gateway(
        self, running: ContractStack
    ) -> None:
        before, key = running.pids(), running.project.secrets()["LITELLM_SALT_KEY"]
        running.lose("LITELLM_SALT_KEY")

        report = running.project.data("up")

        assert running.project.secrets()["LITELLM_SALT_KEY"] == key
        assert "recovered from LiteLLM" in report["warnings"][0]
        assert changed(before, running.pids()) == set()

    # The stack is inspected.

    def test_status_reports_every_service(self, running: ContractStack) -> None:
        status = running.project.data("status")

        assert set(status) >= STATUS
        assert (status["runtime"], status["healthy"]) == (running.runtime, True)
        assert tuple(s["service"] for s in status["services"]) == running.services
        for service in status["services"]:
            assert set(service) >= SERVICE
            assert (service["state"], service["health"]) == ("running", "healthy"), service
            assert service["version"]
            assert bool(service["address"]) == (service["service"] not in running.unpublished)
            assert service["uptime"] > 0
            assert (service["pid"] is not None) is running.reports_pids
            assert service["pid"] is None or psutil.pid_exists(service["pid"])
        assert {key["alias"] for key in status["keys"]} == {"litellm-dev", "litellm-eval"}
        assert status["gateway_url"] == running.project.gateway_url
        assert status["phoenix_url"] == running.project.phoenix_url

    def test_a_chat_is_answered(self, running: ContractStack) -> None:
        output = running.project.ok(
            "chat", "--component", "passthrough", "--model", "demo", "Hello"
        )

        assert "demo model of the gateway" in output

    def test_a_connection_that_is_idle_for_some_seconds_is_kept(
        self, running: ContractStack
    ) -> None:
        """httpx, and so OpenAI's SDK, uses one again for up to five seconds."""
        url = urlsplit(running.project.gateway_url)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=30)
        connection.connect()
        opened = connection.sock

        for pause in (0, 7):
            time.sleep(pause)
            connection.request("GET", "/health/liveliness")
            assert connection.getresponse().read()

        assert connection.sock is opened
        connection.close()

    def test_services_reach_each_other_without_the_proxy_that_providers_need(
        self, running: ContractStack
    ) -> None:
        report = running.project.data("chat", "--model", "demo", "--verify", "Hello")

        assert report["verified"]
        shown = running.shown("litellm")
        assert f"HTTPS_PROXY={NOWHERE}" in shown
        assert "NO_PROXY=localhost,127.0.0.1,::1" in shown

    def test_a_refused_command_has_its_exit_code_and_changes_nothing(
        self, running: ContractStack
    ) -> None:
        before = running.pids()

        done = {words: running.project.run(*words) for words in REFUSED}

        assert {words: each.returncode for words, each in done.items()} == REFUSED
        assert {each.stdout for each in done.values()} == {""}
        assert not any("Traceback" in each.stderr for each in done.values())
        assert changed(before, running.pids()) == set()

    def test_logs_are_limited_by_number_by_service_and_by_time(
        self, running: ContractStack
    ) -> None:
        def lines(*words: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = running.project.data("logs", *words)["lines"]
            return found

        last = lines("--tail", "2")
        counts = {name: [s["service"] for s in last].count(name) for name in running.services}
        assert set(counts.values()) <= {1, 2}
        assert all(line["at"] for line in last)
        assert {line["service"] for line in lines("litellm", "phoenix")} == {"litellm", "phoenix"}
        whole = lines("litellm")
        moment = whole[len(whole) // 2]["at"]
        wanted = [line for line in whole if line["at"] >= moment]
        assert 0 < len(wanted) < len(whole)
        # The log may have grown meanwhile.
        assert lines("litellm", "--since", moment)[: len(wanted)] == wanted

    def test_a_service_has_only_the_secrets_it_needs(
        self, running: ContractStack, service: str
    ) -> None:
        shown = running.shown(service)

        found = {name for name, value in secrets_of(running).items() if value in shown}

        assert found <= running.needs[service]
        # And they would have been found.
        assert service != "litellm" or {"LITELLM_MASTER_KEY", "OPENAI_API_KEY"} <= found
