from __future__ import annotations

from gatewayctl.runtimes.embedded.services import SERVICES
from tests.fakes.driving import driven
from tests.unit.runtimes.embedded.faked_stack import Stack


def test_one_service_is_restarted_and_the_others_go_on(stack: Stack) -> None:
    stack.up()
    stack.supervisor.take_calls()

    driven(stack.runtime().restart(["litellm"]))

    assert stack.supervisor.take_calls() == ["stop litellm", "start postgres", "start litellm"]


def test_without_names_everything_is_restarted_in_the_order_of_dependency(stack: Stack) -> None:
    stack.up()
    stack.supervisor.take_calls()

    driven(stack.runtime().restart([]))

    assert stack.supervisor.take_calls() == [
        *("stop phoenix", "stop litellm", "stop postgres"),
        *("start postgres", "start litellm", "start phoenix"),
    ]


def test_restarting_one_service_does_not_hide_that_another_runs_with_other_settings(
    stack: Stack,
) -> None:
    stack.up()
    stack.gateway_yaml = "ports: {phoenix_grpc: 14317}\n"

    driven(stack.runtime().restart(["litellm"]))

    assert stack.up().restarted == ("phoenix",)


def test_restarting_one_service_under_a_new_supervisor_leaves_none_behind(stack: Stack) -> None:
    stack.up()
    stack.layout.supervisor_config.write_text("of another version of gatewayctl")

    driven(stack.runtime().restart(["litellm"]))

    assert stack.supervisor.states == dict.fromkeys(SERVICES, "running")
    assert stack.up().changed is False


def test_a_stack_that_does_not_run_is_started_by_a_restart(stack: Stack) -> None:
    driven(stack.runtime().restart(["litellm"]))

    assert stack.supervisor.states == dict.fromkeys(SERVICES, "running")
