from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gatewayctl.errors import (
    ComposeMissing,
    EngineNotRunning,
    EnginePermission,
    RuntimeProblem,
)
from gatewayctl.runtimes.docker.engine import (
    DEFAULT_HOST,
    Endpoint,
    check_compose,
    endpoint,
    failure,
    find_publishers,
    probe_engine,
)


@contextmanager
def engine(path: Path, answer: bytes | None, *, after: float = 0.0) -> Iterator[list[bytes]]:
    """A listener on a socket file that answers once, ``after`` seconds, or hangs up."""
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(4096))
                time.sleep(after)
                if answer is not None:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield heard
        thread.join()


def at(path: Path) -> Endpoint:
    return Endpoint(host=f"unix://{path}", source="the test")


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (OK, "answers"),
        (b"HTTP/1.1 500 Oh no\r\nContent-Length: 0\r\n\r\n", "silent"),
        (b"SSH-2.0-something\r\n", "silent"),
        (None, "silent"),
    ],
)
def test_an_engine_is_contacted_by_its_own_ping(
    answer: bytes | None, found: str, tmp_path: Path
) -> None:
    with engine(tmp_path / "s", answer) as heard:
        assert probe_engine(at(tmp_path / "s")) == found

    assert heard[0].startswith(b"GET /_ping HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            (
                b'[{"Labels": {"a": "b"}, "Ports": [{"PublicPort": 4000}]},'
                b' {"Labels": null, "Ports": [{"PrivatePort": 1}, {"PublicPort": 4000}]},'
                b' {"Labels": {"c": "d"}, "Ports": [{"PublicPort": 4001}]},'
                b' {"Labels": {"e": "f"}, "Ports": null}]'
            ),
            [{"a": "b"}, {}],
        ),
        (b"[]", []),
        (b'[{"Labels": {}}, 1]', None),
        (b'{"message": "no"}', None),
        (b"half", None),
    ],
)
def test_the_containers_that_publish_a_port_are_known_by_their_labels(
    body: bytes, found: list[dict[str, str]] | None, tmp_path: Path
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    with engine(tmp_path / "s", answer) as heard:
        assert find_publishers(at(tmp_path / "s"), 4000) == found

    assert heard[0].startswith(b"GET /containers/json HTTP/1.1\r\n")
    assert find_publishers(at(tmp_path / "none"), 4000) is None
    assert find_publishers(Endpoint(host="ssh://far", source="x"), 4000) is None


def test_no_socket_and_a_dead_socket_are_silent(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))

    assert probe_engine(at(tmp_path / "dead")) == "silent"
    assert probe_engine(at(tmp_path / "none")) == "silent"


@pytest.mark.parametrize("host", ["tcp://localhost:docker", "tcp://localhost:99999", "tcp://[::1"])
def test_an_invalid_address_is_silent(host: str) -> None:
    assert probe_engine(Endpoint(host=host, source="DOCKER_HOST")) == "silent"


def test_an_engine_that_hangs_is_silent_after_a_moment(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "hangs"))
        hanging.listen()

        assert probe_engine(at(tmp_path / "hangs"), timeout=0.05) == "silent"


@pytest.mark.parametrize(
    "host", ["ssh://me@build", "tcp://10.0.0.7:2375", "npipe:////./pipe/docker", ""]
)
def test_an_engine_of_another_machine_is_not_contacted(host: str) -> None:
    assert probe_engine(Endpoint(host=host, source="DOCKER_HOST")) == "elsewhere"


@pytest.mark.parametrize(("code", "found"), [(0, "answers"), (1, "silent")])
def test_at_a_port_of_this_machine_the_docker_program_is_asked_since_it_knows_tls(
    code: int, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert probe_engine(Endpoint(host="tcp://127.0.0.1:2376", source="DOCKER_HOST")) == found


def test_without_the_docker_program_an_engine_at_a_port_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert probe_engine(Endpoint(host="tcp://127.0.0.1:2376", source="DOCKER_HOST")) == "silent"


def test_an_engine_that_has_to_wake_up_first_is_waited_for(tmp_path: Path) -> None:
    with engine(tmp_path / "s", OK, after=1.2):
        assert probe_engine(at(tmp_path / "s")) == "answers"


def test_an_engine_at_another_usual_place_is_offered_where_none_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "podman").mkdir()

    with engine(tmp_path / "podman/podman.sock", OK):
        found = failure("Cannot connect to the Docker daemon at unix:///x", doing="x")

    assert found.message == "No Docker engine answers at unix:///nowhere/docker.sock."
    assert (
        found.hint
        == f"Another engine answers: export DOCKER_HOST=unix://{tmp_path}/podman/podman.sock"
    )


