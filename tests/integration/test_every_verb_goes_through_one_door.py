"""Every command either changes nothing, or holds the lock and is in the audit log.

A new command fails here until it is listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gatewayctl.cli.app import app
from gatewayctl.operations.state import exclusive, restore_journal
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.operations.state.upgrade_journal import Journal, write_journal
from gatewayctl.settings.load import load_settings
from tests.fakes.releases import NEW, OLD, ReleasedRuntime
from tests.fakes.runtime import SERVICES
from tests.integration.planted_states import add_model_in_ui
from tests.integration.stack_project import AT, Project, document

CHANGING = {
    "demo": (),
    "init": (),
    "render": (),
    "up": (),
    "keys create": (),
    "keys check": ("--fix",),
    "keys rotate": ("litellm-dev",),
    "keys revoke": ("litellm-dev", "--yes"),
    "keys sync": (),
    "config pull": (),
    "doctor": ("--fix",),
    "restart": (),
    "scale": ("litellm=2",),
    "down": (),
    "backup": (),
    "restore": ("a.bak", "--yes"),
    "reset": ("--yes",),
    "upgrade": (),
    "images pin": (),
    "rollback": ("--yes",),
    "bench": (),
}
"""With the arguments that make them change something."""
READING = {
    *("plan", "chat", "env", "status", "logs", "ui", "audit", "models list", "sbom"),
    *("keys list", "keys show", "trace show", "trace verify", "trace list"),
    *("usage", "usage reconcile"),
}
LONG = (
    *("demo", "up", "restart", "down", "backup", "restore", "reset", "upgrade", "rollback"),
    *("images pin", "scale", "bench"),
)
WHILE_UNFINISHED = ("restore", "down")


def commands(group: Any, above: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        path = f"{above} {name}".strip()
        if getattr(command, "commands", None):
            yield from commands(command, path)
            if not command.invoke_without_command:
                continue
        yield path


def contents(project: Project) -> dict[Path, bytes]:
    """Every file of the project but the lock and the audit log."""
    apart = {"lock", "audit.jsonl"}
    files = (file for file in project.folder.rglob("*") if file.is_file())
    return {file: file.read_bytes() for file in files if file.name not in apart}


@pytest.fixture
def broken(ready: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in which every command that changes something has something to change."""
    project = ready
    monkeypatch.chdir(project.folder)
    add_model_in_ui(project)
    (project.folder / "a.bak").write_bytes(b"x")
    (project.folder / "compose" / "litellm_config.yaml").unlink()
    lines = (project.folder / ".env").read_text().splitlines(keepends=True)
    (project.folder / ".env").write_text("".join(x for x in lines if "UI_PASSWORD" not in x))
    project.runtime = ReleasedRuntime(
        folder=project.folder, processes=dict.fromkeys(SERVICES, "running")
    )
    settings = load_settings(project.folder, environ={})
    applied = tuple(f"migration_{number}" for number in range(3))
    journal = Journal(before=OLD, after=NEW, at=AT, step="done", migrations=applied)
    write_journal(settings, journal)
    return project


def use_runtime_of(command: str, project: Project) -> None:
    """Only a cluster has pods to scale."""
    if command == "scale":
        project.runtime.name = "kubernetes"


def test_every_command_is_listed() -> None:
    every = set(commands(typer.main.get_command(app)))

    assert every == {*CHANGING, *READING}
    assert {*LONG, "down --volumes"} - {"demo"} == exclusive.LONG_VERBS


@pytest.mark.parametrize("command", CHANGING)
def test_a_command_that_changes_something_is_refused_while_another_does(
    broken: Project, command: str
) -> None:
    use_runtime_of(command, broken)
    before = contents(broken)

    with hold_lock(broken.folder / ".gatewayctl", "backup"):
        wait = () if command in LONG else ("--lock-timeout", "0")
        refused = document(broken.run(*wait, *command.split(), *CHANGING[command], "--json"))

    assert refused["error"]["code"] == "locked"
    assert contents(broken) == before
    assert not {"start", "stop", "stop --remove-data"} & set(broken.runtime.calls)


@pytest.mark.parametrize("command", sorted(set(CHANGING) - set(WHILE_UNFINISHED)))
def test_a_command_that_changes_something_is_refused_until_a_restore_is_finished(
    broken: Project, command: str
) -> None:
    use_runtime_of(command, broken)
    restore_journal.begin(broken.folder / ".gatewayctl", Path("/backups/a file"))
    before = contents(broken)

    refused = document(broken.run(*command.split(), *CHANGING[command], "--json"))

    assert refused["error"]["code"] == "restore_unfinished"
    assert "gatewayctl restore '/backups/a file' --yes" in refused["error"]["hint"]
    assert contents(broken) == before
    last = document(broken.run("audit", "--json"))["data"]["entries"][-1]
    assert (last["outcome"], last["code"]) == ("failed", "restore_unfinished")


@pytest.mark.parametrize("command", sorted(READING))
def test_a_command_that_reads_needs_no_lock_and_changes_no_file(
    ready: Project, command: str
) -> None:
    arguments = {
        "chat": ("--model", "demo", "Hello"),
        "keys show": ("litellm-dev",),
        "trace show": ("0" * 32,),
        "trace verify": ("0" * 32,),
        "ui": ("--print",),
    }
    before = contents(ready)

    with hold_lock(ready.folder / ".gatewayctl", "backup"):
        result = ready.run(*command.split(), *arguments.get(command, ()), "--json")

    assert '"locked"' not in result.stdout
    assert contents(ready) == before
