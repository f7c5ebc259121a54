from __future__ import annotations

from gatewayctl.runtimes.embedded.services import SERVICES
from tests.fakes.driving import driven
from tests.unit.runtimes.embedded.faked_stack import Stack


def test_one_service_is_restarted_and_the_others_keep_running(stack: Stack) -> None:
    stack.up()
    stack.supervisor.take_calls()

    driven(stack.runtime().restart(["litellm"]))

    assert stack.supervisor.take_calls() == ["stop litellm", "start postgres", "start litellm"]


def test_without_names_everything_is_restarted_in_dependency_order(stack: Stack) -> None:
    stack.up()
    stack.supervisor.take_calls()

    driven(stack.runtime().restart([]))

    assert stack.supervisor.take_calls() == [
        *("stop phoenix", "stop litellm", "stop postgres"),
        *("start postgres", "start litellm", "start phoenix"),
    ]


def test_restarting_one_service_does_not_hide_that_another_is_outdated(
    stack: Stack,
) -> None:
    stack.up()
    stack.gateway_yaml = "ports: {phoenix_grpc: 14317}\n"

    driven(stack.runtime().restart(["litellm"]))

    assert stack.up().restarted == ("phoenix",)


def test_restarting_one_service_under_a_new_supervisord_starts_the_others_too(stack: Stack) -> None:
    stack.up()
    stack.layout.supervisor_config.write_text("of another version of gatewayctl")

    driven(stack.runtime().restart(["litellm"]))

    assert stack.supervisor.states == dict.fromkeys(SERVICES, "running")
    assert stack.up().changed is False


def test_restarting_a_stopped_stack_starts_it(stack: Stack) -> None:
    driven(stack.runtime().restart(["litellm"]))

    assert stack.supervisor.states == dict.fromkeys(SERVICES, "running")
