"""The images of a stack: which ones it needs, and how missing ones are fetched.

Owns the progress of a pull and the meaning of its errors. Must not know containers.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from gatewayctl.errors import (
    BuildFailed,
    DigestUnknown,
    FileUnwritable,
    ImageMissing,
    RegistryUnreachable,
    RuntimeProblem,
    SignatureInvalid,
)
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.docker import engine, signatures
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.runtimes.image_digests import ImageDigest
from gatewayctl.runtimes.process import map_lines
from gatewayctl.settings.image import split_reference
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
_REFUSED: Final = re.compile("denied|unauthorized", re.IGNORECASE)
_UNTRUSTED: Final = re.compile(r"x509:|certificate signed by unknown authority", re.IGNORECASE)
_NO_PROXY: Final = re.compile(r"proxyconnect|proxy authentication required", re.IGNORECASE)
_BUILD_LINES: Final = 20
_LITELLM: Final = "images.litellm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image and the setting that selects it."""

    name: str
    setting: str


def needed_images(settings: Settings, services: Sequence[str]) -> tuple[Image, ...]:
    """The images of these services and of the apps that are not built here, each once."""
    # postgres-litellm and postgres-phoenix share images.postgres.
    fields = [service.partition("-")[0] for service in services]
    # The client programs that check and dump a database of others.
    fields += ["postgres"] if settings.services.postgres else []
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
    """Pull the images that are missing, or with ``refresh`` all, and verify LiteLLM's signature.

    Raises ImageMissing if a registry does not have one, RegistryUnreachable if it does not answer,
    and SignatureInvalid for an image that is removed again; so is one whose verification did not
    end. An image of a pull that was killed is verified here.
    """
    for image in images:
        present = docker.image_id(image.name)
        if refresh or present is None:
            yield from _pull(docker, settings, image)
        elif signatures.is_unverified(settings.state_dir, image.name, present):
            yield from _complete(docker, settings, image, "present")


def resolve_digests(
    docker: DockerCli, settings: Settings, images: Sequence[Image]
) -> Generator[Progress, None, tuple[ImageDigest, ...]]:
    """Find the digest of each image, pulling those that have none, and verify LiteLLM's signature.

    A digest that is configured stays. Raises what fetch_images() raises, and DigestUnknown.
    """
    found = []
    for image in images:
        pinned = _pinned_name(docker, image.name)
        if pinned is None:
            try:
                yield from _pull(docker, settings, image)
            except (ImageMissing, RegistryUnreachable) as error:
                if docker.image_id(image.name) is None:
                    raise
                answers = not isinstance(error, RegistryUnreachable)
                raise _digest_unknown(image, answers=answers) from error
            pinned = _pinned_name(docker, image.name)
        if pinned is None:
            raise _digest_unknown(image, answers=True)
        signature = signatures.check_signature(pinned)
        yield Progress(subject=image.name, state="ready", detail=split_reference(pinned).digest)
        found.append(
            ImageDigest(
                name=image.setting.rpartition(".")[2],
                image=image.name,
                pinned=pinned,
                signature=signature,
            )
        )
    return tuple(found)


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
    if _UNTRUSTED.search(reason):
        return RegistryUnreachable(
            f"The Docker engine does not trust the registry of {image.name}: {reason}",
            hint="Give the engine the certificate of your company: docs/proxy.md.",
        )
    if _NO_PROXY.search(reason):
        return RegistryUnreachable(
            f"The Docker engine cannot use its proxy to pull {image.name}: {reason}",
            hint="Correct the proxy of the engine: docs/proxy.md.",
        )
    named = f"{image.name} ({image.setting}, from {settings.source_of(image.setting)})"
    if _NO_NETWORK.search(reason):
        return RegistryUnreachable(
            f"The image {named} is missing, and its registry does not answer: {reason}"
        )
    if _NO_IMAGE.search(reason):
        # A registry answers the same for what does not exist and for what needs a login.
        refused = _REFUSED.search(reason)
        said = (
            f"The registry does not give the image {named}"
            if refused
            else f"There is no image {named}"
        )
        return ImageMissing(f"{said}: {reason}")
    return engine.failure(output, doing=f"pull the image {image.name}")


def _pull(docker: DockerCli, settings: Settings, image: Image) -> Generator[Progress, None, None]:
    if image.setting != _LITELLM:
        yield from _download(docker, settings, image)
        yield Progress(subject=image.name, state="ready", detail="pulled")
        return
    before = docker.image_id(image.name)
    signatures.begin_pull(settings.state_dir, image.name, before)
    try:
        yield from _download(docker, settings, image)
    except BaseException:
        # The engine may have finished the pull all the same.
        _remove_unverified(docker, settings, image)
        raise
    yield from _complete(docker, settings, image, "pulled")


def _complete(
    docker: DockerCli, settings: Settings, image: Image, done: str
) -> Generator[Progress, None, None]:
    """Verify an image of LiteLLM that was pulled. One that cannot be verified does not stay."""
    try:
        verified = _verify(docker, image)
    except BaseException:
        # A present image is started without asking its registry again.
        _remove_unverified(docker, settings, image)
        raise
    signatures.end_pull(settings.state_dir, image.name)
    yield Progress(subject=image.name, state="ready", detail=f"{done}{verified}")


def _remove_unverified(docker: DockerCli, settings: Settings, image: Image) -> None:
    """Remove what a pull brought; the image from before it stays, if that is present again.

    Where it cannot be removed, its record stays, and the next start verifies it.
    """
    with suppress(RuntimeProblem, FileUnwritable):
        found = docker.image_id(image.name)
        if signatures.is_unverified(settings.state_dir, image.name, found):
            docker.remove_image(image.name)
            found = docker.image_id(image.name)
        if not signatures.is_unverified(settings.state_dir, image.name, found):
            signatures.end_pull(settings.state_dir, image.name)


def _download(
    docker: DockerCli, settings: Settings, image: Image
) -> Generator[Progress, None, None]:
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


def _verify(docker: DockerCli, image: Image) -> str:
    """Verify the signature of LiteLLM's image; returns what to add to «pulled»."""
    pinned = _pinned_name(docker, image.name)
    if pinned is None:
        return ""
    try:
        signature = signatures.check_signature(pinned)
    except SignatureInvalid:
        # Also if it was there before.
        docker.remove_image(image.name)
        raise
    if signature.verified:
        return f"; signature verified ({signature.said})"
    return f"; signature not checked: {signature.said}"


def _pinned_name(docker: DockerCli, image: str) -> str | None:
    """The name of an image with its digest; None if no registry gave it one."""
    repository, tag, digest = split_reference(image)
    if digest:
        return image
    for each in docker.repo_digests(image):
        theirs, _, digest = each.partition("@")
        if _familiar(theirs) == _familiar(repository):
            return f"{repository}{f':{tag}' if tag else ''}@{digest}"
    return None


def _familiar(repository: str) -> str:
    """The name of a repository as Docker prints it."""
    return repository.removeprefix("docker.io/").removeprefix("library/")


def _digest_unknown(image: Image, *, answers: bool) -> DigestUnknown:
    why = "does not have it" if answers else "does not answer"
    return DigestUnknown(
        f"The image {image.name} ({image.setting}) was built on this machine, so it has no digest, "
        f"and its registry {why}."
    )


def _build_step(subject: str, line: str) -> Progress | None:
    step = line.strip()[:60]
    return Progress(subject=subject, state="working", detail=step) if step else None
