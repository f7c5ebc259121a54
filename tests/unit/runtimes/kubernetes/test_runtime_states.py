from __future__ import annotations

import json

import pytest

from tests.fakes.cluster_controllers import CRASHING, waiting
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


def test_no_reading_command_changes_anything(running: Stack) -> None:
    before = json.dumps(sorted(map(str, running.cluster.objects)))

    running.runtime.states()
    running.runtime.is_healthy("litellm")
    running.runtime.has_data()
    running.preview()

    assert running.cluster.changes == []
    assert json.dumps(sorted(map(str, running.cluster.objects))) == before
