"""``retention:`` as the commands show it: exit codes, sentences, JSON."""

from __future__ import annotations

import httpx
import pytest

from tests.fakes.phoenix_policy import FakePolicy
from tests.integration.stack_project import Project, document

TRACES = "Retention of traces in Phoenix: all → 30d"


@pytest.fixture
def declared(ready: Project) -> Project:
    declare(ready, "retention: {traces: 30d}")
    return ready


def declare(project: Project, line: str) -> None:
    with (project.folder / "gateway.yaml").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def plant(project: Project, policy: FakePolicy) -> FakePolicy:
    project.litellm.planted["/graphql"] = policy.answer
    return policy


def test_plan_shows_it_and_exits_with_drift(declared: Project) -> None:
    result = declared.run("plan")

    assert result.exit_code == 8
    assert TRACES in result.stdout
    assert "up` would change 1 retention policy." in result.stderr
    assert document(declared.run("plan", "--json"))["data"]["retention"] == {
        "before": "all",
        "after": "30d",
    }


def test_up_applies_it_and_says_so_once(declared: Project) -> None:
    policy = plant(declared, FakePolicy())

    first, second = declared.run("up"), declared.run("up")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert TRACES in first.stdout
    assert "Nothing changed" in second.stdout
    assert (policy.days, len(policy.patches)) == (30, 1)
    assert declared.run("plan").exit_code == 0


def test_a_period_of_spend_logs_restarts_litellm_alone(ready: Project) -> None:
    declare(ready, "retention: {spend_logs: 90d}")

    result = ready.run("plan", "--json")

    data = document(result)["data"]
    assert [file["path"] for file in data["files"] if file["state"] != "unchanged"] == [
        "compose/litellm_config.yaml"
    ]
    assert data["retention"] is None


def test_restart_applies_it(declared: Project) -> None:
    result = declared.run("restart", "phoenix")

    assert result.exit_code == 0, result.output
    assert TRACES in result.stdout


def test_a_phoenix_that_refuses_is_a_warning_of_up(declared: Project) -> None:
    plant(declared, FakePolicy(error="insufficient storage"))

    result = declared.run("up")

    assert result.exit_code == 0
    assert "Warning: The retention of traces is not applied: " in result.stdout
    assert "insufficient storage" in result.stdout


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"data": {}}'])
def test_a_phoenix_without_policies_is_no_failure_of_anything(ready: Project, body: bytes) -> None:
    headers = {"x-phoenix-server-version": "4.0.0"}
    ready.litellm.planted["/graphql"] = lambda _: httpx.Response(200, headers=headers, content=body)

    assert ready.run("plan").exit_code == 0
    assert "retention" not in ready.run("up").output
    assert "trace retention" not in ready.run("doctor").output


def test_status_shows_what_is_declared(ready: Project) -> None:
    assert "Retention" not in ready.run("status").stdout
    declare(ready, "retention: {spend_logs: 2w}")

    assert "\nRetention: traces all, spend logs 14d\n" in ready.run("status").stdout
    assert document(ready.run("status", "--json"))["data"]["retention"] == {
        "traces": None,
        "spend_logs": "14d",
    }


def test_doctor_finds_a_policy_that_differs(declared: Project) -> None:
    result = declared.run("doctor")

    assert result.exit_code == 7
    assert "Phoenix: all, gateway.yaml: 30d" in result.stdout
    declared.run("up")
    assert "trace_retention_differs" not in declared.run("doctor").stdout


def test_usage_says_what_is_missing(ready: Project) -> None:
    declare(ready, "retention: {spend_logs: 7d}")

    assert (
        "are missing: their spend logs are deleted." in ready.run("usage", "--since", "8d").stdout
    )
    assert "missing: their" not in ready.run("usage", "--since", "6d").stdout


def test_reconcile_says_from_where_it_counts(ready: Project) -> None:
    declare(ready, "retention: {traces: 7d}")

    result = ready.run("usage", "reconcile", "--since", "30d")

    assert "what is older is deleted (retention)." in result.stdout


def test_a_wrong_period_is_refused_with_its_line(ready: Project) -> None:
    declare(ready, "retention: {traces: 30}")

    result = ready.run("plan")

    assert result.exit_code == 3
    assert "did you mean '30d'?" in result.stderr


def test_the_gateway_of_others_is_refused(ready: Project) -> None:
    declare(ready, "external: {url: 'http://gateway.example.com:4000'}")
    declare(ready, "retention: {traces: 30d}")

    result = ready.run("--runtime", "external", "status")

    assert result.exit_code == 3
    assert "its retention is set where it runs" in result.stderr
