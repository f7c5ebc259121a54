"""Rollouts of a real stack: what fails goes back by itself, and a killed start is finished."""

from __future__ import annotations

import json
import secrets
import signal
import time

import pytest

from tests.e2e.conftest import Project
from tests.e2e.kubernetes.cluster import Cluster, until
from tests.e2e.kubernetes.exposure import find_exposed, read_everything
from tests.e2e.kubernetes.stacks import changed, loaded, pods, roll_out

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
RATE = 5.0
"""Chats a second."""


def test_no_secret_is_anywhere_but_in_a_secret(cluster: Cluster, stack: Project) -> None:
    assert find_exposed(cluster, stack) == []
    assert "last-applied-configuration" not in read_everything(cluster, stack)


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


def test_a_broken_configuration_is_rolled_back_while_calls_go_on(
    cluster: Cluster, stack: Project
) -> None:
    # The tests before may have left another configuration, which the `up` at the end would change.
    roll_out(stack, "up")
    before = pods(cluster, stack, "litellm")
    (stack.folder / "broken_callbacks.py").write_text(BROKEN_MODULE, encoding="utf-8")

    with changed(stack, BROKEN), loaded(cluster, stack, rate=RATE):
        done = stack.run("up", "--json", timeout=900)

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"], error["service"]) == (4, "service_failed", "litellm")
    assert "crashes again and again" in error["message"]
    assert "broken on purpose" in error["message"]
    assert "was rolled back to its previous revision" in error["message"]
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


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(2, marks=pytest.mark.full), 6, pytest.param(15, marks=pytest.mark.full)],
)
def test_an_up_that_is_killed_is_finished_by_the_next_one(
    cluster: Cluster, stack: Project, seconds: float
) -> None:
    label = secrets.token_hex(2)

    with changed(stack, MORE.replace("two", label)), loaded(cluster, stack, rate=RATE):
        first = stack.start("up")
        time.sleep(seconds)
        first.send_signal(signal.SIGKILL)
        first.communicate()

        roll_out(stack, "up")

    found = cluster.get("deployment", "litellm", "--namespace", stack.name)
    assert label in json.dumps(found["spec"]["template"])
    assert found["status"]["updatedReplicas"] == found["status"]["replicas"] == 2


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
