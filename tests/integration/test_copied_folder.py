"""A folder that was copied from a project that runs: its ports lead to the other project."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.stack_project import Project, document

LISTEN = """\
import socket, sys
listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*[each.getsockname()[1] for each in listeners], flush=True)
sys.stdin.read()
"""
CHANGING = (
    ("keys", "create"),
    ("keys", "create", "extra", "--env", "EXTRA_KEY"),
    ("keys", "rotate", "litellm-dev"),
    ("keys", "revoke", "litellm-dev", "--yes"),
    ("keys", "sync"),
    ("keys", "check", "--fix"),
    ("reset", "--yes"),
)
READING = (
    ("keys", "list"),
    ("keys", "show", "litellm-dev"),
    ("keys", "check"),
    ("keys", "sync", "--dry-run"),
    ("models", "list"),
    ("chat", "--model", "demo", "hi"),
    ("usage",),
    ("usage", "reconcile"),
    ("trace", "list"),
    ("trace", "show", "0" * 31 + "1"),
    ("trace", "verify", "0" * 31 + "1", "--timeout", "0"),
)


@contextmanager
def services_of(folder: Path) -> Iterator[str]:
    """Services of another project: a process with its mark; yields their ports, as for .env."""
    (folder / ".gatewayctl").mkdir(parents=True)
    marked = {"GATEWAYCTL_STATE_DIR": str(folder / ".gatewayctl")}
    argv = [sys.executable, "-S", "-E", "-c", LISTEN]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=marked, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        litellm, phoenix = process.stdout.readline().split()
        yield f"LITELLM_PORT={litellm}\nPHOENIX_PORT={phoenix}\n"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("original") / "shop"
    with services_of(folder) as ports:
        yield folder, ports


@pytest.fixture
def copied(ready: Project, original: tuple[Path, str]) -> Project:
    with (ready.folder / ".env").open("a") as file:
        file.write(original[1])
    ready.runtime.processes = dict.fromkeys(ready.runtime.services, "stopped")
    ready.runtime.strangers = {"litellm", "phoenix"}
    return ready


@pytest.mark.parametrize("words", CHANGING, ids=" ".join)
def test_a_command_that_changes_the_gateway_is_refused_before_it_asks(
    words: tuple[str, ...], copied: Project, original: tuple[Path, str]
) -> None:
    before, env = dict(copied.litellm.keys), (copied.folder / ".env").read_bytes()

    result = copied.run(*words, "--json")

    error = document(result)["error"]
    assert (result.exit_code, error["code"]) == (4, "port_taken")
    assert f"is used by the gatewayctl project {original[0]}" in error["message"]
    assert f"gatewayctl -C {original[0]}" in error["hint"]
    assert copied.litellm.keys == before
    assert (copied.folder / ".env").read_bytes() == env


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_command_that_only_asks_says_whom(
    words: tuple[str, ...], copied: Project, original: tuple[Path, str]
) -> None:
    result = copied.run(*words)

    assert f"is used by the gatewayctl project {original[0]}" in result.stderr


def test_status_names_the_other_project(copied: Project, original: tuple[Path, str]) -> None:
    hint = document(copied.run("status", "--json"))["error"]["hint"]

    assert f"is used by the gatewayctl project {original[0]}" in hint
    assert f"`gatewayctl -C {original[0]} --runtime embedded down`" in hint


def test_the_stack_of_the_same_folder_in_another_runtime_is_no_other_project(
    copied: Project, original: tuple[Path, str], tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(copied.folder)
    (copied.folder / ".gatewayctl").rename(tmp_path / "state")
    with services_of(link) as ports:
        (copied.folder / ".gatewayctl").rmdir()
        (tmp_path / "state").rename(copied.folder / ".gatewayctl")
        env = copied.folder / ".env"
        env.write_text(env.read_text().replace(original[1], ports))

        assert copied.run("keys", "list").stderr == ""
