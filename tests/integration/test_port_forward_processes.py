"""When the processes of a port-forward start and end, and what they leave."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from gatewayctl.errors import PortTaken
from gatewayctl.runtimes.kubernetes import access
from gatewayctl.runtimes.kubernetes.context import move_to
from tests.fakes.projects import project
from tests.integration.forwarded_project import (
    PRODUCTION,
    SECONDS,
    STAGING,
    Forwarded,
    free_ports,
    pod,
    until,
)


def test_kubectl_ends_with_a_supervisor_that_is_killed(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"):
        pid = forwarded.start()
        assert forwarded.ask() == "litellm-1"
        until(lambda: len(forwarded.processes()) > 3, "its programs run")

        os.kill(pid, signal.SIGKILL)

        until(lambda: forwarded.processes() == [], "no orphan is left")
        # Of a process that is ending, the environment is gone before its number is.
        until(lambda: access.describe(forwarded.settings) is None, "it has ended")


def test_a_killed_one_is_started_again_by_the_next_command(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"):
        pid = forwarded.start()
        os.kill(pid, signal.SIGKILL)
        until(lambda: access.describe(forwarded.settings) is None, "it has ended")

        access.resume(forwarded.settings)

        assert forwarded.ask() == "litellm-1"


def test_after_the_end_nothing_runs_and_no_command_starts_it(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"):
        forwarded.start()
        access.end(forwarded.settings)
        access.end(forwarded.settings)

        until(lambda: forwarded.processes() == [], "no process is left")
        access.resume(forwarded.settings)
        assert access.describe(forwarded.settings) is None


@pytest.mark.parametrize(
    "lose",
    [
        lambda folder: (folder / ".gatewayctl").rename(folder / "moved"),
        lambda folder: (folder / ".gatewayctl" / "kubernetes.json").unlink(),
        lambda folder: (folder / ".gatewayctl" / "kubernetes.json").write_text(
            json.dumps(asdict(PRODUCTION))
        ),
        lambda folder: (folder / ".gatewayctl" / "port-forward.json").unlink(),
    ],
    ids=["folder", "record", "other-place", "specification"],
)
def test_it_ends_when_what_it_belongs_to_is_gone(
    lose: Callable[[Path], object], forwarded: Forwarded
) -> None:
    pid = forwarded.start()
    assert pid in {each.pid for each in forwarded.processes()}

    lose(forwarded.settings.project_dir)

    until(lambda: forwarded.processes() == [], "no process is left")
    assert forwarded.processes() == []


def test_another_context_ends_the_old_one_and_starts_its_own(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"):
        pid = forwarded.start()
        with move_to(forwarded.settings, PRODUCTION):
            pass
        access.resume(forwarded.settings)
        assert access.describe(forwarded.settings) is None

        def all_in(context: str) -> bool:
            lines = forwarded.command_lines()
            return all(context in line for line in lines if "--context" in line)

        access.ensure(forwarded.settings, forwarded.kubectl("production"))

        found = access.describe(forwarded.settings)
        assert found is not None
        assert found.pid != pid
        until(lambda: all_in("production"), "only the new context is used")


def test_changed_ports_are_used_by_the_next_command(forwarded: Forwarded, tmp_path: Path) -> None:
    with pod(forwarded, "litellm-1"):
        forwarded.start()
        (port,) = free_ports(1)
        text = forwarded.settings.config_file.read_text()
        old = f"litellm: {forwarded.settings.ports.litellm}"
        forwarded.settings = project(tmp_path / "shop", text.replace(old, f"litellm: {port}"))

        access.resume(forwarded.settings)

        assert forwarded.ask() == "litellm-1"


def test_pods_are_selected_by_the_labels_they_have(forwarded: Forwarded, tmp_path: Path) -> None:
    """A project's name may end with a hyphen, and the value of a label may not."""
    text = forwarded.settings.config_file.read_text()
    text = text.replace("project_name: shop\n", "project_name: shop-\n")
    forwarded.settings = project(tmp_path / "shop", text)
    forwarded.start()

    wanted = json.loads((forwarded.settings.state_dir / "port-forward.json").read_text())

    assert wanted["selector"].startswith("app.kubernetes.io/instance=shop,")


def test_two_starters_at_once_start_one(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"):
        starters = [threading.Thread(target=forwarded.start) for _ in range(4)]
        for each in starters:
            each.start()
        for each in starters:
            each.join()

        def supervisors() -> int:
            return sum("-m" in line for line in forwarded.command_lines())

        until(lambda: supervisors() == 1, "one process serves")
        assert forwarded.ask() == "litellm-1"


def test_a_port_that_is_taken_is_reported_with_its_owner(forwarded: Forwarded) -> None:
    taken = ("127.0.0.1", forwarded.settings.ports.litellm)
    with socket.create_server(taken), pytest.raises(PortTaken) as caught:
        forwarded.start()

    assert f"(pid {os.getpid()})" in caught.value.message
    assert "ports.litellm" in caught.value.hint
    assert forwarded.processes() == []


def test_the_port_forward_of_another_project_is_recognized_and_stopped_by_the_hint(
    forwarded: Forwarded, tmp_path: Path
) -> None:
    forwarded.start()
    (forwarded.settings.state_dir / "runtime").write_text("kubernetes\n")
    other = project(tmp_path / "other", forwarded.settings.config_file.read_text())
    with move_to(other, STAGING):
        pass

    with pytest.raises(PortTaken) as caught:
        access.require_free_ports(other)

    folder = forwarded.settings.project_dir
    assert f"the gatewayctl project {folder}" in caught.value.message
    assert f"gatewayctl -C {folder} down" in caught.value.hint


def test_without_a_port_forward_none_is_started(forwarded: Forwarded, tmp_path: Path) -> None:
    forwarded.start()
    text = forwarded.settings.config_file.read_text() + "kubernetes: {access: cluster}\n"
    forwarded.settings = project(tmp_path / "shop", text)

    access.ensure(forwarded.settings, forwarded.kubectl())

    assert access.describe(forwarded.settings) is None
    access.require_free_ports(forwarded.settings)


@pytest.mark.parametrize("loses_connection_first", [False, True])
def test_the_log_names_the_pods_and_what_was_lost(
    forwarded: Forwarded, loses_connection_first: bool
) -> None:
    with pod(forwarded, "litellm-1"):
        forwarded.start()
        found = access.describe(forwarded.settings)
        assert found is not None

        def logs(text: str) -> None:
            until(lambda: f"litellm: {text}" in found.log.read_text(), f"logged: {text}")

        logs("forwarding to pod litellm-1")
        if loses_connection_first:
            # kubectl often knows of the end of a pod before the watch does.
            forwarded.set_pod("litellm-1", lost=True)
            logs("no port-forward to pod litellm-1: error: unable to upgrade connection")
        forwarded.remove_pod("litellm-1")
        logs("no pod to forward to")


def test_no_process_is_left_for_the_commands_that_started_it(forwarded: Forwarded) -> None:
    code = (
        "import sys; from pathlib import Path; from gatewayctl.settings.load import load_settings;"
        "from gatewayctl.runtimes.kubernetes import access;"
        "from gatewayctl.runtimes.kubernetes.kubectl import Kubectl;"
        "access.ensure(load_settings(Path(sys.argv[1])), Kubectl(context='staging', namespace='x'))"
    )
    folder = str(forwarded.settings.project_dir)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, folder], capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert access.describe(forwarded.settings) is not None
