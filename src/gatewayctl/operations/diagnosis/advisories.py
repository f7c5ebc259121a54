"""Which advisories are about a release of LiteLLM, and the refusal of a malicious one.

Owns the comparison of versions; the table is advisory_table. Must not know which version is
running.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gatewayctl.errors import ReleaseMalicious, UsageProblem
from gatewayctl.operations.diagnosis.advisory_table import ADVISORIES, Advisory
from gatewayctl.settings.image import match_version, parse_version
from gatewayctl.settings.model import RuntimeName, Settings


def find_advisories(
    release: str, *, image: bool, table: Sequence[Advisory] = ADVISORIES
) -> tuple[Advisory, ...]:
    """Find the advisories about a version, such as ``1.83.5`` or an image ``…:v1.83.5``.

    ``image``: the release is a container image, not packages. A digest is compared too.
    """
    return tuple(
        advisory
        for advisory in table
        if not (advisory.package_only if image else advisory.image_only)
        and _is_affected(advisory, release)
    )


def require_not_malicious(
    settings: Settings, runtime: RuntimeName, accepted: Collection[str] = ()
) -> None:
    """Refuse to start an image of LiteLLM that is known to be malicious.

    ``accepted`` are the ids of advisories whose risk the operator accepts. The embedded runtime has
    packages locked by hash, and starts no image. Raises ReleaseMalicious, and UsageProblem for an
    id that the table does not have.
    """
    require_known_ids(accepted)
    image = settings.images.litellm
    bad = None if runtime == "embedded" else find_malicious(image)
    if bad is not None and bad.id not in accepted:
        raise ReleaseMalicious(
            f"images.litellm ({settings.source_of('images.litellm')}) is {image}, which is known "
            f"to be malicious: {bad.summary} ({bad.id}). Nothing was changed."
        )


def find_malicious(image: str) -> Advisory | None:
    """The advisory about a malicious image; None if none is known."""
    found = find_advisories(image, image=True)
    return next((each for each in found if each.finding == "litellm_malicious"), None)


def require_known_ids(ids: Collection[str]) -> None:
    """Raise UsageProblem for the first id that is not one of an advisory."""
    known = [advisory.id for advisory in ADVISORIES]
    for each in ids:
        if each not in known:
            raise UsageProblem(
                f"Invalid --accept-risk {each!r}: there is no such advisory.",
                hint="Give the id that the refusal reports, such as MAL-2026-2144.",
            )


def _is_affected(advisory: Advisory, release: str) -> bool:
    if any(release.endswith(digest) for digest in advisory.digests):
        return True
    found, version = match_version(release), parse_version(release)
    if found is None or version is None:
        return False
    if advisory.versions:
        # A release candidate of a bad release is another build.
        listed = [parse_version(each) for each in advisory.versions]
        return version in listed and not found["early"]
    if version < (parse_version(advisory.since) or (0,)):
        return False
    fixes = [fix for each in advisory.fixed_in if (fix := parse_version(each))]
    same_line = [fix for fix in fixes if fix[:2] == version[:2]]
    return version < (same_line or fixes)[-1]
