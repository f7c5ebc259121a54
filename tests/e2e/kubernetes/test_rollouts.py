"""Rollouts of a real stack: what fails goes back by itself, and a killed start is finished.

Each test leaves the stack as it was started.
"""

from __future__ import annotations

import json
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.e2e.conftest import Project
from tests.e2e.kubernetes.cluster import Cluster, until
from tests.e2e.kubernetes.exposure import find_exposed, read_everything
from tests.e2e.kubernetes.stacks import changed, pods, roll_out

# A crash loop is three starts of LiteLLM, whose import alone takes a minute on a busy machine.
pytestmark = pytest.mark.timeout(1200)

BROKEN = "litellm: {litellm_settings: {callbacks: [broken_callbacks.handler]}}\n"
UNLOADABLE_MODULE = 'raise RuntimeError("broken on purpose")\n'
# LiteLLM's own loader accepts it, and the server does not.
BROKEN_MODULE = """\
import sys

from litellm.integrations.custom_logger import CustomLogger

if "--port" in sys.argv:
    raise RuntimeError("broken on purpose")
handler = CustomLogger()
"""
MORE = "services: {litellm: {environment: {A_LOG_LABEL: two}}}\n"


@dataclass(kw_only=True)
class Calls:
    """Chats that are sent until the end of a block; ``failed`` has why each failed one did."""

    answered: int = 0
    failed: list[str] = field(default_factory=list)


@contextmanager
def calling(project: Project) -> Iterator[Calls]:
    calls, stop = Calls(), threading.Event()
    headers = {"authorization": f"Bearer {project.secrets()['LITELLM_API_KEY']}"}
    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}]}

    def call() -> None:
        with httpx.Client(base_url=project.gateway_url, headers=headers, timeout=30) as client:
            while not stop.wait(0.2):
                try:
                    answer = client.post("/v1/chat/completions", json=body)
                    answer.raise_for_status()
                    calls.answered += 1
                except httpx.HTTPError as error:
                    calls.failed.append(repr(error))

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield calls
    finally:
        stop.set()
        thread.join()


def test_no_secret_is_anywhere_but_in_a_secret(cluster: Cluster, stack: Project) -> None:
    assert find_exposed(cluster, stack) == []
    assert "last-applied-configuration" not in read_everything(cluster, stack)


@pytest.mark.full
def test_a_configuration_that_litellm_does_not_load_is_refused_before_any_pod_is_replaced(
    cluster: Cluster, stack: Project
) -> None:
    before = pods(cluster, stack, "litellm")
    (stack.folder / "broken_callbacks.py").write_text(UNLOADABLE_MODULE, encoding="utf-8")

    with changed(stack, BROKEN):
        done = {words: stack.run(*words) for words in (("plan",), ("render", "--check"), ("up",))}

    for words, each in done.items():
        assert each.returncode == 3, f"{words}: {each.returncode} {each.stderr}"
        assert "broken_callbacks.handler: LiteLLM does not load this" in each.stderr
        assert "RuntimeError: broken on purpose (broken_callbacks.py line 1)" in each.stderr
    assert pods(cluster, stack, "litellm") == before
    assert "load-config" not in cluster.ok(
        "get", "pods,configmaps,secrets,serviceaccounts,networkpolicies", "--output", "name",
        "--namespace", stack.name,
    )  # fmt: skip


@pytest.mark.full
def test_a_broken_configuration_is_rolled_back_while_calls_go_on(
    cluster: Cluster, stack: Project
) -> None:
    before = pods(cluster, stack, "litellm")
    (stack.folder / "broken_callbacks.py").write_text(BROKEN_MODULE, encoding="utf-8")

    with changed(stack, BROKEN), calling(stack) as calls:
        done = stack.run("up", "--json", timeout=900)

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"], error["service"]) == (4, "service_failed", "litellm")
    assert "crashes again and again" in error["message"]
    assert "broken on purpose" in error["message"]
    assert "was rolled back to its previous revision" in error["message"]
    assert calls.failed == []
    assert calls.answered > 50
    until(
        lambda: pods(cluster, stack, "litellm") == before,
        seconds=60,
        what="only the pods that served are left",
    )
    assert find_exposed(cluster, stack) == []
    roll_out(stack, "up")
    assert pods(cluster, stack, "litellm") == before


def test_an_image_that_does_not_exist_is_named_before_any_pod_is_replaced(
    cluster: Cluster, stack: Project
) -> None:
    before = pods(cluster, stack, "litellm")

    with changed(stack, "images: {litellm: 'ghcr.io/berriai/litellm:v1.108.99'}\n"):
        done = stack.run("up", "--json")

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (4, "service_failed")
    assert "cannot pull its image ghcr.io/berriai/litellm:v1.108.99" in error["message"]
    assert pods(cluster, stack, "litellm") == before


@pytest.mark.full
@pytest.mark.parametrize("seconds", [2, 6, 15])
def test_an_up_that_is_killed_is_finished_by_the_next_one(
    cluster: Cluster, stack: Project, seconds: float
) -> None:
    label = secrets.token_hex(2)

    with changed(stack, MORE.replace("two", label)), calling(stack) as calls:
        first = stack.start("up")
        time.sleep(seconds)
        first.send_signal(signal.SIGKILL)
        first.communicate()

        roll_out(stack, "up")

    found = cluster.get("deployment", "litellm", "--namespace", stack.name)
    assert label in json.dumps(found["spec"]["template"])
    assert found["status"]["updatedReplicas"] == found["status"]["replicas"] == 2
    assert calls.failed == []


def test_objects_of_others_are_never_changed(cluster: Cluster, stack: Project) -> None:
    theirs = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "of-others", "labels": {"app.kubernetes.io/instance": stack.name}},
    }
    cluster.apply(theirs, namespace=stack.name)
    before = cluster.get("configmap", "of-others", "--namespace", stack.name)

    roll_out(stack, "up")

    assert cluster.get("configmap", "of-others", "--namespace", stack.name) == before
    cluster.ok("delete", "configmap", "of-others", "--namespace", stack.name)
