from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from gatewayctl.runtimes.ports import Listener, find_listeners, is_listening

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
def another_process_listening(host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[int, int]]:
    """Another process that listens: its pid and port."""
    argv = [sys.executable, "-S", "-E", "-c", LISTEN, host, str(port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())


def test_a_free_port_has_no_listener() -> None:
    with listening() as port:
        pass

    assert find_listeners("127.0.0.1", [port]) == {}


def test_a_used_port_is_reported_with_its_process() -> None:
    with another_process_listening() as (pid, port):
        found = find_listeners("127.0.0.1", [port])

    assert found[port].pid == pid
    assert str(found[port]) == f"{found[port].name} (pid {pid})"
    assert str(found[port].name).startswith("python")


def test_only_used_ports_of_several_are_reported() -> None:
    with listening() as free:
        pass
    with listening() as one, listening() as other:
        assert set(find_listeners("127.0.0.1", [one, free, other])) == {one, other}


def test_a_listener_on_every_address_blocks_one_address() -> None:
    with listening(ANY) as port:
        found = find_listeners("127.0.0.1", [port])

    assert found[port].pid == os.getpid()


def test_a_listener_on_one_address_blocks_every_address() -> None:
    with listening() as port:
        assert find_listeners(ANY, [port])[port].pid == os.getpid()


def test_a_listener_on_another_address_does_not_block_and_is_not_reported() -> None:
    with listening("127.0.0.2") as port:
        assert find_listeners("127.0.0.1", [port]) == {}
        with another_process_listening("127.0.0.1", port) as (pid, _):
            assert find_listeners("127.0.0.1", [port])[port].pid == pid
            assert find_listeners("127.0.0.2", [port])[port].pid == os.getpid()


def test_a_connection_in_time_wait_is_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # who closes first keeps the port in TIME_WAIT
            client.recv(1)

    assert find_listeners("127.0.0.1", [port]) == {}


def test_ipv6_ports_are_checked_too() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with server as listener:
        port = int(listener.getsockname()[1])
        assert find_listeners("::1", [port])[port].pid == os.getpid()


def test_a_port_whose_process_is_ending_is_checked_again() -> None:
    # Bound and not listening: what a process looks like that is ending.
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))

    found = find_listeners(
        "127.0.0.1", [listener.getsockname()[1]], sleep=lambda _: listener.close()
    )

    assert found == {}


def test_a_port_whose_process_cannot_be_seen_is_in_use_all_the_same() -> None:
    clock = itertools.count()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        found = find_listeners("127.0.0.1", [port], clock=lambda: next(clock), sleep=lambda _: None)

    assert found == {port: Listener(port=port)}


def test_a_process_listens_on_its_own_port_alone() -> None:
    with another_process_listening() as (pid, port):
        assert is_listening(pid, port)
        assert not is_listening(pid, port + 1)
        assert not is_listening(os.getpid(), port)
    assert not is_listening(pid, port)


def test_a_listener_that_cannot_be_inspected_belongs_to_another_user() -> None:
    assert str(Listener(port=4000)).startswith("a process that cannot be seen")
    assert str(Listener(port=4000, pid=7)) == "a process (pid 7)"


@pytest.mark.usefixtures("macos")
def test_without_root_macos_names_our_own_processes_only() -> None:
    with another_process_listening() as (pid, port):
        assert find_listeners("127.0.0.1", [port])[port].pid == pid
        assert is_listening(pid, port)


@pytest.mark.usefixtures("macos")
def test_without_root_macos_names_no_process_of_another_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(process: psutil.Process, kind: str) -> None:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "net_connections", refuse)
    clock = itertools.count()
    with listening() as port:
        found = find_listeners("127.0.0.1", [port], clock=lambda: next(clock), sleep=lambda _: None)

    assert found == {port: Listener(port=port)}


@pytest.mark.usefixtures("macos")
@pytest.mark.parametrize(("listens", "wanted"), [(ANY, "127.0.0.1"), ("127.0.0.1", ANY)])
def test_macos_binds_an_address_beside_a_listener_on_all_and_the_port_is_used_all_the_same(
    listens: str, wanted: str
) -> None:
    with listening(listens) as port:
        with socket.socket() as beside:
            beside.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            beside.bind((wanted, port))
        assert find_listeners(wanted, [port])[port].pid == os.getpid()
