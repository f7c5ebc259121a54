"""The contract: what every runtime guarantees.

Order matters: first nothing runs, then the running stack is inspected, then it is changed and
damaged, and at the end its data is removed. All tests share one stack.
"""

from __future__ import annotations

import signal
import socket
from typing import Any

import httpx
import pytest

from tests.e2e.contract.asking import (
    changed,
    chats,
    eventually,
    lives,
    refusal,
    requests,
    traced,
)
from tests.e2e.contract.hands import ContractStack
from tests.e2e.contract.start import STARTED_WITHIN, StartContract


class RuntimeContract(StartContract):
    """A runtime is tested by a subclass that sets its ``stack``."""

    # The stack is changed and damaged.

    @pytest.mark.full
    def test_a_changed_setting_restarts_only_its_service(self, running: ContractStack) -> None:
        before = running.pids()
        with (running.project.folder / "gateway.yaml").open("a", encoding="utf-8") as config:
            config.write("models:\n  demo: {mock_response: Hello}\n  other: {mock_response: hi}\n")

        report = running.project.data("up")

        assert (report["started"], report["restarted"]) == ([], ["litellm"])
        assert changed(before, running.pids()) == {"litellm"}
        assert running.project.data("chat", "--model", "other", "Hello")["reply"] == "hi"

    def test_a_declared_retention_reaches_phoenix_and_restarts_nothing(
        self, running: ContractStack
    ) -> None:
        before, file = running.pids(), running.project.folder / "gateway.yaml"
        text = file.read_text(encoding="utf-8")
        file.write_text(f"{text}retention: {{traces: 30d}}\n", encoding="utf-8")

        assert running.project.data("up")["retention"] == {"before": "all", "after": "30d"}
        assert running.project.data("plan")["retention"] is None
        file.write_text(text, encoding="utf-8")
        assert running.project.data("up")["retention"] == {"before": "30d", "after": "all"}
        assert changed(before, running.pids()) == set()

    def test_a_restart_of_one_service_restarts_no_other(self, running: ContractStack) -> None:
        before = running.pids()

        report = running.project.data("restart", "phoenix")

        assert report["restarted"] == ["phoenix"]
        assert {s["health"] for s in report["services"]} == {"healthy"}
        assert changed(before, running.pids()) == {"phoenix"}

    @pytest.mark.full
    def test_lost_passwords_of_running_databases_are_replaced_without_loss(
        self, running: ContractStack
    ) -> None:
        key = running.project.secrets()["LITELLM_API_KEY"]
        running.lose("LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD")

        report = running.project.data("up")

        assert report["secrets_added"] == ["LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD"]
        assert report["warnings"] == []
        assert {s["health"] for s in report["services"]} == {"healthy"}
        assert running.project.secrets()["LITELLM_API_KEY"] == key
        assert chats(running)

    @pytest.mark.full
    def test_only_a_killed_service_restarts_by_itself(
        self, running: ContractStack, service: str
    ) -> None:
        before = running.pids()

        def back() -> bool:
            reports = running.reports()
            healthy = all(each["health"] == "healthy" for each in reports.values())
            return healthy and running.pids()[service] != before[service]

        family = running.kill(service)

        assert eventually(lambda: not any(lives(process) for process in family))
        assert eventually(back, STARTED_WITHIN)
        assert running.project.run("status").returncode == 0
        assert changed(before, running.pids()) == {service}
        assert eventually(lambda: chats(running))

    @pytest.mark.full
    def test_a_restart_of_all_restarts_each(self, running: ContractStack) -> None:
        before = running.pids()

        report = running.project.data("restart")

        assert sorted(report["restarted"]) == sorted(running.services)
        assert changed(before, running.pids()) == set(running.services)
        assert chats(running)

    # Its data is kept, and removed.

    def test_down_leaves_only_the_data_and_up_restores_everything(
        self, running: ContractStack
    ) -> None:
        project = running.project
        key = project.secrets()["LITELLM_API_KEY"]
        trace = project.data("chat", "--model", "demo", "Will this be kept?")["trace_id"]
        assert eventually(lambda: traced(running, trace))
        assert eventually(lambda: requests(running) > 0)
        spent = requests(running)

        first, second = project.data("down"), project.ok("down")
        assert sorted(first["stopped"]) == sorted(running.services)
        assert (first["changed"], first["data_removed"]) == (True, False)
        assert "Nothing was running" in second
        assert running.leftovers() == []
        for name, port in project.ports.items():
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0, name

        env_file = project.folder / ".env"
        complete = env_file.read_bytes()
        running.lose("LITELLM_SALT_KEY")
        lacking = env_file.read_bytes()
        exit_code, code, message = refusal(running, "up")
        assert (exit_code, code) == (3, "salt_key_changed")
        assert "gatewayctl restore FILE" in message
        assert (env_file.read_bytes(), running.leftovers()) == (lacking, [])
        env_file.write_bytes(complete)

        # Any other secret can be lost: the databases get new passwords.
        lost = ("LITELLM_MASTER_KEY", "LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD")
        running.lose(*lost)
        again = project.data("up")
        assert again["secrets_added"] == list(lost)
        assert "--volumes" not in str(again["warnings"])
        assert sorted(again["started"]) == sorted(running.services)
        assert {each["status"] for each in again["keys"]["keys"]} == {"exists"}
        assert project.secrets()["LITELLM_API_KEY"] == key
        assert chats(running)
        assert requests(running) >= spent
        assert traced(running, trace)

    @pytest.mark.full
    def test_a_killed_reset_is_finished_by_the_next_one_and_keeps_the_traces(
        self, running: ContractStack
    ) -> None:
        project = running.project
        old = project.secrets()["LITELLM_API_KEY"]
        trace = project.data("chat", "--model", "demo", "Before the reset")["trace_id"]
        assert eventually(lambda: traced(running, trace))
        first = project.start("reset", "--yes")
        assert first.stderr is not None
        lines = [
            line for line in iter(first.stderr.readline, "") if not _kill_when_empty(line, first)
        ]
        first.communicate()
        assert first.returncode == -signal.SIGKILL, lines

        project.ok("reset", "--yes")

        assert project.secrets()["LITELLM_API_KEY"] != old
        answer = httpx.post(
            f"{project.gateway_url}/v1/chat/completions",
            headers={"authorization": f"Bearer {old}"},
            json={"model": "demo", "messages": [{"role": "user", "content": "hi"}]},
            timeout=30,
        )
        assert answer.status_code == 401
        assert chats(running)
        assert {key["state"] for key in project.data("keys", "list")["keys"]} == {"ok"}
        assert traced(running, trace)

    @pytest.mark.full
    def test_down_with_volumes_and_confirmation_removes_the_data(
        self, running: ContractStack
    ) -> None:
        project = running.project
        trace = project.data("chat", "--model", "demo", "Will this be lost?")["trace_id"]
        assert eventually(lambda: traced(running, trace))

        report = project.data("down", "--volumes", "--yes")
        assert (report["data_removed"], running.leftovers()) == (True, [])

        project.ok("up")
        assert not traced(running, trace)
        assert requests(running) == 0
        assert chats(running)


def _kill_when_empty(line: str, command: Any) -> bool:
    """Kill the command at the moment when LiteLLM's database is empty."""
    if not line.startswith("database litellm ready"):
        return False
    command.kill()
    return True
