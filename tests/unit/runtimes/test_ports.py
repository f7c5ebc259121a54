from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gatewayctl.runtimes.ports import Listener, find_listeners, listening_pids

ANY = "0.0.0.0"  # noqa: S104 - for the moment of a test
LISTEN = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def listening(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    with socket.create_server((host, port)) as listener:
        yield int(listener.getsockname()[1])


@contextmanager
def somebody_listening(host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[int, int]]:
    """Another process that listens: its pid and port."""
    argv = [sys.executable, "-S", "-E", "-c", LISTEN, host, str(port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())


def test_a_free_port_has_no_listener() -> None:
    with listening() as port:
        pass

    assert find_listeners("127.0.0.1", [port]) == {}


def test_a_taken_port_names_the_process_that_holds_it() -> None:
    with somebody_listening() as (pid, port):
        found = find_listeners("127.0.0.1", [port])

    assert found[port].pid == pid
    assert str(found[port]) == f"{found[port].name} (pid {pid})"
    assert str(found[port].name).startswith("python")


def test_only_the_taken_ones_of_several_ports_are_told() -> None:
    with listening() as free:
        pass
    with listening() as one, listening() as other:
        assert set(find_listeners("127.0.0.1", [one, free, other])) == {one, other}


def test_who_listens_on_every_address_keeps_us_from_one() -> None:
    with listening(ANY) as port:
        found = find_listeners("127.0.0.1", [port])

    assert found[port].pid == os.getpid()


def test_who_listens_on_one_address_keeps_us_from_every() -> None:
    with listening() as port:
        assert find_listeners(ANY, [port])[port].pid == os.getpid()


def test_who_listens_on_another_address_is_no_obstacle_and_is_not_named() -> None:
    with listening("127.0.0.2") as port:
        assert find_listeners("127.0.0.1", [port]) == {}
        with somebody_listening("127.0.0.1", port) as (pid, _):
            assert find_listeners("127.0.0.1", [port])[port].pid == pid
            assert find_listeners("127.0.0.2", [port])[port].pid == os.getpid()


def test_a_connection_that_has_just_ended_is_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # who closes first keeps the port in TIME_WAIT
            client.recv(1)

    assert find_listeners("127.0.0.1", [port]) == {}


def test_ports_of_ipv6_are_looked_at_as_well() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with server as listener:
        port = int(listener.getsockname()[1])
        assert find_listeners("::1", [port])[port].pid == os.getpid()


def test_a_port_whose_holder_is_ending_is_looked_at_again() -> None:
    # Bound and not listening: what a process looks like that is ending.
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))

    found = find_listeners("127.0.0.1", [holder.getsockname()[1]], sleep=lambda _: holder.close())

    assert found == {}


def test_a_port_whose_holder_stays_unseen_is_taken_all_the_same() -> None:
    clock = itertools.count()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]

        found = find_listeners("127.0.0.1", [port], clock=lambda: next(clock), sleep=lambda _: None)

    assert found == {port: Listener(port=port)}


def test_the_pids_of_those_who_listen_on_a_port() -> None:
    with somebody_listening() as (pid, port):
        assert listening_pids(port) == {pid}
    assert listening_pids(port) == frozenset()


def test_a_listener_we_may_not_look_at_belongs_to_somebody_else() -> None:
    assert str(Listener(port=4000)).startswith("a process that cannot be seen")
    assert str(Listener(port=4000, pid=7)) == "a process (pid 7)"
