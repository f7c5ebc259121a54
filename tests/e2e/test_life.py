"""The stack's life: interrupted, killed, crashed, reset, stopped. Nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from uv import find_uv_bin

from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.strays import find
from tests.e2e.conftest import Project, make_project


def processes(project: Project) -> list[str]:
    """Names of the live processes that belong to a project."""
    return [process.name() for process in find(Layout(state_dir=project.folder / ".gatewayctl"))]


def eventually(what: Callable[[], bool], seconds: float = 30) -> bool:
    """True as soon as ``what`` is; false when it is not within the time."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


@pytest.fixture
def project(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """A project of the test's own, nothing started."""
    made = make_project(tmp_path_factory.mktemp("life"))
    try:
        yield made
    finally:
        made.run("down")


def test_a_taken_port_is_found_before_anything_starts_and_its_holder_is_named(
    project: Project,
) -> None:
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", project.ports["litellm"]))
        stranger.listen()

        done = project.run("up", "--json")

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (4, "port_taken")
    assert str(project.ports["litellm"]) in error["message"]
    assert f"pid {os.getpid()}" in error["message"]
    assert "ports.litellm" in error["hint"]
    assert processes(project) == []


def test_control_c_during_up_leaves_no_process_and_the_next_up_works(project: Project) -> None:
    up = project.start("up")
    assert eventually(lambda: len(processes(project)) >= 4, 60), "the services did not start"

    up.send_signal(signal.SIGINT)
    _, err = up.communicate(timeout=90)

    assert up.returncode == 130, err
    assert eventually(lambda: processes(project) == [])
    assert project.data("up")["changed"] is True


def test_the_supervisor_killed_leaves_nothing_that_the_next_up_cannot_clear(
    project: Project,
) -> None:
    project.ok("up")
    pid = int((project.folder / ".gatewayctl/run/supervisord.pid").read_text(encoding="ascii"))

    os.kill(pid, signal.SIGKILL)
    again = project.data("up")

    assert sorted(again["started"]) == ["litellm", "phoenix", "postgres"]
    live = find(Layout(state_dir=project.folder / ".gatewayctl"))
    engines = [each for each in live if each.cmdline()[:1] == ["query-engine"]]
    assert len(engines) == 1
    project.ok("down")
    assert processes(project) == []


def test_a_crashed_gateway_is_restarted_and_its_engine_does_not_stay_behind(
    project: Project,
) -> None:
    project.ok("up")
    before = {s["service"]: s["pid"] for s in project.data("status")["services"]}
    engines = [child.pid for child in psutil.Process(before["litellm"]).children(recursive=True)]
    assert engines

    os.kill(before["litellm"], signal.SIGKILL)

    assert eventually(lambda: not any(psutil.pid_exists(pid) for pid in engines))
    assert eventually(lambda: project.run("status").returncode == 0, 90)
    after = {s["service"]: s["pid"] for s in project.data("status")["services"]}
    assert after["litellm"] != before["litellm"]
    assert after["phoenix"] == before["phoenix"]


def test_down_leaves_no_process_and_keeps_the_data(project: Project) -> None:
    project.ok("up")
    key = project.secrets()["LITELLM_API_KEY"]

    project.ok("down")

    assert processes(project) == []
    for name, port in project.ports.items():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, name
    assert "Nothing ran" in project.ok("down")
    project.ok("up")
    assert project.secrets()["LITELLM_API_KEY"] == key
    assert project.data("chat", "--model", "demo", "still the same key?")["reply"]


def test_reset_makes_the_keys_anew_and_keeps_the_traces(project: Project) -> None:
    project.ok("up")
    old = project.secrets()["LITELLM_API_KEY"]
    before = project.data("chat", "--model", "demo", "before the reset")

    refused = project.run("reset")
    project.ok("reset", "--yes")

    assert refused.returncode == 2
    assert project.secrets()["LITELLM_API_KEY"] != old
    answer = httpx.post(
        f"{project.gateway_url}/v1/chat/completions",
        headers={"authorization": f"Bearer {old}"},
        json={"model": "demo", "messages": [{"role": "user", "content": "hi"}]},
        timeout=30,
    )
    assert answer.status_code == 401
    assert project.data("chat", "--model", "demo", "after the reset")["reply"]
    spans = f"{project.phoenix_url}/v1/projects/gateway/spans"
    kept = httpx.get(spans, params={"trace_id": before["trace_id"]}, timeout=30).json()["data"]
    assert kept


def test_a_reset_killed_in_the_middle_is_finished_by_the_next(project: Project) -> None:
    project.ok("up")
    old = project.secrets()["LITELLM_API_KEY"]
    first = project.start("reset", "--yes")
    log = project.folder / ".gatewayctl/logs/postgres.log"
    assert first.stderr is not None
    for line in first.stderr:
        if line.startswith("database litellm ready"):
            break
    first.kill()
    first.communicate()
    assert log.exists()

    project.ok("reset", "--yes")

    assert project.secrets()["LITELLM_API_KEY"] != old
    assert project.data("chat", "--model", "demo", "hello")["reply"]
    assert {key["state"] for key in project.data("keys", "list")["keys"]} == {"ok"}


def test_a_changed_setting_restarts_only_the_service_it_concerns(project: Project) -> None:
    project.ok("up")
    before = {s["service"]: s["pid"] for s in project.data("status")["services"]}
    config = project.folder / "gateway.yaml"
    config.write_text(
        config.read_text(encoding="utf-8") + "models:\n  other: {mock_response: hi}\n",
        encoding="utf-8",
    )

    changed = project.data("up")

    after = {s["service"]: s["pid"] for s in project.data("status")["services"]}
    assert changed["restarted"] == ["litellm"]
    assert {name for name in after if after[name] != before[name]} == {"litellm"}
    assert project.data("chat", "--model", "other", "hello")["reply"] == "hi"


def test_control_c_in_a_stream_ends_with_130(stack: Project) -> None:
    chat = stack.start("chat", "--model", "slow", "take your time")
    assert chat.stdout is not None
    first = chat.stdout.read(5)

    chat.send_signal(signal.SIGINT)
    _, err = chat.communicate(timeout=30)

    assert first == "Hello"
    assert chat.returncode == 130, err
    assert "Traceback" not in err


def test_a_gateway_that_is_down_is_unreachable_not_refused(project: Project) -> None:
    project.ok("init")
    (project.folder / ".env").write_text(
        (project.folder / ".env").read_text(encoding="utf-8")
        + "LITELLM_API_KEY=sk-0123456789abcdef0123\n",
        encoding="utf-8",
    )

    done = project.run("chat", "--model", "demo", "anybody there?", "--json")

    assert done.returncode == 5
    assert json.loads(done.stdout)["error"]["code"] == "gateway_unreachable"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("LITELLM_MASTER_KEY=sk-1234", "master_key_weak"),
        ("LITELLM_MASTER_KEY=" + "a" * 40, "master_key_weak"),
    ],
)
def test_a_weak_master_key_stops_up_before_anything_starts(
    project: Project, line: str, code: str
) -> None:
    (project.folder / ".env").write_text(line + "\n", encoding="utf-8")

    done = project.run("up", "--json")

    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (3, code)
    assert processes(project) == []


