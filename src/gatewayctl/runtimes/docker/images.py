"""The images of a stack: which ones it needs, and how those that are missing get here.

Owns the progress of a pull and the meaning of its refusals. Must not know containers.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from gatewayctl.errors import BuildFailed, ImageMissing, RegistryUnreachable, RuntimeProblem
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.docker import engine
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.process import map_lines
from gatewayctl.settings.model import Settings

_LAYER: Final = re.compile(r"^([0-9a-f]{12}): (.+)$")
_DONE: Final = ("Pull complete", "Already exists")
_NO_NETWORK: Final = re.compile(
    r"no such host|i/o timeout|connection refused|connection reset|network is unreachable|"
    r"no route to host|TLS handshake timeout|Client\.Timeout|request canceled|"
    r"context deadline exceeded|name resolution|proxyconnect|server misbehaving|EOF$",
    re.IGNORECASE,
)
_NO_IMAGE: Final = re.compile(
    r"manifest unknown|manifest for .* not found|pull access denied|repository .* not found|"
    r"does not exist|not found|unauthorized|denied|invalid reference format|no such image",
    re.IGNORECASE,
)
_BUILD_LINES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image and the setting that names it."""

    name: str
    setting: str


def needed_images(settings: Settings, services: Sequence[str]) -> tuple[Image, ...]:
    """The images of these services and of the apps that are not built, each once."""
    images = settings.images
    by_service = {
        "postgres-litellm": Image(name=images.postgres, setting="images.postgres"),
        "postgres-phoenix": Image(name=images.postgres, setting="images.postgres"),
        "redis": Image(name=images.redis, setting="images.redis"),
        "phoenix": Image(name=images.phoenix, setting="images.phoenix"),
        "litellm": Image(name=images.litellm, setting="images.litellm"),
    }
    found = [by_service[service] for service in services]
    found += [
        Image(name=app.image, setting=f"apps.{app.name}.image")
        for app in settings.apps
        if app.image is not None
    ]
    return tuple({image.name: image for image in found}.values())


def fetch_images(
    docker: DockerCli, settings: Settings, images: Sequence[Image], *, refresh: bool
) -> Generator[Progress, None, None]:
    """Pull the images that are not here, or with ``refresh`` all.

    Raises ImageMissing where a registry does not have one, RegistryUnreachable where none answers.
    """
    for image in images:
        if refresh or docker.image_id(image.name) is None:
            yield from _pull(docker, settings, image)


def build_images(docker: DockerCli, apps: Sequence[str]) -> Generator[Progress, None, None]:
    """Build the images of these apps; what did not change costs nothing. Raises BuildFailed."""
    for app in apps:
        yield Progress(subject=app, state="working", detail="building its image")
        done = yield from map_lines(docker.build([app]), partial(_step, app))
        if done.returncode:
            said = engine.without_lines_of_env(done.stdout)
            ending = "\n".join(said.splitlines()[-_BUILD_LINES:])
            raise BuildFailed(f"The image of the app {app} could not be built:\n{ending}")


def pull_failure(words: str, image: Image, settings: Settings) -> RuntimeProblem:
    """What a pull's last words mean."""
    said = engine.last_line(words)
    named = f"{image.name} ({image.setting}, from {settings.source_of(image.setting)})"
    if _NO_NETWORK.search(said):
        return RegistryUnreachable(
            f"The image {named} is not here, and its registry does not answer: {said}"
        )
    if _NO_IMAGE.search(said):
        return ImageMissing(f"There is no image {named}: {said}")
    return engine.failure(words, doing=f"pull the image {image.name}")


def _pull(docker: DockerCli, settings: Settings, image: Image) -> Generator[Progress, None, None]:
    yield Progress(subject=image.name, state="working", detail="pulling")
    layers: dict[str, bool] = {}

    def news(line: str) -> Progress | None:
        found = _LAYER.match(line)
        if found is None:
            return None
        layers[found[1]] = layers.get(found[1], False) or found[2].startswith(_DONE)
        here = sum(layers.values())
        return Progress(
            subject=image.name,
            state="working",
            detail=f"{here} of {len(layers)} layers",
            fraction=here / len(layers),
        )

    done = yield from map_lines(docker.pull(image.name), news)
    if done.returncode:
        raise pull_failure(done.stdout, image, settings)
    yield Progress(subject=image.name, state="ready", detail="pulled")


def _step(subject: str, line: str) -> Progress | None:
    said = line.strip()
    return Progress(subject=subject, state="working", detail=said[:60]) if said else None
