from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatewayctl.runtimes.docker.crash_loop import mark_crash_loop
from gatewayctl.runtimes.docker.states import (
    Container,
    parse_container,
    parse_containers,
    parse_time,
    select_newest,
    version,
)
from tests.fakes.docker import STARTED, FakeDocker, inspected

NOW = STARTED + timedelta(minutes=2)


def test_every_field_of_a_running_container_is_parsed() -> None:
    found = parse_container(
        inspected(
            "litellm",
            health="healthy",
            ports={28100: 4000},
            image="ghcr.io/berriai/litellm:v1.108.14",
            folder="/srv/shop/compose",
        )
    )

    assert (found.service, found.name, found.project) == ("litellm", "shop-litellm-1", "shop")
    assert (found.state, found.health, found.pid) == ("running", "healthy", 4000)
    assert dict(found.ports) == {28100: "127.0.0.1"}
    assert found.uptime(NOW) == pytest.approx(119.9, abs=0.1)
    assert "A" in found.environment
    assert "environment" not in repr(found)


@pytest.mark.parametrize(
    ("fields", "state", "detail"),
    [
        ({"status": "restarting", "ExitCode": 3}, "starting", "exit code 3"),
        ({"status": "exited", "ExitCode": 137}, "stopped", "exit code 137"),
        ({"status": "exited", "ExitCode": 1, "policy": "no"}, "failed", "exit code 1"),
        ({"status": "exited", "ExitCode": 0, "policy": "no"}, "stopped", "exit code 0"),
        (
            {"status": "exited", "ExitCode": 137, "OOMKilled": True, "policy": "on-failure"},
            "failed",
            "out of memory",
        ),
        ({"status": "created"}, "stopped", ""),
        (
            {"status": "created", "Error": "driver failed: port is already allocated"},
            "failed",
            "driver failed: port is already allocated",
        ),
        ({"status": "paused"}, "stopped", "paused: resume it with `docker unpause`"),
        ({"status": "removing"}, "stopped", ""),
    ],
)
def test_the_engines_status_becomes_a_state_and_a_reason(
    fields: dict[str, Any], state: str, detail: str
) -> None:
    found = parse_container(inspected("litellm", **fields))

    assert (found.state, found.detail) == (state, detail)
    assert (found.uptime(NOW) is None) == (state != "starting")


def test_a_failing_health_check_is_reported_with_its_last_line() -> None:
    health = {"Status": "unhealthy", "Log": [{"Output": "one"}, {"Output": "Trace\nno database"}]}

    found = parse_container(inspected("litellm", Health=health))

    assert (found.state, found.health) == ("running", "unhealthy")
    assert found.detail == "health check fails: no database"
    silent = parse_container(inspected("litellm", health="unhealthy"))
    assert silent.detail == "health check fails"


def test_containers_of_compose_run_are_not_services() -> None:
    once = inspected("litellm", labels={"com.docker.compose.oneoff": "True"})

    assert parse_containers([once, inspected("phoenix")])[0].service == "phoenix"
    assert len(parse_containers([once])) == 0


def test_the_running_one_of_several_containers_of_a_service_is_selected() -> None:
    old = parse_container(inspected("litellm", id="old", status="exited", started=NOW))
    new = parse_container(inspected("litellm", id="new"))

    assert select_newest([old, new])["litellm"].id == "new"
    assert select_newest([new, old])["litellm"].id == "new"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("ghcr.io/berriai/litellm:v1.108.14", "1.108.14"),
        ("arizephoenix/phoenix:version-20.26.1", "20.26.1"),
        ("postgres:16", "16"),
        ("shop:vanilla", "vanilla"),
        ("localhost:5000/shop", None),
        ("shop", None),
        ("shop@sha256:0123456789abcdef", "sha256:0123456789ab"),
        ("localhost:5000/shop:v1.2@sha256:0123456789abcdef", "1.2"),
    ],
)
def test_the_version_is_the_tag_or_the_digest(image: str, expected: str | None) -> None:
    assert version(image) == expected


def test_the_engines_time_has_nanoseconds_and_a_value_for_never() -> None:
    exact = datetime(2026, 11, 23, 14, 0, 1, 123456, tzinfo=UTC)

    assert parse_time("2026-11-23T14:00:01.123456789Z") == exact
    assert parse_time("2026-11-23T15:00:01.123456789+01:00") == exact
    assert parse_time("2026-11-23T14:00:01Z") == exact.replace(microsecond=0)
    assert parse_time("2026-11-23T14:00:01.1Z") == exact.replace(microsecond=100000)
    assert parse_time("0001-01-01T00:00:00Z") is None
    assert parse_time("") is None
    assert parse_time("Traceback") is None


# Containers that end again and again


def died(code: int) -> dict[str, Any]:
    return {"Action": "die", "Actor": {"Attributes": {"exitCode": str(code)}}}


def marked(docker: FakeDocker, **fields: Any) -> Container:
    return mark_crash_loop(docker, parse_container(inspected("litellm", **fields)), NOW)


def test_a_crash_loop_is_a_failure_with_the_last_exit_code() -> None:
    docker = FakeDocker(died=[died(1), died(3)])

    found = marked(docker, restarts=2, health="starting")

    assert (found.state, found.detail) == ("failed", "exit code 3")


def test_a_crash_loop_is_recognized_in_the_words_of_podman() -> None:
    docker = FakeDocker(died=[{"Status": "died", "ContainerExitCode": 3}] * 2)

    assert marked(docker, restarts=2, health="starting").detail == "exit code 3"


def test_a_crash_loop_out_of_memory_is_reported_as_such() -> None:
    docker = FakeDocker(died=[died(137), {"Action": "oom"}, died(137)])

    assert marked(docker, restarts=2, health="starting").detail == "out of memory"


@pytest.mark.parametrize(
    "fields",
    [
        {"restarts": 1, "health": "starting"},
        {"restarts": 9, "health": "healthy"},
        {"restarts": 9, "status": "exited"},
        {"restarts": 9, "started": NOW - timedelta(hours=1)},
    ],
)
def test_one_restart_or_a_long_uptime_since_is_no_failure(fields: dict[str, Any]) -> None:
    assert marked(FakeDocker(died=[died(1), died(1)]), **fields).state != "failed"


def test_exits_of_long_ago_are_no_failure() -> None:
    assert marked(FakeDocker(died=[died(1)]), restarts=5, health="starting").state == "running"
