"""The verb images pin: write the digest of each configured image into its setting.

Every digest is found before anything is written. Images of apps stay as they are.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.operations.state.exclusive import change_project
from gatewayctl.operations.upgrade.setting import find_place, set_images
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.image_digests import ImageDigests, SignatureCheck
from gatewayctl.runtimes.registry import ResolvedRuntime
from gatewayctl.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedImage:
    """One setting: the image before, the image with its digest, and the file that has it."""

    setting: str
    before: str
    after: str
    file: str
    signature: SignatureCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class PinReport:
    """Every image of the stack; ``changed`` is false if all had a digest."""

    project: str
    images: tuple[PinnedImage, ...]
    changed: bool


def pin_images(
    settings: Settings, resolved: ResolvedRuntime
) -> Generator[Progress, None, PinReport]:
    """Pin the images of the stack; repeatable.

    Raises RuntimeUnavailable for a runtime without images, what resolving a digest raises, and
    SettingsProblem for a setting that cannot be changed; nothing is written then.
    """
    runtime = resolved.runtime
    if not isinstance(runtime, ImageDigests):
        raise RuntimeUnavailable(
            f"The {resolved.name} runtime uses no images, and this project uses it, because "
            f"{resolved.why}.",
            hint="Pin the images of Docker with `gatewayctl --runtime docker images pin`.",
        )
    with change_project(settings, "images pin"):
        found = yield from runtime.resolve_digests()
        images = tuple(
            PinnedImage(
                setting=f"images.{each.name}",
                before=each.image,
                after=each.pinned,
                file=find_place(settings, each.name),
                signature=each.signature,
            )
            for each in found
        )
        changes = {each.name: each.pinned for each in found if each.pinned != each.image}
        set_images(settings, changes)
    return PinReport(project=settings.project_name, images=images, changed=bool(changes))
