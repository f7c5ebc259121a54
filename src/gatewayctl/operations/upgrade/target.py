"""Which release an upgrade goes to, and which ones it refuses.

Owns the meaning of `--to`, and which releases are unsafe. Must not know how one is started.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from gatewayctl.errors import UpgradeRefused, UsageProblem
from gatewayctl.operations.diagnosis.advisories import (
    find_advisories,
    require_known_ids,
)
from gatewayctl.settings.image import (
    explain_invalid,
    explain_unpinned,
    is_moving_tag,
    parse_version,
    split_reference,
)
from gatewayctl.settings.model import Images

_VERSION: Final = re.compile(r"v?(\d+\.\d+\.\d+(?:[-.][0-9A-Za-z]+)*)")


def image_for(wanted: str | None, running: str) -> str:
    """The image of a version, from the repository of the running one; a full image name stays.

    ``wanted`` defaults to the version this gatewayctl was made for. Raises UsageProblem.
    """
    requested = wanted or Images().litellm.rpartition(":")[2]
    if version := _VERSION.fullmatch(requested):
        repository, tag, _ = split_reference(running)
        # The tags of a mirror have the prefix v or not, as the running one shows.
        prefix = "" if re.match(r"\d", tag) else "v"
        return f"{repository}:{prefix}{version[1]}"
    why = explain_invalid(requested) or explain_unpinned(requested) or _explain_moving(requested)
    if why:
        raise UsageProblem(
            f"--to {why}.", hint="Use a version such as 1.108.14, or a full image name."
        )
    return requested


def require_safe_release(
    image: str, running: str, accepted: Collection[str] = ()
) -> tuple[str, ...]:
    """Raise UpgradeRefused for a release that is older, vulnerable or malicious.

    ``accepted`` are the ids of advisories whose risk the operator accepts. Returns warnings: those,
    unconfirmed vulnerabilities, and known problems with tracing.
    """
    require_known_ids(accepted)
    found = find_advisories(image, image=True)
    grave = [
        advisory
        for advisory in found
        if advisory.finding != "litellm_bad_tracing"
        and not advisory.unconfirmed
        and advisory.id not in accepted
    ]
    if grave:
        malicious = any(advisory.finding == "litellm_malicious" for advisory in grave)
        reasons = "; ".join(f"{advisory.id}: {advisory.summary}" for advisory in grave)
        kind = "malicious" if malicious else "vulnerable"
        raise UpgradeRefused(f"{image} is known to be {kind}: {reasons}.")
    if is_newer(running, image):
        raise UpgradeRefused(
            f"{image} is older than the running {running}, and cannot use its newer database.",
            hint="Go back with `gatewayctl rollback`, or with `gatewayctl restore FILE`.",
        )
    return tuple(f"{image}: {advisory.summary} ({advisory.id})." for advisory in found)


def is_newer(running: str, image: str) -> bool:
    """True when the running image is newer than ``image``."""
    current, other = parse_version(running), parse_version(image)
    return current is not None and other is not None and other < current


def _explain_moving(image: str) -> str:
    """Why an image does not name a fixed version; empty where it does."""
    if ":" not in image and "@" not in image:
        return f"must be a version, not {image!r}"
    return f"must be a version: {image} changes without notice" if is_moving_tag(image) else ""
