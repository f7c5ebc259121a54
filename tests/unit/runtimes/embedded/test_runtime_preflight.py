from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from gatewayctl.errors import PortTaken
from tests.unit.runtimes.embedded.faked_stack import Stack


def ports(**chosen: int) -> str:
    """gateway.yaml with these ports, and free ones for the rest."""
    names = ("litellm", "phoenix", "phoenix_grpc", "postgres_litellm")
    with ExitStack() as probes:
        free = [
            probes.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for _ in names
        ]
    found = dict(zip(names, free, strict=True)) | chosen
    return f"ports: {json.dumps(found)}\n"


def refusal(stack: Stack) -> str | None:
    """Why preflight does not let the stack start; None when it does."""
    try:
        stack.runtime().preflight()
    except PortTaken as refused:
        return refused.message
    return None


def test_a_port_that_somebody_holds_is_told_with_who_it_is_and_what_to_set(
    stack: Stack, taken: int
) -> None:
    stack.gateway_yaml = ports(litellm=taken)

    with pytest.raises(PortTaken) as refused:
        stack.runtime().preflight()

    assert f"Port {taken}, which litellm needs, is used by" in refused.value.message
    assert f"(pid {os.getpid()})" in refused.value.message
    assert "ports.litellm" in refused.value.hint


def test_every_taken_port_is_told_at_once(stack: Stack, taken: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        second = int(other.getsockname()[1])
        stack.gateway_yaml = ports(phoenix=taken, postgres_litellm=second)
        with pytest.raises(PortTaken) as refused:
            stack.runtime().preflight()

    assert len(refused.value.message.splitlines()) == 2
    assert "ports.phoenix" in refused.value.hint
    assert "ports.postgres_litellm" in refused.value.hint


def test_a_port_that_our_own_service_holds_is_free_for_it(stack: Stack, taken: int) -> None:
    stack.gateway_yaml = ports(litellm=taken)
    stack.up()
    stack.supervisor.own_pid = os.getpid()

    assert refusal(stack) is None


LISTEN = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_a_port_that_a_left_over_service_of_ours_holds_is_free_for_it(stack: Stack) -> None:
    marked = {"GATEWAYCTL_STATE_DIR": str(stack.layout.state_dir)}
    argv = [sys.executable, "-S", "-E", "-c", LISTEN]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=marked, stdin=pipe, stdout=pipe) as left:
        assert left.stdout is not None
        stack.gateway_yaml = ports(litellm=int(left.stdout.readline()))

        assert refusal(stack) is None


def test_the_port_of_the_second_database_is_not_used_here(stack: Stack, taken: int) -> None:
    stack.gateway_yaml = ports(postgres_phoenix=taken)

    assert refusal(stack) is None
