from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from gatewayctl.errors import UnknownService
from gatewayctl.runtimes.kubernetes.logs import parse_lines
from tests.fakes.cluster import CRASHING, waiting
from tests.unit.runtimes.kubernetes.stack import SERVICES, Stack, run


def test_states_are_in_dependency_order_and_stopped_before_the_first_start(stack: Stack) -> None:
    states = stack.runtime.states()

    assert tuple(state.service for state in states) == SERVICES
    assert {state.state for state in states} == {"stopped"}


def test_a_running_service_has_its_version_address_and_number_of_pods(stack: Stack) -> None:
    stack.yaml = "kubernetes: {replicas: 2}\nports: {litellm: 24000}\n"
    stack.up()

    state = {each.service: each for each in stack.runtime.states()}["litellm"]

    assert (state.state, state.version, state.pid) == ("running", "1.108.14", None)
    assert (state.address, state.detail) == ("http://127.0.0.1:24000", "2/2 ready")
    assert state.uptime is not None
    assert stack.runtime.is_healthy("litellm") is True


def test_a_service_with_some_of_its_pods_runs_and_is_not_healthy(stack: Stack) -> None:
    stack.yaml = "kubernetes: {replicas: 2}\n"
    stack.up()
    stack.cluster.pods_of("litellm")[0]["status"]["conditions"][0]["status"] = "False"

    state = {each.service: each for each in stack.runtime.states()}["litellm"]

    assert (state.state, state.detail) == ("running", "1/2 ready")
    assert stack.runtime.is_healthy("litellm") is False


@pytest.mark.parametrize(
    ("fault", "state"), [(CRASHING, "failed"), (waiting("ContainerCreating"), "starting")]
)
def test_a_service_without_ready_pods_starts_or_fails(
    running: Stack, fault: dict[str, object], state: str
) -> None:
    running.cluster.broken["phoenix"] = fault
    running.cluster.reconcile(running.live("Deployment", "phoenix"))

    found = {each.service: each for each in running.runtime.states()}["phoenix"]

    assert found.state == state
    assert running.runtime.is_healthy("phoenix") is False


def test_while_a_release_rolls_out_the_version_is_that_which_serves(running: Stack) -> None:
    running.cluster.broken["ghcr.io/berriai/litellm:v9.9.9"] = waiting("ContainerCreating")
    deployment = running.live("Deployment", "litellm")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["image"] = "ghcr.io/berriai/litellm:v9.9.9"
    running.cluster.reconcile(deployment)

    release = running.runtime.running_release()

    assert release is not None
    assert release.version == "1.108.14"


def test_no_release_runs_in_a_stack_that_is_down(stack: Stack) -> None:
    assert stack.runtime.running_release() is None


def test_the_salt_key_is_found_in_the_secret_as_long_as_there_is_one(running: Stack) -> None:
    found = running.runtime.find_salt_key()

    assert found is not None
    assert found.reveal() == running.env["LITELLM_SALT_KEY"]
    run(running.runtime.stop())
    assert running.runtime.find_salt_key() is None


def test_logs_have_the_lines_of_each_service_in_order_of_time(running: Stack) -> None:
    running.cluster.log = "first\nsecond\nthird"

    lines = list(running.runtime.logs([], tail=2, since=None, follow=False))

    assert {line.service for line in lines} == set(SERVICES)
    assert [line.text for line in lines if line.service == "phoenix"] == ["second", "third"]
    assert [line.at for line in lines] == sorted(line.at for line in lines if line.at)


def test_migrations_are_a_part_of_litellms_log(running: Stack) -> None:
    lines = list(running.runtime.logs(["litellm"], tail=None, since=None, follow=False))

    pods = {words[1] for words in running.cluster.calls if words[0] == "logs"}
    assert {line.service for line in lines} == {"litellm"}
    assert len(lines) == 2, pods


def test_the_limit_of_lines_counts_those_that_are_kept(running: Stack) -> None:
    running.cluster.log = "keep 1\nkeep 2\nno\nno"

    lines = running.runtime.logs(
        ["phoenix"], tail=1, since=None, follow=False, keep=lambda text: "keep" in text
    )

    assert [line.text for line in lines] == ["keep 2"]


def test_a_time_limits_the_log_on_the_server(running: Stack) -> None:
    since = datetime(2026, 11, 29, 11, 30, tzinfo=UTC)

    list(running.runtime.logs(["phoenix"], tail=None, since=since, follow=False))

    assert "--since-time=2026-11-29T11:30:00.000000Z" in running.cluster.calls[-1]


def test_what_a_crashed_run_wrote_is_in_the_log(running: Stack) -> None:
    running.cluster.broken["phoenix"] = CRASHING
    running.cluster.reconcile(running.live("Deployment", "phoenix"))

    list(running.runtime.logs(["phoenix"], tail=None, since=None, follow=False))

    assert any("--previous" in words for words in running.cluster.calls)


def test_an_unknown_service_has_no_log(running: Stack) -> None:
    with pytest.raises(UnknownService, match="no service 'x'"):
        running.runtime.logs(["x"], tail=None, since=None, follow=False)


def test_the_last_lines_of_a_service_have_no_times(running: Stack) -> None:
    running.cluster.log = "one\ntwo"

    assert running.runtime.last_lines("phoenix", 1) == "two"
    assert running.runtime.last_lines("unknown") == ""


def test_lines_of_unknown_pods_and_messages_of_kubectl_are_left_out() -> None:
    lines = [
        "[pod/a/main] 2026-11-29T12:00:00.123456789Z text with [brackets]",
        "[pod/b/main] 2026-11-29T12:00:00Z of others",
        "error: something",
        "[pod/a/main] no time here",
    ]

    found = list(parse_lines(lines, {"a": "litellm"}))

    assert [line.text for line in found] == ["text with [brackets]", "no time here"]
    assert found[0].at == datetime(2026, 11, 29, 12, 0, 0, 123456, tzinfo=UTC)


def test_no_reading_command_changes_anything(running: Stack) -> None:
    before = json.dumps(sorted(map(str, running.cluster.objects)))

    running.runtime.states()
    running.runtime.is_healthy("litellm")
    running.runtime.has_data()
    running.preview()

    assert running.cluster.changes == []
    assert json.dumps(sorted(map(str, running.cluster.objects))) == before


def test_a_pod_that_does_not_run_yet_hides_no_other_log(running: Stack) -> None:
    (waiting_pod,) = running.cluster.pods_of("phoenix")
    refusal = (
        'Error from server (BadRequest): container "phoenix" in pod "phoenix-1" is waiting to'
        " start: ContainerCreating"
    )
    running.cluster.failing.append((("logs", waiting_pod["metadata"]["name"]), refusal))

    lines = list(running.runtime.logs([], tail=None, since=None, follow=False))

    assert {line.service for line in lines} == {"postgres-litellm", "postgres-phoenix", "litellm"}
