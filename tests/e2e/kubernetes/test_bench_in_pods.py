"""`bench` in a cluster: what each service uses is read in its pods, and nothing stays in them."""

from __future__ import annotations

import psutil
import pytest

from gatewayctl.runtimes.metering.pods import GROUPS
from tests.e2e.conftest import Project
from tests.e2e.kubernetes.cluster import Cluster, until
from tests.e2e.kubernetes.node import MIB, use_of
from tests.e2e.kubernetes.stacks import pods, roll_out

REQUESTS = 300


@pytest.mark.timeout(300)
def test_bench_reads_in_the_pods_what_each_service_uses(cluster: Cluster, stack: Project) -> None:
    each = pods(cluster, stack, "litellm")
    before = [use_of(pod) for pod in each]

    found = roll_out(stack, "bench", "--model", "demo", "--requests", str(REQUESTS))

    after = [use_of(pod) for pod in each]
    assert found["usage_unavailable"] == ""
    assert {"litellm", "phoenix", "postgres-litellm"} <= found["services"].keys()
    seen = 1000 * (sum(u.processor for u in after) - sum(u.processor for u in before))
    cost = found["services"]["litellm"]
    # The node counts the warm-up too, and what LiteLLM does when idle.
    assert 0.3 * seen < cost["cpu_ms_per_request"] * REQUESTS < 1.1 * seen
    memory = sum(use.memory for use in after)
    assert cost["memory_end_bytes"] / MIB == pytest.approx(memory, rel=0.25)
    assert found["services"]["phoenix"]["cpu_ms_per_request"] > 0
    until(lambda: not asking(), seconds=10, what="no program of bench is left in a pod")


def asking() -> list[list[str]]:
    """The programs of bench that still run, in a pod or here."""
    lines = (process.info["cmdline"] or [""] for process in psutil.process_iter(["cmdline"]))
    return [words for words in lines if words[-1] == GROUPS]
