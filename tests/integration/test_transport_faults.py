"""Every command that asks LiteLLM or Phoenix, and every way in which these can fail to answer.

Whatever happens, the command ends with an error of ours: no traceback, no internal error, no
secret.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import httpx
import pytest
from _pytest.mark import ParameterSet
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides
from tests.fakes.fault_server import (
    FAULTS,
    NO_ANSWER,
    OF_EACH_KIND,
    FaultServer,
    FaultyPart,
    failing,
)
from tests.integration.stack_project import Project

TRACE: Final = "0" * 31 + "1"
ANSWERS: Final = {5, 6}
COMMANDS: Final = {
    "chat hi": ANSWERS,
    "chat hi --no-stream": ANSWERS,
    "chat --route reasoning hi": ANSWERS,
    "chat --route auto hi --no-stream": ANSWERS,
    "chat hi --verify --timeout 0": ANSWERS,
    "keys create": ANSWERS,
    "keys create extra --env EXTRA_KEY": ANSWERS,
    "keys list": ANSWERS,
    "keys show litellm-dev": ANSWERS,
    "keys check": {5, 6, 7},
    "keys rotate litellm-dev": ANSWERS,
    "keys revoke litellm-dev --yes": ANSWERS,
    "keys sync": ANSWERS,
    "models list": ANSWERS,
    "models list --check": ANSWERS,
    "usage": ANSWERS,
    "usage reconcile": ANSWERS,
    f"trace verify {TRACE} --timeout 0": ANSWERS,
    "status": {4},
    "doctor": {7},
}
"""Commands that ask LiteLLM, and the exit codes that the contract has for its faults."""
PHOENIX_COMMANDS: Final = {
    "chat hi": {0},
    "chat hi --verify --timeout 0": {5},
    f"trace show {TRACE}": {5, 6},
    "trace list": {5, 6},
    f"trace verify {TRACE} --timeout 0": {5},
    "usage reconcile": {5, 6},
    "plan": {0},
    "status": {0, 4},
    "doctor": {0, 7},
}
"""Commands that ask Phoenix. A reply is complete without its trace; Phoenix is healthy if its
header is there. 6: it refuses the login."""
STARTING_COMMANDS: Final = (
    "up --timeout 1",
    "restart --timeout 1",
    "reset --yes --no-backup --timeout 1",
)
"""Commands that wait until both are ready, a second at least."""
AFTER_404: Final = {
    "keys show litellm-dev": {2},
    "keys revoke litellm-dev --yes": {0},
    f"trace show {TRACE}": {2},
    "trace list": {0},
    "usage reconcile": {7},
}
"""A key or a project of Phoenix that does not exist is an answer."""
SLOW: Final = {"doctor", f"trace verify {TRACE} --timeout 0", "chat hi --verify --timeout 0"}
"""They wait for a trace that may be late."""


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with failing() as running:
        yield running


def run(project: Project, transport: httpx.BaseTransport, command: str) -> Result:
    overrides = Overrides(runtime=project.runtime, transport=transport)
    words = ["-C", str(project.folder), *command.split(), "--json"]
    return CliRunner().invoke(app, words, obj=overrides)


def complaint(project: Project, result: Result, allowed: set[int]) -> str | None:
    """What is wrong with the end of a command; None if it is as it should be."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return f"raised {result.exception!r}"
    if "Traceback" in result.output:
        return "a traceback"
    for name, secret in project.secrets().items():
        if secret in result.output:
            return f"shows {name}"
    try:
        document = json.loads(result.stdout)
    except ValueError:
        return f"no document: {result.output[:300]}"
    code = (document.get("error") or {}).get("code")
    if code == "bug" or result.exit_code not in allowed:
        return f"exit {result.exit_code}, {document.get('error')}"
    return None


def check(
    project: Project,
    server: FaultServer,
    transport: httpx.BaseTransport,
    command: str,
    allowed: set[int],
    faults: tuple[str, ...],
) -> None:
    wrong = {}
    for fault in faults:
        server.fault = fault
        expected = allowed
        if fault == "status_404":
            expected = expected | AFTER_404.get(command, set())
        if found := complaint(project, run(project, transport, command), expected):
            wrong[fault] = found
    assert wrong == {}


def asks_litellm(url: httpx.URL) -> bool:
    return url.port == 4000


def asks_litellm_beyond_health(url: httpx.URL) -> bool:
    return url.port == 4000 and not url.path.startswith("/health")


def asks_phoenix(url: httpx.URL) -> bool:
    return url.port == 6006


def each(commands: Iterable[str]) -> list[ParameterSet]:
    """The commands with a fault of each kind, and for the thorough run with all faults."""
    some = [
        pytest.param(command, ("bad_gzip",) if command in SLOW else OF_EACH_KIND, id=command)
        for command in commands
    ]
    every = [
        pytest.param(command, tuple(FAULTS), id=f"{command}, all faults", marks=pytest.mark.full)
        for command in commands
    ]
    return some + every


@pytest.mark.parametrize(("command", "faults"), each(COMMANDS))
def test_a_litellm_that_fails_is_an_error_of_ours(
    ready: Project, server: FaultServer, command: str, faults: tuple[str, ...]
) -> None:
    transport = FaultyPart(server, ready.litellm.transport(), asks_litellm)

    check(ready, server, transport, command, COMMANDS[command], faults)


@pytest.mark.parametrize(("command", "faults"), each(["up", "demo", "doctor"]))
def test_a_litellm_that_fails_once_it_is_ready_is_an_error_of_ours(
    ready: Project, server: FaultServer, command: str, faults: tuple[str, ...]
) -> None:
    transport = FaultyPart(server, ready.litellm.transport(), asks_litellm_beyond_health)

    check(ready, server, transport, command, {5, 6, 7}, faults)


@pytest.mark.parametrize(("command", "faults"), each(PHOENIX_COMMANDS))
def test_a_phoenix_that_fails_is_an_error_of_ours(
    ready: Project, server: FaultServer, command: str, faults: tuple[str, ...]
) -> None:
    transport = FaultyPart(server, ready.litellm.transport(), asks_phoenix)

    check(ready, server, transport, command, PHOENIX_COMMANDS[command], faults)


@pytest.mark.parametrize(
    ("command", "faults"),
    [
        (STARTING_COMMANDS[0], ("bad_gzip",)),
        *(pytest.param(one, tuple(NO_ANSWER), marks=pytest.mark.full) for one in STARTING_COMMANDS),
    ],
)
@pytest.mark.parametrize("is_faulty", [asks_litellm, asks_phoenix])
def test_a_service_that_never_becomes_ready_ends_the_start_with_an_error_of_ours(
    ready: Project,
    server: FaultServer,
    command: str,
    faults: tuple[str, ...],
    is_faulty: Callable[[httpx.URL], bool],
) -> None:
    transport = FaultyPart(server, ready.litellm.transport(), is_faulty)

    check(ready, server, transport, command, {4}, faults)