def test_two_verbs_at_once_are_told_apart(project: Project) -> None:
    first = project.start("up")
    lock = project.folder / ".gatewayctl/lock"
    assert eventually(lambda: lock.exists() and "pid" in lock.read_text(encoding="utf-8"))

    second = project.run("down", "--json")
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=90)

    error = json.loads(second.stdout)["error"]
    assert (second.returncode, error["code"]) == (4, "locked")
    assert str(first.pid) in error["message"]


def test_the_installed_wheel_tells_the_story_as_an_ordinary_user(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if os.geteuid() != 0:
        pytest.skip("this run is by an ordinary user already: every other test shows it")
    python = next((p for p in ("/usr/bin/python3", "/usr/local/bin/python3") if _new(p)), None)
    if python is None:
        pytest.skip("no Python 3.11 outside of root's home, so no other user can run one")
    home = _home_of_nobody(python)
    try:
        project = make_project(home / "project")
        project.program = (*_as_nobody(), str(home / "venv/bin/gatewayctl"))
        project.extra_env = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
        _give(home)

        told = project.run("demo", "--json", timeout=400)
        owners = {p.uids().real for p in find(Layout(state_dir=project.folder / ".gatewayctl"))}
        project.run("down")
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)

    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["data"]["component"] == "passthrough"
    assert owners == {65534}


def _new(python: str) -> bool:
    wanted = "import sys; sys.exit(sys.version_info < (3, 11))"
    return (
        os.access(python, os.X_OK)
        and not subprocess.run([python, "-c", wanted], check=False).returncode
    )


def _home_of_nobody(python: str) -> Path:
    """A folder others can reach, with gatewayctl installed from its wheel."""
    home = Path(tempfile.mkdtemp(prefix="gatewayctl-user-", dir="/tmp"))
    uv = find_uv_bin()
    root = Path(__file__).parents[2]
    for words in (
        ["build", "--quiet", "--wheel", "--out-dir", str(home / "dist"), str(root)],
        ["venv", "--quiet", "--python", python, str(home / "venv")],
    ):
        subprocess.run([uv, *words], check=True)
    wheel = next((home / "dist").glob("*.whl"))
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", str(home / "venv/bin/python"), str(wheel)],
        check=True,
    )
    return home


def _give(home: Path) -> None:
    subprocess.run(["chown", "-R", "65534:65534", str(home)], check=True)


def _as_nobody() -> tuple[str, ...]:
    return ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
