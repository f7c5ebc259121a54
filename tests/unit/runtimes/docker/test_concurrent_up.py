from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes.docker.concurrent_up import find_concurrent_ups
from gatewayctl.settings.model import Settings
from tests.fakes.driving import driven
from tests.unit.runtimes.docker.faked_engine import runtime_of, up_and_running

UP = ("compose", "--project-name", "shop", "up", "--detach")


@contextmanager
def a_process(*words: str) -> Iterator[int]:
    """A process with these arguments."""
    waits = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", waits, *words], stdin=subprocess.PIPE) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def test_another_start_of_this_project_is_found_while_it_runs() -> None:
    with a_process(*UP) as pid:
        assert find_concurrent_ups("shop") == (pid,)
    assert find_concurrent_ups("shop") == ()


@pytest.mark.parametrize(
    "words",
    [
        ("compose", "--project-name", "other", "up", "--detach"),
        ("compose", "--project-name", "shop", "--dry-run", "up", "--detach"),
        # Somebody who watches it in a terminal would be waited for until it is closed.
        ("compose", "--project-name", "shop", "up"),
        ("compose", "--project-name", "shop", "logs", "--follow"),
    ],
)
def test_other_commands_and_projects_are_no_start_of_this_project(words: tuple[str, ...]) -> None:
    with a_process(*words):
        assert find_concurrent_ups("shop") == ()


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
def test_changes_wait_for_another_start_of_this_project(settings: Settings, verb: str) -> None:
    docker = up_and_running()
    docker.concurrent = [(7,), (7,), ()]
    runtime = runtime_of(settings, docker)

    events, _ = driven(runtime.restart([]) if verb == "restart" else getattr(runtime, verb)())

    seen = [(event.state, event.detail) for event in events if event.subject == "docker compose"]
    assert seen == [
        ("working", "waiting for another `docker compose up` of this project"),
        ("ready", ""),
    ]
    assert docker.concurrent == []
    assert docker.calls


def test_another_start_that_never_ends_is_reported_and_nothing_is_changed(
    settings: Settings,
) -> None:
    docker = up_and_running()
    docker.concurrent = [(7,)] * 1000

    with pytest.raises(RuntimeProblem, match=r"does not end \(pid 7\)") as caught:
        driven(runtime_of(settings, docker).start())

    assert "kill 7" in caught.value.hint
    assert docker.calls == []
