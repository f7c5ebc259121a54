"""`doctor` on a real stack: no finding on a clean one, and one for each planted fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.orphans import MARK
from tests.e2e.conftest import Project, own_stack
from tests.fakes.upstream import Upstream


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment,
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    with own_stack(tmp_path_factory.mktemp("doctor"), upstream=upstream.url) as made:
        made.ok("up", "--timeout", "240")
        yield made


def run_doctor(project: Project, *args: str) -> tuple[int, dict[str, Any]]:
    done = project.run("doctor", *args, "--json")
    data: dict[str, Any] = json.loads(done.stdout)["data"]
    for name, secret in project.secrets().items():
        assert name == COLLECTOR or len(secret) < 20 or secret not in done.stdout, name
    return done.returncode, data


def ids(data: dict[str, Any]) -> set[str]:
    # Environments of other versions may be on this machine, which is not a fault.
    return {found["id"] for found in data["findings"]} - {"environments_old"}


def delete_key(project: Project, variable: str) -> None:
    secrets = project.secrets()
    deleted = httpx.post(
        f"{project.gateway_url}/key/delete",
        headers={"Authorization": f"Bearer {secrets['LITELLM_MASTER_KEY']}"},
        json={"keys": [secrets[variable]]},
        trust_env=False,
        timeout=30,
    )
    assert deleted.status_code == 200, deleted.text


def test_a_clean_stack_has_no_finding_and_every_check_runs(project: Project) -> None:
    exit_code, data = run_doctor(project)

    assert (exit_code, ids(data)) == (0, set())
    assert {check["state"] for check in data["checks"]} == {"ran"}
    assert len(data["checks"]) >= 25


COLLECTOR = "PHOENIX_COLLECTOR_HTTP_ENDPOINT"
FIXABLE = {"env_file_mode", "env_file_not_ignored", "files_differ", "secret_missing", "key_refused"}
FOR_PEOPLE = {
    "env_value_ambiguous", "secret_weak", "secrets_the_same", "provider_key_missing",
    "provider_key_refused", "model_not_served", "salt_key_changed",
}  # fmt: skip


def test_every_planted_fault_is_reported_and_the_safe_fixes_are_applied(project: Project) -> None:
    env, config = project.folder / ".env", project.folder / "gateway.yaml"
    old_env, old_config = env.read_text(), config.read_text()
    assert project.run("chat", "--model", "say-401", "Hello").returncode == 6
    delete_key(project, "LITELLM_API_KEY")
    (project.folder / ".git").mkdir()
    (project.folder / ".gitignore").unlink()
    rendered = project.folder / "compose" / "litellm_config.yaml"
    rendered.write_text(rendered.read_text() + "# a manual edit\n")
    secrets = project.secrets()
    planted = (
        old_env.replace(f"UI_PASSWORD={secrets['UI_PASSWORD']}\n", "")
        .replace(secrets["LITELLM_SALT_KEY"], "sk-salt-1234")
        .replace(secrets["LITELLM_EVAL_KEY"], secrets["POSTGRES_PASSWORD"])
    )
    env.write_text(f"{planted}APP_TITLE=two words\n")
    env.chmod(0o644)
    config.write_text(f"{old_config}  late: {{model: openai/x, api_key_env: NOBODY_SET_THIS}}\n")

    try:
        exit_code, before = _wait_for_spend_logs(project)
        _, after = run_doctor(project, "--fix")
        _, again = run_doctor(project, "--fix")
    finally:
        env.write_text(old_env)
        config.write_text(old_config)

    assert exit_code == 7
    assert ids(before) >= FIXABLE | FOR_PEOPLE
    assert ids(after) & FIXABLE <= {"key_refused"}
    assert {fix["finding"] for fix in after["fixes"] if fix["done"]} >= FIXABLE - {"key_refused"}
    assert [fix for fix in again["fixes"] if fix["done"]] == []


def _wait_for_spend_logs(project: Project) -> tuple[int, dict[str, Any]]:
    """LiteLLM writes its spend logs some seconds after a call."""
    until = time.monotonic() + 60
    while True:
        exit_code, data = run_doctor(project)
        if "provider_key_refused" in ids(data) or time.monotonic() > until:
            return exit_code, data


@pytest.mark.full
def test_spans_sent_to_another_collector_are_missing_in_phoenix(project: Project) -> None:
    env = project.folder / ".env"
    old = env.read_text()
    env.write_text(f"{old}{COLLECTOR}=http://127.0.0.1:9/v1/traces\n")
    project.ok("up", "--timeout", "240")

    _, data = run_doctor(project, "--fix")

    assert ids(data) - {"provider_key_refused"} == {"traces_missing", "traces_elsewhere"}
    env.write_text(old)


def test_with_a_stopped_stack_it_reports_which_checks_were_skipped(project: Project) -> None:
    project.ok("render")
    project.ok("down")

    exit_code, data = run_doctor(project)

    assert (exit_code, ids(data)) == (0, set())
    skipped = {check["name"]: check["why"] for check in data["checks"] if check["state"] != "ran"}
    assert skipped["virtual keys"] == "litellm is not running"


def test_an_orphan_process_is_found_and_stopped(project: Project) -> None:
    environment = {MARK: str(project.folder / ".gatewayctl"), "PATH": os.defpath}
    with subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True) as orphan:
        found = run_doctor(project)[1]
        fixed = run_doctor(project, "--fix")[1]

        assert ids(found) == {"processes_left"}
        assert f"pid {orphan.pid}" in found["findings"][0]["evidence"]
        assert ids(fixed) == set()
        assert orphan.wait(timeout=30) == -signal.SIGTERM
