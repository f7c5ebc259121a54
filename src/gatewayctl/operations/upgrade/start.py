"""What upgrade and rollback share: change the image setting, then start and verify the release.

Owns the order of the steps; each of them may be repeated. Must not know why the release changes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Final

from gatewayctl.errors import SettingsProblem
from gatewayctl.operations.project.load_check import check_config
from gatewayctl.operations.project.snapshot import Project
from gatewayctl.operations.stack.start import StartedStack, start_stack
from gatewayctl.operations.upgrade.baseline import Baseline
from gatewayctl.operations.upgrade.setting import find_place
from gatewayctl.operations.upgrade.verify import UpgradeVerification, verify_upgrade
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.database import Database
from gatewayctl.runtimes.databases import databases
from gatewayctl.settings.model import Settings

_LATE: Final = (
    "Phoenix does not show the trace of the verification yet: try `gatewayctl chat --verify`."
)


def change_image(
    reload: Callable[[], Project], image: str, write: Callable[[Settings, str], None]
) -> Generator[Progress, None, Project]:
    """Have ``write`` set the image in its file; returns the project with the new settings.

    Raises SettingsProblem where another image is in effect after that, and what ``write`` raises.
    """
    settings = reload().settings
    place, detail = find_place(settings), f"images.litellm is {image}"
    yield Progress(subject=place, state="working", detail=detail)
    write(settings, image)
    project = reload()
    found = project.settings.images.litellm
    if found != project.settings.pulled_name(image):
        source = project.settings.source_of("images.litellm")
        raise SettingsProblem(
            f"{source} sets images.litellm to {found}, not to {image}, which was just written."
        )
    yield Progress(subject=place, state="ready", detail=detail)
    return project


def check_release_config(project: Project, image: str) -> Generator[Progress, None, None]:
    """Have LiteLLM of a release load the operator's configuration, before anything is changed.

    Raises SettingsInvalid for what that release refuses.
    """
    settings, resolved = project.settings, project.resolved
    if project.releases.selectable and resolved.loader is not None:
        images = replace(settings.images, litellm=settings.pulled_name(image))
        settings = replace(settings, images=images)
        resolved = replace(resolved, loader=resolved.loader.of(settings))
    yield from check_config(settings, resolved, fetch=True)


def start_and_verify(
    project: Project, *, timeout: float | None, before: Baseline
) -> Generator[Progress, None, tuple[StartedStack, UpgradeVerification]]:
    """Start the stack, wait at most ``timeout`` seconds until it is healthy, and verify it.

    ``before``: what its database must still contain.

    Raises what `up` raises, and NotVerified.
    """
    started = yield from start_stack(project, timeout=timeout)
    database = litellm_database(project)
    found = yield from verify_upgrade(project.settings, project.gateway, database, before=before)
    if found.tracing != "verified":
        started = replace(started, warnings=(*started.warnings, _LATE))
    return started, found


def litellm_database(project: Project) -> Database:
    """LiteLLM's own database, in any runtime."""
    return databases(project.resolved.runtime)[0]
