"""What a cluster cannot run as it is declared, reported before anything is rendered.

Must not know objects: it reads the settings alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.network import LOOPBACK_HOSTS
from gatewayctl.rendering.kubernetes.mounts import MOST_BYTES, mounted_files
from gatewayctl.settings.declared.apps import App
from gatewayctl.settings.model import Settings

_SERVICE: Final = re.compile(r"[a-z]([a-z0-9\-]{0,61}[a-z0-9])?")
"""The name of a Service is stricter than a label of DNS: it begins with a letter."""
_MACHINE: Final = (*LOOPBACK_HOSTS, "host.docker.internal")


def check_supported(settings: Settings) -> None:
    """Raise SettingsInvalid with everything that has to be declared in another way."""
    found = [
        Problem(source=str(settings.source_of(name)), message=message)
        for name, message in _problems(settings)
    ]
    if found:
        raise SettingsInvalid(problems=tuple(found))


def _problems(settings: Settings) -> Iterator[tuple[str, str]]:
    """The name of each setting, and what is wrong with it."""
    for app in settings.apps:
        yield from _app_problems(app)
    for store in settings.tracing.stores:
        if urlsplit(store.endpoint).hostname in _MACHINE:
            yield (
                "tracing",
                f"tracing: {store.endpoint} is this machine, which pods in a cluster do not reach",
            )
    size = sum(file.source.stat().st_size for file in mounted_files(settings))
    if size > MOST_BYTES:
        yield (
            "services.litellm.mounts",
            (
                f"services.litellm.mounts has {size // 1024} KiB, and a Secret holds at most"
                f" {MOST_BYTES // 1024}: build an image with these files, and name it in"
                " images.litellm"
            ),
        )


def _app_problems(app: App) -> Iterator[tuple[str, str]]:
    if app.image is None:
        yield (
            f"apps.{app.name}.build",
            (
                f"apps.{app.name}: a cluster cannot build: push the image to a registry that it"
                " reaches, and name it with image:"
            ),
        )
    if not _SERVICE.fullmatch(app.name):
        yield (
            f"apps.{app.name}",
            f"apps.{app.name}: in a cluster the name of an app must begin with a letter",
        )
