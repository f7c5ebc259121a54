"""What pods use, as their node sees it: this machine is the node of the cluster."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from tests.e2e.docker.containers import inspected, ok

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Used:
    """Of a pod: processor seconds since it started, MiB of memory now, and MiB of its limit."""

    processor: float
    memory: float
    limit: float


def use_of(pod: str) -> Used:
    """What the container of LiteLLM in a pod uses."""
    labels = (f"io.kubernetes.pod.name={pod}", "io.kubernetes.container.name=litellm")
    filters = [f"--filter=label={label}" for label in labels]
    container = ok("ps", "--quiet", "--no-trunc", *filters)
    known = inspected(container)
    main = psutil.Process(known["State"]["Pid"])
    family = [main, *main.children(recursive=True)]
    times = [process.cpu_times() for process in family]
    return Used(
        processor=sum(each.user + each.system for each in times),
        memory=sum(process.memory_full_info().uss for process in family) / MIB,
        limit=known["HostConfig"]["Memory"] / MIB,
    )
