"""Failures planted in a real stack: each has its finding, its evidence and a remedy.

One project for all of them, in the order of the file: tests that need no running stack come first.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from gatewayctl.runtimes.embedded.environment import Environment, locate
from tests.e2e.conftest import Project, make_project, own_stack
from tests.e2e.failure import failed
from tests.e2e.one_change import port
from tests.fakes.upstream import Upstream

OTHER = "0123456789abcdef" * 3


@contextmanager
def set_variable(project: Project, name: str, value: str) -> Iterator[None]:
    """Set a variable of .env, and restore the file at the end."""
    path = project.folder / ".env"
    old = path.read_text(encoding="utf-8")
    new, count = re.subn(f"^{name}=.*", f"{name}={value}", old, flags=re.MULTILINE)
    assert count, f"{name} is not in {path}"
    path.write_text(new, encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(old, encoding="utf-8")


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment,
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """A project that is initialized and not started."""
    with own_stack(tmp_path_factory.mktemp("failures"), upstream=upstream.url) as made:
        with (made.folder / "gateway.yaml").open("a", encoding="utf-8") as file:
            file.write(f"  keyless: {{model: openai/keyless, api_base: '{upstream.url}',")
            file.write(" api_key_env: NOBODY_SET_THIS, num_retries: 0}\n")
            # A variable that breaks LiteLLM reaches it only if a model refers to it.
            file.write("  broken: {model: openai/broken, api_key_env: none,")
            file.write(" params: {organization: os.environ/DIRECT_URL}}\n")
        made.ok("init")
        yield made


@pytest.fixture(scope="module")
def started(project: Project) -> Project:
    """The same project, started once; a test may leave it running or stopped."""
    project.ok("up", "--timeout", "240")
    return project


def running(project: Project) -> dict[str, int | None]:
    """Return the pid of each running service."""
    document = json.loads(project.run("status", "--json").stdout)
    return {
        each["service"]: each["pid"]
        for each in document["data"]["services"]
        if each["state"] != "stopped"
    }


def psql(project: Project, sql: str, database: str = "postgres") -> None:
    """Run a statement as the administrator of the project's PostgreSQL."""
    environment = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(project.ports["postgres_litellm"]),
        "PGUSER": "postgres",
        "PGDATABASE": database,
        "PGPASSWORD": project.secrets()["POSTGRES_PASSWORD"],
    }
    program = locate(Path(project.environment()["XDG_CACHE_HOME"])).postgres_bin / "psql"
    subprocess.run([str(program), "-Xqc", sql], env=environment, check=True, capture_output=True)


# These need no running stack.


def test_a_weak_master_key_is_refused_before_litellm_refuses_it(project: Project) -> None:
    with set_variable(project, "LITELLM_MASTER_KEY", "sk-1234"):
        found = failed(project, "up")

    assert found.where == (3, "master_key_weak", None)
    assert ".env line" in found.error["message"]
    assert running(project) == {}


def test_a_broken_environment_is_reported_and_fixed_by_one_command(
    project: Project, embedded_environment: Environment, tmp_path: Path
) -> None:
    there = locate(tmp_path).root
    there.mkdir(parents=True)
    shutil.copy(embedded_environment.complete_mark, there)
    project.extra_env["XDG_CACHE_HOME"] = str(tmp_path)
    try:
        found = failed(project, "up")
        report = json.loads(project.run("doctor", "--fix", "--json").stdout)["data"]
    finally:
        del project.extra_env["XDG_CACHE_HOME"]

    assert found.where == (4, "environment_broken", None)
    assert "gatewayctl doctor --fix" in found.error["hint"]
    assert [fix["finding"] for fix in report["fixes"]] == ["environment_broken"]
    assert "environment_broken" not in [each["id"] for each in report["findings"]]
    assert not locate(tmp_path).complete


def test_a_full_disk_is_reported(project: Project) -> None:
    state = project.folder / ".gatewayctl"
    state.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(state)]
    refused = subprocess.run(mount, capture_output=True, text=True, check=False)
    if refused.returncode:
        pytest.skip(f"no small disk to fill can be mounted here: {refused.stderr.strip()}")
    try:
        found = failed(project, "up")
        project.run("down")
    finally:
        subprocess.run(["umount", str(state)], check=True)

    assert found.where[:2] == (4, "disk_full")
    assert re.search("No space left|free disk space", found.error["message"])
    assert "du -xh" in found.error["hint"]


