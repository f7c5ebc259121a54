from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from gatewayctl.errors import PortTaken, SettingsInvalid
from tests.unit.runtimes.embedded.faked_stack import Stack


def ports(**chosen: int) -> str:
    """gateway.yaml with these ports, and free ports for the others."""
    names = ("litellm", "phoenix", "phoenix_grpc", "postgres_litellm")
    with ExitStack() as probes:
        free = [
            probes.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for _ in names
        ]
    ports = dict(zip(names, free, strict=True)) | chosen
    return f"ports: {json.dumps(ports)}\n"


def conflict(stack: Stack) -> str | None:
    """The conflict that preflight reports; None where there is none."""
    try:
        stack.runtime().preflight()
    except PortTaken as refused:
        return refused.message
    return None


def test_a_used_port_is_reported_with_the_process_and_the_setting(stack: Stack, taken: int) -> None:
    stack.gateway_yaml = ports(litellm=taken)

    with pytest.raises(PortTaken) as refused:
        stack.runtime().preflight()

    assert f"Port {taken}, which litellm needs, is used by" in refused.value.message
    assert f"(pid {os.getpid()})" in refused.value.message
    assert "ports.litellm" in refused.value.hint


def test_all_used_ports_are_reported_at_once(stack: Stack, taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        second = int(other.getsockname()[1])
        stack.gateway_yaml = ports(phoenix=taken, postgres_litellm=second)
        with pytest.raises(PortTaken) as refused:
            stack.runtime().preflight()

    assert len(refused.value.message.splitlines()) == 2
    assert "ports.phoenix" in refused.value.hint
    assert "ports.postgres_litellm" in refused.value.hint


def test_a_port_used_by_its_own_service_is_no_conflict(stack: Stack, taken: int) -> None:
    stack.gateway_yaml = ports(litellm=taken)
    stack.up()
    stack.supervisor.own_pid = os.getpid()

    assert conflict(stack) is None


LISTEN = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_a_port_used_by_an_orphan_of_the_project_is_no_conflict(stack: Stack) -> None:
    marked = {"GATEWAYCTL_STATE_DIR": str(stack.layout.state_dir)}
    argv = [sys.executable, "-S", "-E", "-c", LISTEN]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=marked, stdin=pipe, stdout=pipe) as left:
        assert left.stdout is not None
        stack.gateway_yaml = ports(litellm=int(left.stdout.readline()))

        assert conflict(stack) is None


@pytest.mark.parametrize("name", ["phoenix_grpc", "postgres_litellm"])
def test_a_port_that_is_none_is_refused_but_states_can_still_be_read(
    stack: Stack, name: str
) -> None:
    stack.gateway_yaml = f"ports: {{{name}: none}}\n"

    with pytest.raises(SettingsInvalid) as refused:
        conflict(stack)
    assert refused.value.problems[0].source.startswith("gateway.yaml line 1")
    assert f"ports.{name} cannot be none in the embedded runtime" in refused.value.message
    assert {each.state for each in stack.runtime().states()} == {"stopped"}


def test_the_port_of_the_second_database_is_not_checked(stack: Stack, taken: int) -> None:
    stack.gateway_yaml = ports(postgres_phoenix=taken)

    assert conflict(stack) is None


def test_the_port_of_the_database_is_checked_on_loopback_if_the_gateway_is_on_the_lan(
    stack: Stack, taken: int
) -> None:
    lan = "bind: 192.0.2.7\n"
    stack.gateway_yaml = lan + ports(postgres_litellm=taken)
    database = conflict(stack)
    stack.gateway_yaml = lan + ports(litellm=taken)

    assert database is not None
    assert f"Port {taken}, which postgres needs, is used by" in database
    assert conflict(stack) is None
