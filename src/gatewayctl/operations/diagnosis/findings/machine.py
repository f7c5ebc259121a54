"""What can be wrong with the machine and the runtime. Owns the texts only."""

from __future__ import annotations

from typing import Final

from gatewayctl.errors import (
    DiskFull,
    EnvironmentBroken,
    FolderUnusable,
    ImageMissing,
    InstallFailed,
    PortTaken,
    ProjectNameTaken,
    ReleaseMalicious,
    RuntimeUnavailable,
    VolumesMissing,
)
from gatewayctl.operations.diagnosis.findings.finding import Finding

MACHINE: Final = (
    Finding.of(
        PortTaken,
        area="machine",
        title="A port of the stack is used by another process",
        meaning="Two programs cannot listen on the same port. Nothing was started, and the other "
        "program keeps running.",
    ),
    Finding.of(
        DiskFull,
        area="machine",
        title="The disk is full",
        meaning="PostgreSQL cannot write and exits; committed data is safe. Backups and restores "
        "stop earlier, while 200 MB are still free.",
    ),
    Finding.of(
        FolderUnusable,
        area="machine",
        title="A folder of the project cannot be used",
        meaning="In `.gatewayctl`, a file is in the place of a folder, a link leads to a disk that "
        "is not mounted, or a folder belongs to another user. Nothing was started or deleted.",
    ),
    Finding(
        id="disk_low",
        area="machine",
        severity="warning",
        title="Free disk space is low",
        meaning="Traces and spend logs grow with every call; a full disk stops the databases.",
        remedy="Free disk space (`du -xh -d 2 . | sort -h`), or move the project to a larger disk.",
    ),
    Finding(
        id="out_of_memory",
        area="machine",
        severity="error",
        title="A service ended for lack of memory",
        meaning="LiteLLM needs about 500 MB, Phoenix 400 MB, PostgreSQL 100 MB. The kernel kills "
        "the largest process when memory runs out; so does the limit of a container or cgroup.",
        remedy="Free memory or raise the limit, then run `gatewayctl up`.",
    ),
    Finding(
        id="service_killed",
        area="machine",
        severity="error",
        title="A service was killed",
        meaning="It got the signal SIGKILL. A person or a program can send it, and the kernel does "
        "when memory runs out.",
        remedy="Run `gatewayctl up`. If it is killed again, `sudo dmesg` shows whether the kernel "
        "did it («Out of memory: Killed process»): free memory then, or raise the limit.",
    ),
    Finding(
        id="memory_low",
        area="machine",
        severity="warning",
        title="Free memory is low",
        meaning="The stack needs about 1.2 GB; with less, a service may be killed while starting.",
        remedy="Stop other programs: `ps -Ao rss,pid,comm | sort -rn | head` lists the largest.",
    ),
    Finding(
        id="clock_differs",
        area="machine",
        severity="warning",
        title="Clock skew between a service and this machine",
        meaning="Traces are out of order, keys expire early or late, and `--since` misses entries.",
        remedy="Let the machine set its clock by the network: `sudo timedatectl set-ntp true` on "
        "Linux, `sudo sntp -sS time.apple.com` on macOS. Restart Docker Desktop too: its "
        "virtual machine has its own clock.",
    ),
)

RUNTIME: Final = (
    Finding.of(
        RuntimeUnavailable,
        area="runtime",
        title="The runtime cannot be used on this machine",
        meaning="Docker does not answer, is too old, or denies access; or root cannot switch to "
        "another user to run PostgreSQL, or the embedded runtime has no packages for this machine.",
    ),
    Finding.of(
        ProjectNameTaken,
        area="runtime",
        title="Another project has the same name",
        meaning="Compose identifies projects by name only: two folders with one name would stop "
        "and recreate each other's containers. Nothing was started.",
    ),
    Finding.of(
        VolumesMissing,
        area="runtime",
        title="The engine has none of the project's volumes",
        meaning="The databases are in volumes of another engine, or the volumes were deleted with "
        "Docker's own commands. A start would create empty databases with the same keys, so that "
        "nothing would look wrong. Nothing was started.",
    ),
    Finding.of(
        ImageMissing,
        area="runtime",
        title="A container image is missing",
        meaning="It is neither on this machine nor in its registry, or the registry does not "
        "answer.",
    ),
    Finding(
        id="image_not_pinned",
        area="runtime",
        severity="warning",
        title="An image is not pinned to a version",
        meaning="`latest`, `main-stable` or `lts` can become another version at any time, with "
        "another database schema.",
        remedy="Set a version or a digest under images: in gateway.yaml.",
    ),
    Finding.of(
        EnvironmentBroken,
        area="runtime",
        title="The embedded environment is damaged",
        meaning="A program or package in the cache folder is missing: it was cleaned up, or the "
        "disk was full. The cache holds none of your data and is rebuilt from locked packages.",
        fix="marks it as incomplete, so that the next `up` rebuilds it",
    ),
    Finding.of(
        InstallFailed,
        area="runtime",
        title="The embedded environment could not be installed",
        meaning="uv or npm ended with the error in the evidence: the package index does not "
        "answer, a proxy refuses, its certificate is not trusted. Nothing was started, and the "
        "next `up` installs again from the beginning.",
    ),
    Finding(
        id="environments_old",
        area="runtime",
        severity="info",
        title="Environments of other versions are in the cache",
        meaning="Each version of gatewayctl creates its own, about 1.5 GB. A stack of another "
        "project may still use one.",
        remedy="Run `gatewayctl doctor --fix`.",
        fix="removes those that no process uses",
    ),
    Finding(
        id="processes_left",
        area="runtime",
        severity="warning",
        title="Orphan processes of an earlier run",
        meaning="They belong to this project, but their supervisor was killed. They use ports and "
        "memory.",
        remedy="Run `gatewayctl doctor --fix`.",
        fix="stops them",
    ),
    Finding.of(
        ReleaseMalicious,
        area="runtime",
        title="This release of LiteLLM is malicious",
        meaning="It was published by an attacker. `up`, `restart` and `upgrade` refuse it, unless "
        "its risk is accepted: `--accept-risk ID`.",
    ),
    Finding(
        id="advisories_old",
        area="runtime",
        severity="info",
        title="The table of LiteLLM's known problems is old",
        meaning="gatewayctl knows the advisories up to the day that the evidence shows, and not "
        "those published since.",
        remedy="Install a newer gatewayctl, or read LiteLLM's security advisories yourself.",
    ),
    Finding(
        id="litellm_vulnerable",
        area="runtime",
        severity="error",
        title="This version of LiteLLM has a known vulnerability",
        meaning="The evidence shows the advisory and the version with the fix.",
        remedy="Set images.litellm in gateway.yaml to a fixed version, then run `gatewayctl up`.",
    ),
    Finding(
        id="litellm_bad_tracing",
        area="runtime",
        severity="warning",
        title="This version of LiteLLM has a tracing bug",
        meaning="Spans are lost, duplicated or without their component; `trace verify` fails.",
        remedy="Set images.litellm in gateway.yaml to another version, then run `gatewayctl up`.",
    ),
)
