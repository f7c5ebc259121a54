"""A release started and proven: what upgrade and rollback have in common.

Owns the order of the steps. Every one may be repeated. Must not know why the release changes.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Final

from gatewayctl.errors import SettingsProblem
from gatewayctl.operations.diagnosis.health import ServiceReport
from gatewayctl.operations.project.render import render
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.stack.apps import start_apps
from gatewayctl.operations.stack.wait import wait_ready
from gatewayctl.operations.upgrade.verify import UpgradeVerification, verify_upgrade
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.databases import Database, databases
from gatewayctl.runtimes.runtime_marker import write_runtime

_LATE: Final = "Phoenix has not shown the proof's trace yet: `gatewayctl chat --verify` tells more."


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedRelease:
    """A start that was waited for, and proven."""

    restarted: tuple[str, ...]
    services: tuple[ServiceReport, ...]
    proof: UpgradeVerification
    warnings: tuple[str, ...]


def start_and_verify(
    project: Project, *, timeout: float, keys: tuple[str, ...], rows: Mapping[str, int]
) -> Generator[Progress, None, StartedRelease]:
    """Start with the files of now, wait at most ``timeout`` seconds, prove.

    Raises what `up` does, and NotVerified.
    """
    settings, runtime, http = project.settings, project.resolved.runtime, project.gateway.http
    rendered = render(settings, runtime=project.resolved.name)
    yield from runtime.prepare()
    write_runtime(settings.state_dir, project.resolved.name)
    started = yield from runtime.start()
    services = yield from wait_ready(settings, runtime, http, timeout=timeout)
    apps = yield from start_apps(settings, runtime, http, timeout=timeout)
    database = litellm_database(project)
    proof = yield from verify_upgrade(settings, project.gateway, database, keys=keys, rows=rows)
    return StartedRelease(
        restarted=(*started.started, *started.restarted, *apps.started, *apps.restarted),
        services=(*services, *apps.services),
        proof=proof,
        warnings=(
            *rendered.warnings,
            *apps.warnings,
            *(() if proof.tracing == "verified" else (_LATE,)),
        ),
    )


def litellm_database(project: Project) -> Database:
    """LiteLLM's own database, whatever runs its server."""
    return databases(project.resolved.runtime)[0]


def require_image(project: Project, image: str) -> None:
    """Raise SettingsProblem where the files still say something else."""
    settings = project.settings
    if settings.images.litellm != image:
        raise SettingsProblem(
            f"{settings.source_of('images.litellm')} says {settings.images.litellm}, "
            f"and not {image}, which was just written."
        )
