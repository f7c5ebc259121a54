"""The images of a stack: which ones it needs, and how missing ones are fetched.

Owns the progress of a pull and the meaning of its errors. Must not know containers.
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
    """An image and the setting that selects it."""

    name: str
    setting: str


def needed_images(settings: Settings, services: Sequence[str]) -> tuple[Image, ...]:
    """The images of these services and of the apps that are not built here, each once."""
    # postgres-litellm and postgres-phoenix share images.postgres.
    fields = [service.partition("-")[0] for service in services]
    found = [Image(name=getattr(settings.images, f), setting=f"images.{f}") for f in fields]
    found += [
        Image(name=app.image, setting=f"apps.{app.name}.image")
        for app in settings.apps
        if app.image is not None
    ]
    return tuple({image.name: image for image in found}.values())


def fetch_images(
    docker: DockerCli, settings: Settings, images: Sequence[Image], *, refresh: bool
) -> Generator[Progress, None, None]:
    """Pull the images that are missing, or with ``refresh`` all.

    Raises ImageMissing if a registry does not have one, RegistryUnreachable if it does not answer.
    """
    for image in images:
        if refresh or docker.image_id(image.name) is None:
            yield from _pull(docker, settings, image)


def build_images(docker: DockerCli, apps: Sequence[str]) -> Generator[Progress, None, None]:
    """Build the images of these apps; unchanged ones come from the cache. Raises BuildFailed."""
    for app in apps:
        yield Progress(subject=app, state="working", detail="building its image")
        done = yield from map_lines(docker.build([app]), partial(_build_step, app))
        if done.returncode:
            output = engine.without_lines_of_env(done.stdout)
            ending = "\n".join(output.splitlines()[-_BUILD_LINES:])
            raise BuildFailed(f"The image of the app {app} could not be built:\n{ending}")


def pull_failure(output: str, image: Image, settings: Settings) -> RuntimeProblem:
    """The failure that the last line of a pull describes."""
    reason = engine.last_line(output)
    named = f"{image.name} ({image.setting}, from {settings.source_of(image.setting)})"
    if _NO_NETWORK.search(reason):
        return RegistryUnreachable(
            f"The image {named} is missing, and its registry does not answer: {reason}"
        )
    if _NO_IMAGE.search(reason):
        return ImageMissing(f"There is no image {named}: {reason}")
    return engine.failure(output, doing=f"pull the image {image.name}")


def _pull(docker: DockerCli, settings: Settings, image: Image) -> Generator[Progress, None, None]:
    yield Progress(subject=image.name, state="working", detail="pulling")
    layers: dict[str, bool] = {}

    def parse_layer(line: str) -> Progress | None:
        found = _LAYER.match(line)
        if found is None:
            return None
        layers[found[1]] = layers.get(found[1], False) or found[2].startswith(_DONE)
        present = sum(layers.values())
        return Progress(
            subject=image.name,
            state="working",
            detail=f"{present} of {len(layers)} layers",
            fraction=present / len(layers),
        )

    done = yield from map_lines(docker.pull(image.name), parse_layer)
    if done.returncode:
        raise pull_failure(done.stdout, image, settings)
    yield Progress(subject=image.name, state="ready", detail="pulled")


def _build_step(subject: str, line: str) -> Progress | None:
    step = line.strip()[:60]
    return Progress(subject=subject, state="working", detail=step) if step else None
