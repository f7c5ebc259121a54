"""Findings about the machine and about the runtime of the services. Owns their text only."""

from __future__ import annotations

from typing import Final

from gatewayctl.errors import (
    DiskFull,
    EnvironmentBroken,
    ImageMissing,
    PortTaken,
    RuntimeUnavailable,
)
from gatewayctl.operations.diagnosis.findings.finding import Finding

_FIX: Final = "Run `gatewayctl doctor --fix`."

MACHINE: Final = (
    Finding(
        id="port_taken",
        area="machine",
        severity="error",
        title="A port of the stack is used by another process",
        meaning="Two programs cannot listen on the same port. Nothing was started, and the other "
        "process was not touched.",
        remedy=PortTaken.remedy,
    ),
    Finding(
        id="disk_full",
        area="machine",
        severity="error",
        title="The disk is full",
        meaning="PostgreSQL cannot write and stops; committed data is safe. Backups and restores "
        "stop earlier, while 200 MB are still free.",
        remedy=DiskFull.remedy,
    ),
    Finding(
        id="disk_low",
        area="machine",
        severity="warning",
        title="Free disk space is low",
        meaning="Traces and spend logs grow with every call; a full disk stops the databases.",
        remedy="Free disk space (`du -xh --max-depth=2 . | sort -h`), or move the project to a "
        "larger disk.",
    ),
    Finding(
        id="out_of_memory",
        area="machine",
        severity="error",
        title="A service was killed or exited because memory ran out",
        meaning="LiteLLM takes about 500 MB, Phoenix 400 MB, PostgreSQL 100 MB. When memory runs "
        "out, the kernel kills the largest process; the memory limit of a container or cgroup has "
        "the same effect.",
        remedy="Free memory or raise the limit, then run `gatewayctl up`.",
    ),
    Finding(
        id="memory_low",
        area="machine",
        severity="warning",
        title="Free memory is low",
        meaning="The stack needs about 1.2 GB; with less, a service may be killed while it starts.",
        remedy="Stop other programs: `ps -eo rss,pid,comm --sort=-rss | head` lists the largest.",
    ),
    Finding(
        id="clock_differs",
        area="machine",
        severity="warning",
        title="The clocks of a service and of this machine differ",
        meaning="With clock skew, traces appear out of order, keys expire early or late, and "
        "`--since` misses entries.",
        remedy="Synchronize the clock: `sudo timedatectl set-ntp true`.",
    ),
)

RUNTIME: Final = (
    Finding(
        id="runtime_unavailable",
        area="runtime",
        severity="error",
        title="The runtime cannot be used on this machine",
        meaning="Docker was requested and does not answer, is too old, or this user has no access "
        "to it; or the command runs as root and cannot switch to another user for PostgreSQL.",
        remedy=RuntimeUnavailable.remedy,
    ),
    Finding(
        id="image_missing",
        area="runtime",
        severity="error",
        title="A container image is missing",
        meaning="It is neither on this machine nor in its registry, or the registry does not "
        "answer.",
        remedy=ImageMissing.remedy,
    ),
    Finding(
        id="image_not_pinned",
        area="runtime",
        severity="warning",
        title="The tag of an image is not pinned to a version",
        meaning="`latest`, `main-stable` or `lts` can become another version at any time, with "
        "another database schema.",
        remedy="Set a version or a digest under images: in gateway.yaml.",
    ),
    Finding(
        id="environment_broken",
        area="runtime",
        severity="error",
        title="The embedded environment is damaged",
        meaning="A program or package in the cache folder is missing: it was deleted, or the disk "
        "was full during the installation. The environment contains none of your data and is "
        "rebuilt from locked packages.",
        remedy=EnvironmentBroken.remedy,
        fix="marks it as incomplete, so that the next `up` rebuilds it",
    ),
    Finding(
        id="environments_old",
        area="runtime",
        severity="info",
        title="The cache contains environments of other versions",
        meaning="Each version of gatewayctl creates its own, about 1.5 GB. The stack of another "
        "project may still run from one.",
        remedy=_FIX,
        fix="removes those that no process uses",
    ),
    Finding(
        id="processes_left",
        area="runtime",
        severity="warning",
        title="Orphan processes of an earlier run are left",
        meaning="They belong to this project, but their supervisor was killed. They occupy ports "
        "and memory.",
        remedy=_FIX,
        fix="stops them",
    ),
    Finding(
        id="litellm_vulnerable",
        area="runtime",
        severity="error",
        title="This version of LiteLLM has a known vulnerability",
        meaning="The evidence shows the advisory and the version that fixes it.",
        remedy="Set images.litellm in gateway.yaml to a fixed version, then run `gatewayctl up`.",
    ),
    Finding(
        id="litellm_bad_tracing",
        area="runtime",
        severity="warning",
        title="Tracing is broken in this version of LiteLLM",
        meaning="Spans are lost, duplicated or lack their component; `trace verify` fails.",
        remedy="Set images.litellm in gateway.yaml to another version, then run `gatewayctl up`.",
    ),
)
