"""``gatewayctl audit`` after the verbs that change a project, and ``--lock-timeout``."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from gatewayctl.errors import ServiceFailed
from gatewayctl.operations.state.audit import read_audit
from gatewayctl.operations.state.lock import hold_lock
from tests.integration.stack_project import Project, document

HOLDER = """
import sys
from pathlib import Path
from gatewayctl.operations.state.lock import hold_lock
with hold_lock(Path(sys.argv[1]), "backup"):
    print("held", flush=True)
    sys.stdin.read()
"""


def entries(project: Project) -> list[tuple[str, str | None, str, str | None]]:
    found = document(project.run("audit", "--json"))["data"]["entries"]
    return [(each["verb"], each["subject"], each["outcome"], each["code"]) for each in found]


def test_the_verbs_that_run_the_stack_are_in_the_log(ready: Project) -> None:
    ready.run("restart", "litellm", "phoenix")
    ready.run("down")
    ready.run("down", "--volumes", "--yes")

    assert entries(ready) == [
        ("init", None, "done", None),
        ("up", None, "done", None),
        ("restart", "litellm phoenix", "done", None),
        ("down", None, "done", None),
        ("down --volumes", None, "done", None),
    ]
    text = ready.run("audit").stdout
    assert "restart litellm phoenix" in text


def test_what_only_looks_is_not_in_the_log(ready: Project) -> None:
    for words in (["status"], ["plan"], ["logs"], ["keys", "list"], ["render", "--check"]):
        ready.run(*words)

    assert [verb for verb, *_ in entries(ready)] == ["init", "up"]


def test_a_verb_that_failed_is_in_the_log_with_its_code(ready: Project) -> None:
    ready.runtime.raising = {"stop": ServiceFailed("litellm does not stop")}

    assert ready.run("down").exit_code == 4

    assert entries(ready)[-1] == ("down", None, "failed", "service_failed")


def test_a_verb_that_found_the_project_locked_changed_nothing_and_is_not_in_the_log(
    ready: Project,
) -> None:
    with hold_lock(ready.folder / ".gatewayctl", "backup"):
        refused = document(ready.run("--lock-timeout", "0.02", "down", "--json"))

    assert refused["error"]["code"] == "locked"
    assert "gatewayctl backup" in refused["error"]["message"]
    assert "Waited 0.02 s for it." in refused["error"]["message"]
    assert [verb for verb, *_ in entries(ready)] == ["init", "up"]


@pytest.mark.parametrize("quiet", [False, True])
def test_a_verb_waits_for_the_one_before_it_and_says_so(ready: Project, quiet: bool) -> None:
    state = ready.folder / ".gatewayctl"
    argv = [sys.executable, "-c", HOLDER, str(state)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        words = ["--lock-timeout", "60", "--runtime", "embedded", "down", "--json"]
        words = ["-q", *words] if quiet else words
        program = [sys.executable, "-m", "gatewayctl", "-C", str(ready.folder), *words]
        pipe = subprocess.PIPE
        with subprocess.Popen(program, stdout=pipe, stderr=pipe, text=True) as waiting:
            while not has_open(waiting.pid, state / "lock"):
                assert waiting.poll() is None
            assert waiting.stderr is not None
            first = "" if quiet else waiting.stderr.readline()
            let_go = datetime.now(UTC)
            holder.stdin.close()
            said, narrated = waiting.communicate(timeout=60)

    assert json.loads(said)["status"] == "success"
    wait = (
        f"Waiting up to 60 s: this project is being changed: gatewayctl backup (pid {holder.pid})"
    )
    assert (first + narrated).startswith(wait) != quiet
    last = read_audit(state).entries[-1]
    assert (last.verb, last.outcome) == ("down", "done")
    # The log counts in whole milliseconds.
    assert last.at >= let_go - timedelta(milliseconds=1)


def has_open(pid: int, file: Path) -> bool:
    return any(each.path == str(file) for each in psutil.Process(pid).open_files())


def test_the_time_to_wait_may_stand_in_the_environment_too(
    ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAYCTL_LOCK_TIMEOUT", "0.03")

    with hold_lock(ready.folder / ".gatewayctl", "backup"):
        refused = ready.run("down")

    assert "Waited 0.03 s for it." in refused.stderr


def test_an_invalid_time_is_a_usage_error(ready: Project) -> None:
    assert ready.run("--lock-timeout", "-1", "down").exit_code == 2
    assert ready.run("--lock-timeout", "soon", "down").exit_code == 2
    refused = ready.run("--lock-timeout", "nan", "down")
    assert refused.exit_code == 3
    assert "--lock-timeout: lock_timeout must be a non-negative number of seconds" in refused.stderr


def test_every_verb_about_keys_names_the_keys_it_changed(ready: Project) -> None:
    ready.run("keys", "create", "batch")
    ready.run("keys", "create")
    ready.run("keys", "rotate", "batch")
    ready.run("keys", "revoke", "batch", "--yes")
    ready.run("keys", "revoke", "litellm-eval", "--yes")
    ready.run("keys", "create")
    ready.run("keys", "revoke", "litellm-dev", "--yes")
    ready.run("keys", "sync")
    ready.run("keys", "revoke", "litellm-dev", "--yes")
    ready.run("keys", "check", "--fix")

    changes = [(verb, subject) for verb, subject, *_ in entries(ready)]
    assert [change for change in changes if change[0].startswith("keys ")] == [
        ("keys create", "batch"),
        ("keys create", None),
        ("keys rotate", "batch"),
        ("keys revoke", "batch"),
        ("keys revoke", "litellm-eval"),
        ("keys create", "litellm-eval"),
        ("keys revoke", "litellm-dev"),
        ("keys sync", "litellm-dev"),
        ("keys revoke", "litellm-dev"),
        ("keys check --fix", "litellm-dev"),
    ]
