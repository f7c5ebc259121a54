"""What can be wrong with the machine and with what runs the services. Owns the words only."""

from __future__ import annotations

from typing import Final

from gatewayctl.operations.diagnosis.findings.finding import Finding

MACHINE: Final = (
    Finding(
        id="port_taken",
        area="machine",
        severity="error",
        title="Another process holds a port of the stack",
        meaning="Two programs cannot listen on one port. Nothing was started, and the other "
        "program was left alone.",
        remedy="Stop that process, or choose another port under ports: in gateway.yaml.",
    ),
    Finding(
        id="disk_full",
        area="machine",
        severity="error",
        title="The disk is full",
        meaning="PostgreSQL cannot write and ends; what was committed is safe. Backups and "
        "restores give up before, while 200 MB are free.",
        remedy="Free space (`du -xh --max-depth=2 . | sort -h`), then run `gatewayctl up`.",
    ),
    Finding(
        id="disk_low",
        area="machine",
        severity="warning",
        title="Little space is left on the disk",
        meaning="Traces and spend logs grow with every call; a full disk stops the databases.",
        remedy="Free space, or move the project: du -xh --max-depth=2 . | sort -h",
    ),
    Finding(
        id="out_of_memory",
        area="machine",
        severity="error",
        title="A service was killed or gave up for lack of memory",
        meaning="LiteLLM takes about 500 MB, Phoenix 400 MB, PostgreSQL 100 MB. The kernel ends "
        "the largest process when memory is out; a limit of a container or cgroup does the same.",
        remedy="Free memory or raise the limit, then run `gatewayctl up`.",
    ),
    Finding(
        id="memory_low",
        area="machine",
        severity="warning",
        title="Little memory is free",
        meaning="The stack needs about 1.2 GB; with less a service is killed while it starts.",
        remedy="Stop other programs: ps -eo rss,pid,comm --sort=-rss | head",
    ),
    Finding(
        id="clock_differs",
        area="machine",
        severity="warning",
        title="The clock of a service is not this machine's",
        meaning="Traces are drawn out of order, keys end early or late, `--since` misses entries.",
        remedy="sudo timedatectl set-ntp true",
    ),
)

RUNTIME: Final = (
    Finding(
        id="runtime_unavailable",
        area="runtime",
        severity="error",
        title="The runtime cannot be used on this machine",
        meaning="Docker was asked for and does not answer, is too old or not permitted; or root "
        "cannot step down to run PostgreSQL.",
        remedy="gatewayctl --runtime embedded up",
    ),
    Finding(
        id="image_missing",
        area="runtime",
        severity="error",
        title="A container image is not there",
        meaning="It is neither on this machine nor in its registry, or the registry does not "
        "answer.",
        remedy="Correct it under images: in gateway.yaml, or fetch it: docker compose pull",
    ),
    Finding(
        id="image_not_pinned",
        area="runtime",
        severity="warning",
        title="An image's tag moves",
        meaning="`latest`, `main-stable` or `lts` is another program tomorrow, with another "
        "database schema.",
        remedy="Name a version or a digest under images: in gateway.yaml.",
    ),
    Finding(
        id="environment_broken",
        area="runtime",
        severity="error",
        title="The embedded environment is damaged",
        meaning="A program or package in the cache folder is gone: cleaned up, or its disk was "
        "full. It holds no data of yours, and is made anew from locked packages.",
        remedy="gatewayctl doctor --fix",
        fix="marks it as incomplete, so that the next `up` makes it anew",
    ),
    Finding(
        id="environments_old",
        area="runtime",
        severity="info",
        title="Environments of other versions are in the cache",
        meaning="Each version of gatewayctl makes its own, about 1.5 GB. A stack of another "
        "project may still run from one.",
        remedy="gatewayctl doctor --fix",
        fix="removes those that no process uses",
    ),
    Finding(
        id="processes_left",
        area="runtime",
        severity="warning",
        title="Processes of an earlier run are still there",
        meaning="They belong to this project and nobody supervises them: a supervisor was "
        "killed. They hold ports and memory.",
        remedy="gatewayctl doctor --fix",
        fix="ends them",
    ),
    Finding(
        id="litellm_vulnerable",
        area="runtime",
        severity="error",
        title="This version of LiteLLM has a known vulnerability",
        meaning="An advisory names it; the evidence says which and where it was mended.",
        remedy="Set images.litellm in gateway.yaml to a mended version, then run `gatewayctl up`.",
    ),
    Finding(
        id="litellm_bad_tracing",
        area="runtime",
        severity="warning",
        title="This version of LiteLLM traces wrongly",
        meaning="Spans are lost, doubled or without their component; `trace verify` fails.",
        remedy="Set images.litellm in gateway.yaml to another version, then run `gatewayctl up`.",
    ),
)
