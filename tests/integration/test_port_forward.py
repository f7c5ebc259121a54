"""The port-forward of a project as real processes, with a kubectl whose cluster is a folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest

from gatewayctl.errors import PortTaken
from gatewayctl.runtimes.kubernetes import access
from gatewayctl.runtimes.kubernetes.context import ChosenContext, move_to
from gatewayctl.runtimes.kubernetes.forwarding.project import MARK
from gatewayctl.runtimes.kubernetes.kubectl import Kubectl
from gatewayctl.settings.model import Settings
from tests.fakes import kubectl_program
from tests.fakes.http_server import listening
from tests.fakes.projects import project

STAGING = ChosenContext(context="staging", server="https://staging:6443", namespace="shop")
PRODUCTION = ChosenContext(context="production", server="https://prod:6443", namespace="shop")
SECONDS = 20.0


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in found]


@dataclass(kw_only=True)
class Forwarded:
    """A project with a port-forward, and the cluster behind it."""

    settings: Settings
    cluster: Path
    pods: dict[str, dict[str, object]] = field(default_factory=dict)

    def kubectl(self, context: str = "staging") -> Kubectl:
        return Kubectl(context=context, namespace="shop")

    def start(self) -> int:
        access.ensure(self.settings, self.kubectl())
        found = access.describe(self.settings)
        assert found is not None
        return found.pid

    def set_pod(self, name: str, **values: object) -> None:
        self.pods[name] = {**self.pods.get(name, {"service": "litellm"}), **values}
        self._write()

    def remove_pod(self, name: str) -> None:
        del self.pods[name]
        self._write()

    def _write(self) -> None:
        beside = self.cluster / "pods.new"
        beside.write_text(json.dumps(self.pods))
        beside.replace(self.cluster / "pods.json")

    def ask(self) -> str | None:
        """The pod that answers on the local port of LiteLLM; None if none does."""
        try:
            url = f"http://127.0.0.1:{self.settings.ports.litellm}/"
            return httpx.get(url, timeout=SECONDS, trust_env=False).text
        except httpx.HTTPError:
            return None

    def processes(self) -> list[psutil.Process]:
        """Every process of the port-forward: the supervisor, the shells, and kubectl."""
        mark = {MARK: str(self.settings.state_dir)}
        found = []
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                # A zombie has no command line any more.
                if mark.items() <= each.environ().items() and each.cmdline():
                    found.append(each)
        return found

    def command_lines(self) -> list[list[str]]:
        found = []
        for each in self.processes():
            with suppress(psutil.Error):
                found.append(each.cmdline())
        return found


@pytest.fixture
def forwarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forwarded]:
    programs, cluster = tmp_path / "programs", tmp_path / "cluster"
    for folder in (programs, cluster):
        folder.mkdir()
    program = programs / "kubectl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{kubectl_program.__file__}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_CLUSTER", str(cluster))
    litellm, phoenix, grpc = free_ports(3)
    settings = project(
        tmp_path / "shop",
        "project_name: shop\nruntime: kubernetes\n"
        f"ports: {{litellm: {litellm}, phoenix: {phoenix}, phoenix_grpc: {grpc}}}\n",
    )
    with move_to(settings, STAGING):
        pass
    made = Forwarded(settings=settings, cluster=cluster)
    try:
        yield made
    finally:
        access.end(settings)


@contextmanager
def pod(forwarded: Forwarded, name: str, **values: object) -> Iterator[None]:
    """A pod of LiteLLM that answers with its name."""
    with listening(lambda _: httpx.Response(200, text=name)) as port:
        forwarded.set_pod(name, port=port, **values)
        yield


def test_a_request_reaches_a_pod_and_the_next_start_changes_nothing(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"):
        pid = forwarded.start()
        assert forwarded.ask() == "litellm-1"

        began = time.process_time()
        assert forwarded.start() == pid
        access.resume(forwarded.settings)
        assert time.process_time() - began < 0.1
        assert access.owns_port(forwarded.settings, forwarded.settings.ports.litellm)
        assert not access.owns_port(forwarded.settings, 1)


def test_the_process_is_in_a_session_of_its_own_and_listens_on_this_machine_only(
    forwarded: Forwarded,
) -> None:
    with pod(forwarded, "litellm-1"):
        pid = forwarded.start()

        assert os.getsid(pid) == pid
        listening_on = {
            each.laddr.ip
            for process in forwarded.processes()
            for each in process.net_connections()
            if each.status == psutil.CONN_LISTEN
        }
        assert listening_on == {"127.0.0.1"}


def test_requests_change_to_another_pod_when_theirs_is_being_deleted(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"), pod(forwarded, "litellm-2", ready=False):
        forwarded.start()
        assert forwarded.ask() == "litellm-1"

        forwarded.set_pod("litellm-2", ready=True)
        forwarded.set_pod("litellm-1", deleted=True)
        until(lambda: forwarded.ask() == "litellm-2", "the other pod answers")
        forwarded.remove_pod("litellm-1")
        assert forwarded.ask() == "litellm-2"


def test_no_request_fails_while_one_pod_replaces_another(forwarded: Forwarded) -> None:
    answers: list[str | None] = []
    stop = threading.Event()

    def ask_on() -> None:
        while not stop.is_set():
            answers.append(forwarded.ask())

    with pod(forwarded, "litellm-1"), pod(forwarded, "litellm-2", ready=False):
        forwarded.start()
        assert forwarded.ask() == "litellm-1"
        asking = threading.Thread(target=ask_on)
        asking.start()
        forwarded.set_pod("litellm-2", ready=True)
        time.sleep(0.3)
        forwarded.set_pod("litellm-1", deleted=True)
        until(lambda: "litellm-2" in answers, "the other pod answers")
        forwarded.remove_pod("litellm-1")
        time.sleep(0.3)
        stop.set()
        asking.join()

    assert set(answers) == {"litellm-1", "litellm-2"}


def test_a_running_request_ends_at_the_pod_that_is_replaced(forwarded: Forwarded) -> None:
    arrived, may_end = threading.Event(), threading.Event()

    def answer(_: httpx.Request) -> httpx.Response:
        arrived.set()
        may_end.wait(SECONDS)
        return httpx.Response(200, text="slow")

    with listening(answer) as port, pod(forwarded, "litellm-2", ready=False):
        forwarded.set_pod("litellm-1", port=port)
        forwarded.start()
        answers: list[str | None] = []
        slow = threading.Thread(target=lambda: answers.append(forwarded.ask()))
        slow.start()
        assert arrived.wait(SECONDS)
        forwarded.set_pod("litellm-2", ready=True)
        forwarded.set_pod("litellm-1", deleted=True)
        until(lambda: forwarded.ask() == "litellm-2", "new requests reach the other pod")
        may_end.set()
        slow.join()

    assert answers == ["slow"]


def test_a_pod_that_is_not_ready_is_reached_if_there_is_no_other(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1", ready=False):
        forwarded.start()

        assert forwarded.ask() == "litellm-1"


def test_without_a_pod_a_request_is_refused_and_the_next_pod_is_found(forwarded: Forwarded) -> None:
    forwarded.start()
    began = time.monotonic()
    assert forwarded.ask() is None
    assert time.monotonic() - began < SECONDS / 2

    with pod(forwarded, "litellm-9"):
        until(lambda: forwarded.ask() == "litellm-9", "the new pod answers")


def test_an_api_server_that_was_away_is_followed_again(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"), pod(forwarded, "litellm-2", ready=False):
        forwarded.start()
        assert forwarded.ask() == "litellm-1"

        (forwarded.cluster / "down").touch()
        until(lambda: len(forwarded.processes()) == 1, "kubectl has ended")
        forwarded.remove_pod("litellm-1")
        forwarded.set_pod("litellm-2", ready=True)
        (forwarded.cluster / "down").unlink()

        until(lambda: forwarded.ask() == "litellm-2", "the pod of now answers")


def test_kubectl_ends_with_a_supervisor_that_is_killed(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"):
        pid = forwarded.start()
        assert forwarded.ask() == "litellm-1"
        assert len(forwarded.processes()) > 3

        os.kill(pid, signal.SIGKILL)

        until(lambda: forwarded.processes() == [], "no orphan is left")
        assert access.describe(forwarded.settings) is None


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
    forwarded.start()

    lose(forwarded.settings.project_dir)

    until(lambda: forwarded.processes() == [], "no process is left")


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


def test_the_log_names_the_pods_and_what_was_lost(forwarded: Forwarded) -> None:
    with pod(forwarded, "litellm-1"):
        forwarded.start()
        found = access.describe(forwarded.settings)
        assert found is not None
        until(
            lambda: "litellm: forwarding to pod litellm-1" in found.log.read_text(), "it is logged"
        )
        forwarded.remove_pod("litellm-1")
        until(lambda: "litellm: no pod to forward to" in found.log.read_text(), "so is the loss")


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
