"""The transport against real sockets: what a server may do to a client."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from gatewayctl.gateway.transport import PlainTransport

Server = Callable[[socket.socket], None]


@contextmanager
def server(serve: Server) -> Iterator[str]:
    """Answer one connection with ``serve``; yields the address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = listener.accept()
        with connection:
            serve(connection)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        thread.join(10)
        listener.close()


def reading(connection: socket.socket) -> bytes:
    """One whole request: its headers, then as much body as they say."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65536)
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(raw: bytes, seen: list[bytes] | None = None) -> Server:
    def serve(connection: socket.socket) -> None:
        request = reading(connection)
        if seen is not None:
            seen.append(request)
        connection.sendall(raw)

    return serve


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(transport=PlainTransport(), timeout=2) as client:
        yield client


def test_a_request_arrives_whole_and_its_answer_comes_back(http: httpx.Client) -> None:
    seen: list[bytes] = []
    raw = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-A: 1\r\nX-A: 2\r\n\r\nok"
    with server(answering(raw, seen)) as url:
        answer = http.post(f"{url}/a%20b?c=%C3%A9", content=b"body", headers={"X-Key": "v"})

    assert (answer.status_code, answer.text) == (201, "ok")
    assert answer.headers.get_list("x-a") == ["1", "2"]
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /a%20b?c=%C3%A9 HTTP/1.1"
    assert {b"X-Key: v", b"Connection: close", b"Content-Length: 4"} <= set(lines)
    assert [line.lower()[:4] for line in lines].count(b"host") == 1
    assert body == b"body"


def test_a_chunked_answer_arrives_in_the_parts_it_was_sent_in(http: httpx.Client) -> None:
    go_on = threading.Event()

    def serve(connection: socket.socket) -> None:
        reading(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        assert go_on.wait(5)
        connection.sendall(b"3\r\ntwo\r\n0\r\n\r\n")

    with server(serve) as url, http.stream("GET", url) as response:
        parts = response.iter_bytes()
        first = next(parts)
        go_on.set()
        assert [first, *parts] == [b"one", b"two"]


def test_a_body_larger_than_a_socket_buffer_is_whole(http: httpx.Client) -> None:
    content = bytes(range(256)) * 20_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
    with server(answering(head + content)) as url:
        assert http.get(url).content == content


def test_nobody_listening_is_a_failure_to_connect(http: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(httpx.ConnectError, match="refused"):
        http.get(f"http://127.0.0.1:{port}")


def test_silence_is_a_timeout(http: httpx.Client) -> None:
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        done.wait(10)

    with server(serve) as url:
        with pytest.raises(httpx.ReadTimeout):
            http.get(url, timeout=0.1)
        done.set()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", httpx.RemoteProtocolError),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            httpx.RemoteProtocolError,
        ),
    ],
)
def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one(
    http: httpx.Client, raw: bytes, expected: type[httpx.HTTPError]
) -> None:
    with server(answering(raw)) as url, pytest.raises(expected):
        http.get(url)


def test_hanging_up_early_lets_the_server_go(http: httpx.Client) -> None:
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        reading(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        connection.settimeout(5)
        if connection.recv(1) == b"":
            ended.set()

    with server(serve) as url, http.stream("GET", url) as response:
        assert next(response.iter_bytes()) == b"one"
    assert ended.is_set()


def test_https_is_refused_rather_than_spoken_unsafely(http: httpx.Client) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        http.get("https://127.0.0.1:1")