# Where it is


def context(home: Path, name: str, host: object) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    folder = home / ".docker" / "contexts" / "meta" / digest
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Endpoints": {"docker": {"Host": host}}}))


def test_the_engine_is_found_where_docker_looks_for_it(tmp_path: Path) -> None:
    context(tmp_path, "desktop", "unix:///home/me/.docker/desktop/docker.sock")
    context(tmp_path, "other", "unix:///other.sock")
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "desktop"}')

    def found(**environ: str) -> str:
        return endpoint(environ, tmp_path).host

    assert found() == "unix:///home/me/.docker/desktop/docker.sock"
    assert found(DOCKER_CONTEXT="other") == "unix:///other.sock"
    assert found(DOCKER_CONTEXT="default") == DEFAULT_HOST
    assert found(DOCKER_CONTEXT="unknown") == DEFAULT_HOST
    assert found(DOCKER_HOST="tcp://1.2.3.4:5", DOCKER_CONTEXT="other") == "tcp://1.2.3.4:5"
    assert found(DOCKER_CONFIG=str(tmp_path / "empty")) == DEFAULT_HOST


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"currentContext": 7}'])
def test_a_configuration_without_a_context_means_the_usual_socket(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(text)

    assert endpoint({}, tmp_path).host == DEFAULT_HOST


# What its refusals mean

DENIED = (
    "permission denied while trying to connect to the Docker daemon socket at "
    "unix:///var/run/docker.sock: dial unix /var/run/docker.sock: connect: permission denied"
)


# The same of version 28.2.2, as seen.
DENIED_28 = (
    "permission denied while trying to connect to the Docker daemon socket at "
    'unix:///var/run/docker.sock: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.50/containers/json": '
    "dial unix /var/run/docker.sock: connect: permission denied"
)
# It takes `compose` for no command, and so its option for one of its own.
NO_COMPOSE_28 = (
    "unknown flag: --short\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\n"
    "Run 'docker --help' for more information"
)


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (DENIED, EnginePermission),
        (DENIED_28, EnginePermission),
        (NO_COMPOSE_28, ComposeMissing),
        ("Cannot connect to the Docker daemon at unix:///x. Is it running?", EngineNotRunning),
        ("error during connect: Get https://x: EOF", EngineNotRunning),
        ("docker: 'compose' is not a docker command.\nSee 'docker --help'", ComposeMissing),
        ("unknown shorthand flag: 'f' in -f", ComposeMissing),
    ],
)
def test_each_reason_why_docker_cannot_be_used_has_its_own_failure(
    output: str, kind: type[RuntimeProblem]
) -> None:
    found = failure(output, doing="list containers")

    assert type(found) is kind
    assert found.exit_code == 4
    assert "embedded" in found.hint


def test_any_other_failure_has_its_purpose_and_the_last_line() -> None:
    found = failure("step 1\n\nError: it broke\n\n", doing="start the stack")

    assert type(found) is RuntimeProblem
    assert found.message == "Docker cannot start the stack: Error: it broke"
    assert failure("", doing="x").message == "Docker cannot x: it gave no reason"


@pytest.mark.parametrize(
    "output",
    [
        'unexpected character "/" in variable name "SMTP/PASS=hunter2 \\"quoted\\""',
        'unexpected character "@" in variable name near "A@B=hunter2\\nC=hunter2\\n"',
        "unterminated quoted value 'hunter2",
    ],
)
def test_a_line_of_env_that_compose_quotes_is_left_out(output: str) -> None:
    found = failure(f"failed to read /x/.env: line 3: {output}", doing="start the stack")

    assert found.message.startswith("Docker cannot start the stack: failed to read /x/.env: line 3")
    assert "hunter2" not in found.message


@pytest.mark.parametrize("version", ["2.20.0", "v2.26.1-4", "5.0.1", "dev"])
def test_a_compose_that_is_new_enough_is_accepted(version: str) -> None:
    check_compose(version)


@pytest.mark.parametrize("version", ["2.19.1\n", "1.29.2", "v2.3.4"])
def test_an_outdated_compose_is_reported_with_both_versions(version: str) -> None:
    with pytest.raises(ComposeMissing) as old:
        check_compose(version)

    assert version.strip() in old.value.message
    assert "2.20" in old.value.message
