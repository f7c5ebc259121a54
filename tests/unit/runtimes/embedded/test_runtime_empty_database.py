from __future__ import annotations

from gatewayctl.runtimes.base import StartReport
from tests.fakes.driving import driven
from tests.unit.runtimes.embedded.faked_stack import Stack


def test_emptying_the_database_of_litellm_leaves_phoenix_alone(stack: Stack) -> None:
    stack.up()
    stack.supervisor.take_calls()
    stack.cluster.calls.clear()

    driven(stack.runtime().empty_litellm_database())

    assert stack.supervisor.take_calls() == ["stop litellm", "start postgres"]
    assert stack.cluster.calls == ["prepare", "recreate litellm"]
    assert stack.up() == StartReport(started=("litellm",), unchanged=("postgres", "phoenix"))


def test_the_database_of_a_stopped_stack_can_be_emptied(stack: Stack) -> None:
    driven(stack.runtime().empty_litellm_database())

    assert stack.supervisor.take_calls() == ["launch", "start postgres"]
