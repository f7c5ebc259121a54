"""Backup, reset and restore on the Docker runtime, with its two database servers.

A usual test of both is the rollback in test_upgrade.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, own_stack
from tests.e2e.docker.conftest import MakeProject
from tests.e2e.killing import kill_at
from tests.e2e.test_backup import is_accepted, load, store_credential, traces


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_backup_under_load_a_reset_and_a_killed_restore(new_project: MakeProject) -> None:
    project: Project = new_project()
    project.ok("up", "--timeout", "280")
    store_credential(project)
    trace = project.data("chat", "--model", "demo", "--verify", "before")["trace_id"]
    key = project.secrets()["LITELLM_API_KEY"]

    with load(project) as statuses:
        time.sleep(1)
        backup = project.data("backup")
        time.sleep(1)
    assert set(statuses) == {200}

    reset = project.data("reset", "--yes", "--timeout", "280")
    assert not is_accepted(project, key)
    assert Path(reset["backup"]).is_file()
    assert traces(project, trace)

    words = ("restore", backup["file"], "--yes", "--timeout", "280")
    for step in ("services working", "swap of litellm ready"):
        assert kill_at(project, step, *words)
    report = project.data(*words)

    assert report["contents"] == backup["contents"]
    assert (report["key_opens"], report["credential"]) == (True, "decrypted")
    assert project.secrets()["LITELLM_API_KEY"] == key
    assert is_accepted(project, key)
    assert len(traces(project, trace)) > 1


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_backup_of_the_embedded_runtime_is_restored_into_docker(
    new_project: MakeProject, embedded_environment: Environment, tmp_path: Path
) -> None:
    file = tmp_path / "moved.gatewayctl-backup"
    with own_stack(tmp_path / "embedded") as embedded:
        embedded.ok("up", "--timeout", "280")
        store_credential(embedded)
        trace = embedded.data("chat", "--model", "demo", "--verify", "before")["trace_id"]
        key = embedded.secrets()["LITELLM_API_KEY"]
        embedded.ok("backup", str(file))
    project: Project = new_project()

    report = project.data("restore", str(file), "--force", "--yes", "--timeout", "280")

    assert (report["key_opens"], report["credential"]) == (True, "decrypted")
    assert is_accepted(project, key)
    assert len(traces(project, trace)) > 1
    assert {each["state"] for each in project.data("keys", "list")["keys"]} == {"ok"}