# These need a stack with data.


@pytest.mark.parametrize(
    ("model", "finding"),
    [("say-401", "provider_key_refused"), ("keyless", "provider_key_missing")],
)
def test_a_missing_provider_key_is_distinguished_from_a_refused_one(
    model: str, finding: str, started: Project
) -> None:
    found = failed(started, "chat", "--model", model, "Hello")

    assert found.where[:2] == (6, finding)
    assert "real key into .env" in found.error["hint"]


def test_a_changed_salt_key_is_refused(started: Project) -> None:
    before = running(started)

    with set_variable(started, "LITELLM_SALT_KEY", f"sk-{OTHER}"):
        found = failed(started, "up")

    assert found.where == (3, "salt_key_changed", None)
    assert ".env line" in found.error["message"]
    assert running(started) == before


def test_an_unfinished_migration_is_reported_and_the_other_services_keep_running(
    started: Project,
) -> None:
    broken = (
        "insert into _prisma_migrations (id, checksum, migration_name, started_at,"
        " applied_steps_count) values ('planted', 'x', '2099_planted', now(), 0)"
    )
    psql(started, broken, "litellm")

    found = failed(started, "restart", "litellm")

    assert found.where[:2] == (4, "migration_failed")
    assert "2099_planted" in found.error["message"]
    assert set(running(started)) == {"postgres", "phoenix"}
    psql(started, "delete from _prisma_migrations where id = 'planted'", "litellm")


def test_a_failed_database_setup_is_distinguished_from_a_failed_migration(
    started: Project,
) -> None:
    psql(started, "alter role litellm_user connection limit 0")

    found = failed(started, "restart", "litellm")

    psql(started, "alter role litellm_user connection limit -1")
    assert found.where[:2] == (4, "database_setup_failed")
    assert "too many connections" in found.error["message"]


def test_the_exit_of_litellm_is_explained_by_its_log_while_phoenix_waits(
    started: Project,
) -> None:
    env = started.folder / ".env"
    old = env.read_text(encoding="utf-8")
    env.write_text(f"{old}DIRECT_URL=mysql://127.0.0.1/none\n", encoding="utf-8")
    try:
        found = failed(started, "up", "--timeout", "120")
    finally:
        env.write_text(old, encoding="utf-8")

    assert found.where == (4, "database_setup_failed", "litellm")
    message = found.error["message"]
    assert message.startswith("litellm failed (exit code 1): LiteLLM's database could not be set")
    assert "unsupported scheme 'mysql'" in message
    assert message.count("\n") <= 24
    assert "unsupported scheme" in started.ok("logs", "litellm", "--tail", "50")
    assert {"postgres", "phoenix"} <= set(running(started))


def test_a_changed_database_password_is_reported_and_cured_as_the_hint_says(
    started: Project,
) -> None:
    with set_variable(started, "POSTGRES_PASSWORD", OTHER):
        found = failed(started, "restart", "litellm")
        cured = started.run("up", "--timeout", "120")

    assert found.where[:2] == (4, "database_password_refused")
    assert found.error["hint"].startswith("Run `gatewayctl up`.")
    assert cured.returncode == 0, cured.stderr
    started.ok("up", "--timeout", "120")


@pytest.mark.full
def test_a_phoenix_that_does_not_answer_is_reported_with_its_last_answer(started: Project) -> None:
    started.ok("up", "--timeout", "120")
    pid = running(started)["phoenix"]
    assert pid is not None

    os.kill(pid, signal.SIGSTOP)
    try:
        found = failed(started, "up", "--timeout", "4")
    finally:
        os.kill(pid, signal.SIGCONT)

    assert found.where == (4, "phoenix_unreachable", "phoenix")
    assert "no answer within 3 s" in found.error["message"]
    assert "gatewayctl restart phoenix" in found.error["hint"]
    assert running(started)["phoenix"] == pid


def test_a_changed_port_is_applied_by_the_command_of_the_hint(started: Project) -> None:
    started.ok("up", "--timeout", "120")
    old = started.gateway_url
    port("litellm")(started)

    status = json.loads(started.run("status", "--json").stdout)
    usage = json.loads(started.run("usage", "--json").stdout)

    litellm = next(s for s in status["data"]["services"] if s["service"] == "litellm")
    assert (litellm["health"], litellm["address"]) == ("unhealthy", old)
    for found in (status, usage):
        assert found["error"]["hint"].startswith("Run `gatewayctl up`.")
    started.ok("up", "--timeout", "120")
    started.ok("status")


