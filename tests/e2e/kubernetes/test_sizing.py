"""How many chats one pod of LiteLLM and two of them answer, and what they take of the node.

The figures of docs/deployment/kubernetes.md, which are those of a test machine.
"""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Project
from tests.e2e.kubernetes.cluster import Cluster
from tests.e2e.kubernetes.load import press
from tests.e2e.kubernetes.node import use_of
from tests.e2e.kubernetes.stacks import addresses, service_url

CLIENTS = 8
SECONDS = 30.0


@pytest.mark.full
@pytest.mark.timeout(600)
def test_pods_under_a_full_load_stay_below_their_limit_of_memory(
    cluster: Cluster, stack: Project
) -> None:
    key, each = stack.secrets()["LITELLM_API_KEY"], addresses(cluster, stack)
    one = min(each)
    for what, url, pods in (
        ("one pod", each[one], [one]),
        ("two pods", service_url(cluster, stack), sorted(each)),
    ):
        press(url, key, clients=CLIENTS, seconds=5)
        before = {pod: use_of(pod) for pod in pods}
        rate = press(url, key, clients=CLIENTS, seconds=SECONDS)
        after = {pod: use_of(pod) for pod in pods}

        used = sum(after[pod].processor - before[pod].processor for pod in pods)
        memory = {pod: round(after[pod].memory) for pod in pods}
        print(  # noqa: T201 - the figures, with -rP
            f"{what}: {rate:.0f} chats a second, {used / (rate * SECONDS) * 1000:.0f} ms of"
            f" processor each, {memory} MiB of {after[one].limit:.0f}"
        )
        assert rate > 0
        assert all(after[pod].memory < after[pod].limit for pod in pods)
