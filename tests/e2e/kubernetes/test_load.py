"""Two pods under a steady load: no chat fails while one of them goes, or both are replaced.

The load goes to the Service, as that of applications in the cluster: a port-forward would stay with
one pod.
"""

from __future__ import annotations

import json
import secrets
import time

import httpx
import pytest

from tests.e2e.conftest import Project
from tests.e2e.kubernetes.cluster import Cluster, until
from tests.e2e.kubernetes.load import CHAT
from tests.e2e.kubernetes.stacks import addresses, changed, count_chats, loaded, pods, roll_out

pytestmark = pytest.mark.timeout(900)

FULL = pytest.param(60, 20.0, marks=pytest.mark.full)
"""Seconds, and chats a second: near what two slow cores carry that do nothing else."""
UNDER_LOAD = pytest.mark.parametrize(("seconds", "rate"), [(20, 5.0), FULL])
REVOKED_WITHIN = 60.0
"""Seconds."""


@UNDER_LOAD
def test_no_chat_fails_while_a_pod_is_deleted(
    cluster: Cluster, stack: Project, seconds: int, rate: float
) -> None:
    victim = min(pods(cluster, stack, "litellm"))
    listed = ("get", "pods", "--namespace", stack.name, "--output", "name")

    with loaded(cluster, stack, rate=rate) as load:
        load.wait(4)
        answered = count_chats(cluster, stack, victim)
        cluster.ok("delete", "pod", victim, "--namespace", stack.name, "--wait=false")
        load.wait(seconds)
        until(
            lambda: victim not in cluster.ok(*listed),
            seconds=60,
            what=f"{victim} is gone",
        )

    assert answered > 0, f"{victim} had nothing to do"
    status = ("rollout", "status", "deployment/litellm", "--namespace", stack.name)
    cluster.ok(*status, "--timeout=240s", timeout=250)


@UNDER_LOAD
def test_no_chat_fails_while_a_changed_configuration_rolls_out(
    cluster: Cluster, stack: Project, seconds: int, rate: float
) -> None:
    before = pods(cluster, stack, "litellm")
    label = secrets.token_hex(4)
    more = f"services: {{litellm: {{environment: {{A_LOG_LABEL: {label}}}}}}}\n"

    with changed(stack, more), loaded(cluster, stack, rate=rate) as load:
        load.wait(4)
        roll_out(stack, "up")
        load.wait(seconds)

    assert pods(cluster, stack, "litellm").keys().isdisjoint(before)
    found = cluster.get("deployment", "litellm", "--namespace", stack.name)
    assert label in json.dumps(found["spec"]["template"])


def test_a_revoked_key_is_refused_by_each_pod_within_a_minute(
    cluster: Cluster, stack: Project
) -> None:
    stack.ok("keys", "create", "leaver", "--env", "LEAVER_KEY")
    key = stack.secrets()["LEAVER_KEY"]
    each = addresses(cluster, stack)
    assert len(each) == 2
    # Each pod knows the key now, and keeps what it knows in its own memory.
    assert {ask(url, key) for url in each.values()} == {200}

    stack.ok("keys", "revoke", "leaver", "--yes")
    began = time.monotonic()
    refused: dict[str, float] = {}
    while len(refused) < len(each):
        for pod, url in each.items():
            if pod not in refused and ask(url, key) == 401:
                refused[pod] = time.monotonic() - began
        assert time.monotonic() - began < REVOKED_WITHIN, f"refused so far: {refused}"
        time.sleep(0.5)
    print(f"seconds until each pod refused the key: {refused}")  # noqa: T201 - with -rP


def ask(url: str, key: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    target = f"{url}/v1/chat/completions"
    return httpx.post(target, headers=headers, json=CHAT, timeout=30, trust_env=False).status_code