def test_a_copied_folder_changes_and_dumps_nothing_of_its_original(
    started: Project, tmp_path: Path
) -> None:
    started.ok("up", "--timeout", "120")
    shutil.copytree(started.folder, tmp_path / "copy", ignore=_ignore_sockets)
    copy = Project(folder=tmp_path / "copy", ports=started.ports)
    keys = started.data("keys", "list")

    for words in (("keys", "rotate", "litellm-dev"), ("backup",), ("reset", "--yes")):
        found = failed(copy, *words)
        assert found.where[:2] == (4, "port_taken"), words
        assert f"the gatewayctl project {started.folder}" in found.error["message"]
    plan = copy.run("plan", "--json")

    assert plan.returncode == 8
    assert "but would fail" in json.loads(plan.stdout)["error"]["message"]
    assert str(started.folder) in copy.run("status").stderr
    assert str(started.folder) in copy.run("chat", "--model", "demo", "Hello").stderr
    assert started.data("keys", "list") == keys
    assert not list((copy.folder / ".gatewayctl").glob("backups/*.gatewayctl-backup"))


def _ignore_sockets(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if (Path(folder) / name).is_socket()}


def test_up_starts_a_database_that_failed_before_and_is_whole_again(started: Project) -> None:
    started.ok("down")
    data = started.folder / ".gatewayctl" / "postgres" / "data"
    (data / "global").rename(data.parent / "global")
    found = failed(started, "up")
    (data.parent / "global").rename(data / "global")

    again = started.run("up", "--timeout", "120")

    assert found.where[:2] == (4, "database_damaged")
    assert "could not find the database system" in found.error["message"]
    assert again.returncode == 0, again.stderr


def test_a_port_of_another_project_is_freed_by_the_command_of_the_hint(
    started: Project, tmp_path: Path
) -> None:
    other = make_project(tmp_path / "other")
    shutil.copy(started.folder / "gateway.yaml", other.folder)

    error = json.loads(other.run("up", "--json").stdout)["error"]

    assert error["code"] == "port_taken"
    assert f"the gatewayctl project {started.folder}" in error["message"]
    assert [path.name for path in other.folder.iterdir()] == ["gateway.yaml"]
    (command,) = re.findall(r"`gatewayctl ([^`]+)`", error["hint"])
    other.ok(*shlex.split(command))
    assert running(started) == {}
    assert "port_taken" not in other.run("doctor", "--json").stdout


def test_a_taken_port_is_reported_with_the_process_that_uses_it(started: Project) -> None:
    import socket

    started.ok("down")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", started.ports["phoenix"]))
        other.listen()

        found = failed(started, "up")

    assert found.where[:2] == (4, "port_taken")
    assert f"pid {os.getpid()}" in found.error["message"]
    assert running(started) == {}


@pytest.mark.full
def test_a_service_that_the_kernel_kills_for_its_memory_is_reported(started: Project) -> None:
    started.ok("down")
    with _limit_memory() as program:
        started.program = (*program, *started.program)
        try:
            up = started.start("up", "--json", "--timeout", "120")
            if not program:
                _kill_when_it_starts(started)
            out, _ = up.communicate(timeout=150)
        finally:
            started.program = started.program[len(program) :]
            started.run("down")

    error = json.loads(out)["error"]
    # Node.js reports it before the kernel does.
    assert (up.returncode, error["finding"]) in {(4, "service_killed"), (4, "out_of_memory")}
    assert "SIGKILL" in error["message"] or "memory" in error["message"]
    assert error["service"] in {"litellm", "phoenix"}


@contextmanager
def _limit_memory() -> Iterator[tuple[str, ...]]:
    """Yield a command prefix that limits memory to one service; empty if not permitted."""
    group = Path("/sys/fs/cgroup/memory") / f"gatewayctl-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text("600M")
    except OSError:
        # The test sends the same signal itself then.
        yield ()
        return
    try:
        yield "sh", "-c", f'echo $$ > {group}/tasks; exec "$@"', "sh"
    finally:
        group.rmdir()


def _kill_when_it_starts(project: Project) -> None:
    for _ in range(600):
        pid = running(project).get("litellm")
        if pid is not None and psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)
            return
    pytest.fail("litellm never started")
