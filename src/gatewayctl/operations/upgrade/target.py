"""Which release an upgrade goes to, and which ones it refuses.

Owns the meaning of `--to`, and what makes a release a bad idea. Must not know how one is started.
"""

from __future__ import annotations

import re
from typing import Final

from gatewayctl.errors import UpgradeRefused, UsageProblem
from gatewayctl.operations.diagnosis.advisories import find_advisories, is_moving_tag, parse_version
from gatewayctl.settings.image import fault, unpinned
from gatewayctl.settings.model import Images

_VERSION: Final = re.compile(r"v?(\d+\.\d+\.\d+(?:[-.][0-9A-Za-z]+)*)")


def image_for(wanted: str | None, running: str) -> str:
    """The image of a version, from where the running one is; a whole image's name stays as it is.

    Without ``wanted`` the version that this gatewayctl was made for. Raises UsageProblem.
    """
    asked = wanted or Images().litellm.rpartition(":")[2]
    if version := _VERSION.fullmatch(asked):
        repository, tag = _parted(running)
        # Mirrors keep the tags of what they mirror, with or without the letter.
        letter = "" if re.match(r"\d", tag) else "v"
        return f"{repository}:{letter}{version[1]}"
    if why := fault(asked) or unpinned(asked) or _moving(asked):
        raise UsageProblem(
            f"--to {why}.", hint="Name a version such as 1.108.11, or a whole image's name."
        )
    return asked


def require_safe_release(image: str, running: str) -> tuple[str, ...]:
    """Raise UpgradeRefused for a release that is older or known to be vulnerable.

    Returns what is worth a warning: what is only reported, or wrong with tracing.
    """
    found = find_advisories(image, image=True)
    grave = [a for a in found if a.finding == "litellm_vulnerable" and not a.reported]
    if grave:
        said = "; ".join(f"{advisory.id}: {advisory.what}" for advisory in grave)
        raise UpgradeRefused(f"{image} is known to be vulnerable: {said}.")
    if is_newer(running, image):
        raise UpgradeRefused(
            f"{image} is older than {running}, which runs: a database does not go back with it.",
            hint="Go back with `gatewayctl rollback`, or with `gatewayctl restore FILE`.",
        )
    return tuple(f"{image}: {advisory.what} ({advisory.id})." for advisory in found)


def is_newer(running: str, image: str) -> bool:
    """True when what runs is newer than the image."""
    now, then = parse_version(running), parse_version(image)
    return now is not None and then is not None and then < now


def _moving(asked: str) -> str:
    if ":" not in asked and "@" not in asked:
        return f"must name a version, not {asked!r}"
    return (
        f"must name a version: what {asked} is changes without notice"
        if is_moving_tag(asked)
        else ""
    )


def _parted(image: str) -> tuple[str, str]:
    """Repository and tag, such as ``ghcr.io/berriai/litellm`` and ``v1.108.11``."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    return f"{folder}{slash}{repository}", tag
