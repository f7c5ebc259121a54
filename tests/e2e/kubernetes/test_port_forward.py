"""The port-forward on a real cluster: it follows the pods, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from gatewayctl.runtimes.kubernetes import access, context
from gatewayctl.runtimes.kubernetes.forwarding.project import MARK
from gatewayctl.settings.model import Settings
from tests.e2e.kubernetes.cluster import Cluster, until
from tests.fakes.projects import project

LABELS = {"app.kubernetes.io/instance": "forwarded", "app.kubernetes.io/name": "litellm"}
PORT = 25110
# Answers with the name of its pod, and ends as LiteLLM does: requests that run are finished.
PROGRAM = """
import http.server, os, signal, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = os.environ["HOSTNAME"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(name)))
        self.end_headers()
        self.wfile.write(name)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("", 4000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Timer(3, os._exit, (0,)).start())
server.serve_forever()
"""
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "litellm"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {
                "terminationGracePeriodSeconds": 5,
                "containers": [
                    {
                        "name": "web",
                        "image": "python:3.11-slim",
                        "command": ["python", "-c", PROGRAM],
                        "readinessProbe": {
                            "httpGet": {"path": "/", "port": 4000},
                            "periodSeconds": 1,
                        },
                    }
                ],
            },
        },
    },
}


@pytest.fixture
def forwarded(
    cluster: Cluster, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """A project whose LiteLLM is two small web servers, with its port-forward."""
    for name, value in cluster.environment().items():
        monkeypatch.setenv(name, value)
    cluster.apply(DEPLOYMENT, namespace=namespace)
    cluster.ok("rollout", "status", "deployment/litellm", "--namespace", namespace)
    settings = project(
        tmp_path,
        "project_name: forwarded\nruntime: kubernetes\n"
        f"ports: {{litellm: {PORT}, phoenix: {PORT + 1}, phoenix_grpc: {PORT + 2}}}\n"
        f"kubernetes: {{namespace: {namespace}}}\n",
    )
    with context.move_to(settings, context.choose(settings)):
        pass
    access.ensure(settings, context.kubectl(settings))
    try:
        yield settings
    finally:
        access.end(settings)


def ask() -> str:
    """The pod that answers on the local port."""
    return httpx.get(f"http://127.0.0.1:{PORT}/", timeout=20, trust_env=False).text


def answers() -> bool:
    try:
        return bool(ask())
    except httpx.HTTPError:
        return False


def processes(settings: Settings) -> list[int]:
    """The supervisor, its kubectl, and the shells beside them."""
    mark, found = str(settings.state_dir), []
    for each in psutil.process_iter():
        try:
            if each.environ().get(MARK) == mark and each.cmdline():
                found.append(each.pid)
        except psutil.Error:
            continue
    return found


def test_no_request_fails_while_the_pod_that_answers_is_deleted(
    cluster: Cluster, namespace: str, forwarded: Settings
) -> None:
    failures: list[Exception] = []
    seen: set[str] = set()
    stop = threading.Event()

    def ask_on() -> None:
        while not stop.is_set():
            try:
                seen.add(ask())
            except httpx.HTTPError as error:
                failures.append(error)
            time.sleep(0.05)

    first = ask()
    asking = [threading.Thread(target=ask_on) for _ in range(2)]
    for each in asking:
        each.start()
    cluster.ok("delete", "pod", first, "--namespace", namespace, "--wait=false")
    until(lambda: len(seen) > 1, seconds=10, what="another pod answers")
    time.sleep(6)
    stop.set()
    for each in asking:
        each.join()

    assert failures == []
    assert ask() != first


def test_it_reconnects_when_every_pod_was_replaced(
    cluster: Cluster, namespace: str, forwarded: Settings
) -> None:
    first = ask()
    cluster.ok("delete", "pods", "--all", "--namespace", namespace, "--grace-period=0", "--force")

    until(answers, seconds=60, what="a new pod answers")
    assert ask() != first


def test_kubectl_ends_with_a_supervisor_that_is_killed_and_the_next_command_starts_it(
    forwarded: Settings,
) -> None:
    assert ask()
    running = access.describe(forwarded)
    assert running is not None
    assert len(processes(forwarded)) > 2

    os.kill(running.pid, signal.SIGKILL)

    until(lambda: processes(forwarded) == [], seconds=10, what="no orphan is left")
    access.resume(forwarded)
    assert ask()


def test_its_end_leaves_nothing(forwarded: Settings) -> None:
    assert ask()

    access.end(forwarded)

    until(lambda: processes(forwarded) == [], seconds=10, what="no process is left")
    with pytest.raises(httpx.ConnectError):
        ask()


def test_a_running_one_costs_no_kubectl_and_milliseconds(
    forwarded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = context.kubectl(forwarded)
    monkeypatch.setenv("PATH", "/nowhere")

    began = time.perf_counter()
    for _ in range(10):
        access.ensure(forwarded, kubectl)
        access.resume(forwarded)

    assert (time.perf_counter() - began) / 20 < 0.02
